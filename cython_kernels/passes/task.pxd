"""What a pass over X is asked for.

Each row comes from memory once and serves the forward and the backward half. A pass walks its rows
in blocks that stay in cache: decision values z of the block, then the link (loss and residuals, or
curvature), then the gradient of the same rows, swept together with the decision values of the next
block (blocks.pxd). The work is split into parts, one a thread: each takes rows of its own
(by_rows.pxd) or columns of its own (by_columns.pxd). What the parts add up is added in order, so
the same n_parts gives the same bits whatever number of threads the machine really provides.

Several coefficient vectors (n_coefs > 1) share the pass in a way of their own (tiles.pxd), but for
the shortest rows, which they go over in turn, block by block (short_rows.pxd).
"""

from libc.stdint cimport uint8_t
from libc.string cimport memset

from cython_kernels.link.targets cimport Targets

cdef enum Verb:
    DECISION    # z alone
    LOSS        # and the log loss
    GRADIENT    # and its gradient
    PRODUCT     # X^T (curvature * z) instead: a Hessian-vector product

cdef enum Way:
    LONG_ROWS       # of a C-ordered X, swept with those of the last block
    SHORT_ROWS      # that registers hold, both halves of a block at once
    SHORT_BYTES     # the same of uint8, by integer arithmetic
    PANELS          # stretches of the columns of a Fortran-ordered X
    CENTRED_ROWS    # features (x - center) unit in float64, by rows
    CENTRED_PANELS  # and by columns
    TILES           # for several coefficient vectors at once

cdef struct Plan:
    Way way
    bint columns_shared                  # parts are columns, else rows
    Py_ssize_t block_rows                # of a block or a panel
    Py_ssize_t step_rows                 # of each part, between two looks for signals
    Py_ssize_t link_rows                 # of tiles: what the link takes at once
    Py_ssize_t tile_columns              # of one
    bint in_place                        # no tile is copied
    Py_ssize_t ahead                     # elements to the block that is asked for meanwhile, or 0
    bint moved                           # its features are neither x nor x widened
    bint single_link                     # the link in float32
    bint single_z                        # and z, too, stays in it

cdef struct Pass:
    Verb verb
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_coefs
    Py_ssize_t row_stride                # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    Targets y                            # (n_samples,)
    const double* sample_weight          # (n_samples,), or NULL: all one
    const double* offset                 # (n_samples,), added to z, or NULL
    const uint8_t* fold                  # (n_samples,), or NULL: rows of fold held_out[k] have
    const int* held_out                  # (n_coefs,), no weight for vector k
    bint softmax                         # y are classes, of which each vector is one
    const double* curvature              # (n_coefs, n_samples), for PRODUCT
    const double* center                 # (n_features,): features are (x - center) unit in
    const double* unit                   # float64 (centred.pxd), or both NULL: x as it is
    const double* coef                   # (n_coefs, n_features)
    const double* intercept              # (n_coefs,)
    double* decision                     # out (n_coefs, n_samples), or NULL
    double* loss                         # out (n_coefs,), sums; (1,) of softmax
    double* gradient                     # out (n_coefs, n_features), sums
    double* intercept_gradient           # out (n_coefs,), sums
    Plan plan
    char* coef_registers                 # in the workspace, as are the parts
    char* parts


cdef inline Pass new_pass(
    Verb verb, Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_coefs,
    Py_ssize_t row_stride, Py_ssize_t column_stride, int n_parts
) noexcept nogil:
    """A pass of this shape, without a plan; every pointer is still NULL."""
    cdef Pass task
    memset(&task, 0, sizeof(task))
    task.verb = verb
    task.n_parts = n_parts
    task.n_samples = n_samples
    task.n_features = n_features
    task.n_coefs = n_coefs
    task.row_stride = row_stride
    task.column_stride = column_stride
    return task
