"""Between the sweeps: from decision values of K vectors by rows to the factors of the way back."""

from libc.stdint cimport uint8_t

from cython_kernels.link.link_blocks cimport add_losses, sum_onto, weigh
from cython_kernels.link.softmax cimport SOFTMAX_ROWS, softmax_block
from cython_kernels.link.targets cimport Targets, copy_targets
from cython_kernels.passes.partition cimport part_begin

cdef struct Step:
    Py_ssize_t n_samples
    Py_ssize_t n_coefs
    int n_parts
    bint softmax
    Targets y
    const double* sample_weight     # NULL: all one
    const uint8_t* fold             # NULL, or of each row
    const int* held_out             # (K,): whose rows weigh nothing for a vector
    double* table                   # (n_samples, K): decision values, then factors
    double* decision                # (K, n_samples), or NULL
    double* losses                  # (n_parts, K)
    double* slopes                  # (n_parts, K)
    double* block                   # (n_parts, K, SOFTMAX_ROWS)


cdef inline const double* weights_of(
    const Step* step, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n, double* own
) noexcept nogil:
    """Weights of n rows for vector k, zero where they are held out; NULL: all one."""
    cdef const double* weight = NULL
    cdef Py_ssize_t i
    if step.sample_weight != NULL:
        weight = step.sample_weight + begin
    if step.fold == NULL or step.held_out[k] < 0:
        return weight
    for i in range(n):
        own[i] = 1.0 if weight == NULL else weight[i]
        if step.fold[begin + i] == step.held_out[k]:
            own[i] = 0.0
    return own


cdef inline void link_rows(
    const Step* step, int index, double* block, Py_ssize_t begin, Py_ssize_t n
) noexcept nogil:
    """A block of rows, turned so that each vector's values lie together."""
    cdef double y[SOFTMAX_ROWS]
    cdef double weight[SOFTMAX_ROWS]
    cdef double loss[SOFTMAX_ROWS]
    cdef Py_ssize_t n_coefs = step.n_coefs
    cdef double* table = step.table + begin * n_coefs
    cdef double* z
    cdef Py_ssize_t i, k
    copy_targets(step.y, begin, n, &y[0])
    for k in range(n_coefs):
        z = block + k * SOFTMAX_ROWS
        for i in range(n):
            z[i] = table[i * n_coefs + k]
        if step.decision != NULL:
            for i in range(n):
                step.decision[k * step.n_samples + begin + i] = z[i]
    if step.softmax:
        softmax_block(block, SOFTMAX_ROWS, n_coefs, &y[0], n, &loss[0], <double>1)
        weigh(&loss[0], weights_of(step, 0, begin, n, &weight[0]), n)
        step.losses[index * n_coefs] = sum_onto(step.losses[index * n_coefs], &loss[0], n)
    for k in range(n_coefs):
        z = block + k * SOFTMAX_ROWS
        if step.softmax:
            weigh(z, weights_of(step, 0, begin, n, &weight[0]), n)
        else:
            step.losses[index * n_coefs + k] = add_losses(
                step.losses[index * n_coefs + k], z, &y[0],
                weights_of(step, k, begin, n, &weight[0]), n, &loss[0], False)
        step.slopes[index * n_coefs + k] = sum_onto(step.slopes[index * n_coefs + k], z, n)
        for i in range(n):
            table[i * n_coefs + k] = z[i]


cdef inline void link_part(const Step* step, int index) noexcept nogil:
    """The rows of a part."""
    cdef Py_ssize_t begin = part_begin(step.n_samples, step.n_parts, index)
    cdef Py_ssize_t end = part_begin(step.n_samples, step.n_parts, index + 1)
    cdef double* block = step.block + index * step.n_coefs * SOFTMAX_ROWS
    while begin < end:
        link_rows(step, index, block, begin, min(<Py_ssize_t>SOFTMAX_ROWS, end - begin))
        begin += SOFTMAX_ROWS
