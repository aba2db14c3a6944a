"""What a stochastic descent over dense rows reads and changes, and the memory that it needs."""

from libc.string cimport memset

from cython_kernels.link.targets cimport Targets
from cython_kernels.registers.vector cimport VEC64_LANES, vec64

cdef enum:
    MOST_BATCH_ROWS = 64    # as many as the softmax takes at once

cdef struct Walk:
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_coefs
    Py_ssize_t row_stride           # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    Py_ssize_t batch_rows           # MOST_BATCH_ROWS at most
    bint softmax
    bint fit_intercept
    Targets y
    const double* sample_weight     # or NULL: all one
    double row_share                # of one row in the mean over a batch
    double l2
    double l1
    double momentum
    Py_ssize_t n_directions         # of the metric, perhaps none
    const double* directions        # (n_directions, registers), each zero past its end
    const double* gains             # (n_directions,)
    const double* flat              # (n_features,)
    const double* inverse           # (n_features, registers), likewise: M, or NULL
    double intercept_gain
    double* coef                    # (n_coefs, n_features), in and out, as are
    double* intercept               # (n_coefs,)
    double* velocity                # (n_coefs, n_features + 1), or NULL without momentum
    double* average                 # (n_coefs, n_features + 1), or NULL
    double n_averaged               # steps that it is of
    double tail                     # the larger, the less early steps count in it
    vec64* shift                    # scratch: (registers,) -center
    vec64* scale                    # (registers,) unit
    vec64* coef_registers           # (n_coefs, registers)
    vec64* gradient                 # (n_coefs, registers)
    vec64* tile                     # (MOST_BATCH_ROWS, registers)
    double* z                       # (n_coefs, MOST_BATCH_ROWS)
    double* targets                 # (MOST_BATCH_ROWS,)
    double* losses                  # (MOST_BATCH_ROWS,)
    double* parts                   # (n_coefs, n_directions): of a gradient along them, or M g
    double* before                  # (n_coefs, MOST_BATCH_ROWS): z without intercepts
    double* along                   # (n_coefs, MOST_BATCH_ROWS): what a step of length 1 takes off
    double* slopes                  # (n_coefs,): by how much intercepts move in it
    Py_ssize_t n_short              # out: steps that were made much shorter


cdef inline Py_ssize_t registers_of(Py_ssize_t n_features) noexcept nogil:
    """Of a line, and one more so that lines do not all lie a power of two apart."""
    return (n_features + VEC64_LANES - 1) // VEC64_LANES + 1


cdef inline Py_ssize_t doubles_needed(
    Py_ssize_t n_features, Py_ssize_t n_coefs, Py_ssize_t n_directions
) noexcept nogil:
    """Numbers of scratch memory, of which the first is at a multiple of a register's size."""
    return ((2 * n_coefs + 2 + MOST_BATCH_ROWS) * registers_of(n_features) * VEC64_LANES
            + (3 * n_coefs + 2) * MOST_BATCH_ROWS
            + n_coefs * (max(n_directions, n_features) + 1))


cdef inline void use_scratch(
    Walk* walk, const double* center, const double* unit, double* scratch
) noexcept nogil:
    """Lay out doubles_needed() numbers; without a center it is zero, without a unit one."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t j
    walk.shift = <vec64*>scratch
    walk.scale = walk.shift + registers
    walk.coef_registers = walk.scale + registers
    walk.gradient = walk.coef_registers + walk.n_coefs * registers
    walk.tile = walk.gradient + walk.n_coefs * registers
    walk.z = <double*>(walk.tile + MOST_BATCH_ROWS * registers)
    walk.targets = walk.z + walk.n_coefs * MOST_BATCH_ROWS
    walk.losses = walk.targets + MOST_BATCH_ROWS
    walk.parts = walk.losses + MOST_BATCH_ROWS
    walk.before = walk.parts + walk.n_coefs * max(walk.n_directions, walk.n_features)
    walk.along = walk.before + walk.n_coefs * MOST_BATCH_ROWS
    walk.slopes = walk.along + walk.n_coefs * MOST_BATCH_ROWS
    memset(scratch, 0, <char*>walk.tile - <char*>scratch)
    for j in range(walk.n_features):
        (<double*>walk.shift)[j] = -center[j] if center != NULL else 0.0
        (<double*>walk.scale)[j] = unit[j] if unit != NULL else 1.0
