"""The two halves of a fused pass, over four rows of X at a time.

Four rows share every load of the coefficients and every load and store of the gradient. The rows
are given as four pointers, so a group of fewer rows names one of them several times. coef and
gradient are whole registers, padded with zeros, in the precision the pass computes in.
"""

from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport fill, lanes, load, load_first, muladd, total, vec_t

cdef enum:
    GROUP = 4


cdef inline Py_ssize_t groups_in(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + GROUP - 1) // GROUP


cdef inline void dot_group(
    const storage_t** rows, Py_ssize_t n_features, const vec_t* coef, double* out
) noexcept nogil:
    """out[i] = rows[i] . coef (forward propagation)."""
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t n_whole = n_features // width
    cdef Py_ssize_t rest = n_features % width
    cdef Py_ssize_t i, j
    cdef vec_t sums[GROUP]
    cdef vec_t x
    for i in range(GROUP):
        fill(0.0, &sums[i])
    for j in range(n_whole):
        for i in range(GROUP):
            load(rows[i] + j * width, &x)
            sums[i] = muladd(x, coef[j], sums[i])
    if rest:
        for i in range(GROUP):
            load_first(rows[i] + n_whole * width, rest, &x)
            sums[i] = muladd(x, coef[n_whole], sums[i])
    for i in range(GROUP):
        out[i] = total(sums[i])


cdef inline void add_group(
    const storage_t** rows, Py_ssize_t n_features, const double* factor, vec_t* gradient
) noexcept nogil:
    """gradient += sum_i factor[i] rows[i] (backward propagation)."""
    cdef Py_ssize_t width = lanes(gradient)
    cdef Py_ssize_t n_whole = n_features // width
    cdef Py_ssize_t rest = n_features % width
    cdef Py_ssize_t i, j
    cdef vec_t factors[GROUP]
    cdef vec_t x, sum
    for i in range(GROUP):
        fill(factor[i], &factors[i])
    for j in range(n_whole):
        sum = gradient[j]
        for i in range(GROUP):
            load(rows[i] + j * width, &x)
            sum = muladd(x, factors[i], sum)
        gradient[j] = sum
    if rest:
        sum = gradient[n_whole]
        for i in range(GROUP):
            load_first(rows[i] + n_whole * width, rest, &x)
            sum = muladd(x, factors[i], sum)
        gradient[n_whole] = sum
