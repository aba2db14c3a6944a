"""Responses of filters and of mirrored filters, activated and added up over a cell of patches."""

from libc.math cimport fabsf
from libc.string cimport memset

from cython_kernels.link.link cimport decay, log_loss_at, sigmoid_at

cdef enum Activation:
    TWO_SIDED
    RELU
    ABS
    TANH
    SIGMOID
    SOFTPLUS

cdef enum:
    BLOCK = 128


cdef inline float positive(float z) noexcept nogil:
    return z if z > 0 else <float>0


cdef inline float activated(float z, float threshold, Activation activation) noexcept nogil:
    if activation == RELU:
        return positive(z - threshold)
    if activation == ABS:
        return positive(fabsf(z) - threshold)
    if activation == TANH:
        return 2 * sigmoid_at(2 * z, decay(2 * z)) - 1
    if activation == SIGMOID:
        return sigmoid_at(z, decay(z))
    return log_loss_at(z, decay(z), <float>0)


cdef inline void sum_two_sided(
    const float* even, const float* odd, const float* offset, Py_ssize_t n, float threshold,
    float* sums
) noexcept nogil:
    cdef float middle, z, mirrored
    cdef Py_ssize_t k
    for k in range(n):
        middle = even[k] - offset[k]
        z = middle + odd[k]
        mirrored = middle - odd[k]
        sums[k] += positive(z - threshold)
        sums[BLOCK + k] += positive(mirrored - threshold)
        sums[2 * BLOCK + k] += positive(-z - threshold)
        sums[3 * BLOCK + k] += positive(-mirrored - threshold)


cdef inline void sum_one_sided(
    const float* even, const float* odd, const float* offset, Py_ssize_t n, float threshold,
    Activation activation, float* sums
) noexcept nogil:
    cdef float middle
    cdef Py_ssize_t k
    for k in range(n):
        middle = even[k] - offset[k]
        sums[k] += activated(middle + odd[k], threshold, activation)
        sums[BLOCK + k] += activated(middle - odd[k], threshold, activation)


cdef inline void pool_block(
    const float* even, const float* odd, const float* offset, Py_ssize_t n_rows,
    Py_ssize_t n_filters, Py_ssize_t n, float threshold, int activation, float* pooled
) noexcept nogil:
    """Pool n <= BLOCK filters over patches of one cell; the sums stay close at hand."""
    cdef float sums[4 * BLOCK]
    cdef Py_ssize_t n_outputs = 4 if activation == TWO_SIDED else 2
    cdef Py_ssize_t _row, j, k
    memset(sums, 0, sizeof(sums))
    for _row in range(n_rows):
        if activation == TWO_SIDED:
            sum_two_sided(even, odd, offset, n, threshold, sums)
        elif activation == RELU:
            sum_one_sided(even, odd, offset, n, threshold, RELU, sums)
        elif activation == ABS:
            sum_one_sided(even, odd, offset, n, threshold, ABS, sums)
        elif activation == TANH:
            sum_one_sided(even, odd, offset, n, threshold, TANH, sums)
        elif activation == SIGMOID:
            sum_one_sided(even, odd, offset, n, threshold, SIGMOID, sums)
        else:
            sum_one_sided(even, odd, offset, n, threshold, SOFTPLUS, sums)
        even += n_filters
        odd += n_filters
    for j in range(n_outputs):
        for k in range(n):
            pooled[j * n_filters + k] += sums[j * BLOCK + k]


cdef inline void pool_cell(
    const float* even, const float* odd, const float* offset, Py_ssize_t n_rows,
    Py_ssize_t n_filters, float threshold, int activation, float* pooled
) noexcept nogil:
    """All filters over patches of one cell."""
    cdef Py_ssize_t k = 0
    while k < n_filters:
        pool_block(
            even + k, odd + k, offset + k, n_rows, n_filters,
            min(<Py_ssize_t>BLOCK, n_filters - k), threshold, activation, pooled + k)
        k += BLOCK
