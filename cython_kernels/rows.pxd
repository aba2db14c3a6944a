"""The inner loops of a pass, over groups of four rows of X.

Four rows share every load of the coefficients and every load and store of the gradient. One sweep
over the columns does the backward half of an old group, which lies in cache, and the forward half
of a new one, which comes from memory: so memory is busy all the time, not only in every second
loop. The rows of a group are given as four pointers; a group of fewer rows names one of them
several times. coef and gradient are whole registers, padded with zeros, in the precision the pass
computes in.
"""

from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport (
    fill, lanes, load, load_first, muladd, prefetch, sums_of_four, vec_t,
)

cdef enum:
    GROUP = 4
    LINE_BYTES = 64
    PREFETCH_BYTES = 1024       # ahead of the new rows, each a stream of its own


cdef inline Py_ssize_t groups_in(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + GROUP - 1) // GROUP


cdef inline void load_some(
    const storage_t* x, Py_ssize_t count, vec_t* out
) noexcept nogil:
    """A whole register where count is 0, else its first count elements."""
    if count:
        load_first(x, count, out)
    else:
        load(x, out)


cdef inline void sweep_register(
    const storage_t** old, const vec_t* factor, const storage_t** new, vec_t* sums,
    Py_ssize_t offset, Py_ssize_t count, const vec_t* coef, vec_t* gradient,
    bint backward, bint forward
) noexcept nogil:
    """One register of columns of a sweep; the flags are constants where this is inlined."""
    cdef vec_t x, sum
    cdef Py_ssize_t i
    if backward:
        sum = gradient[0]
        for i in range(GROUP):
            load_some(old[i] + offset, count, &x)
            sum = muladd(x, factor[i], sum)
        gradient[0] = sum
    if forward:
        for i in range(GROUP):
            load_some(new[i] + offset, count, &x)
            sums[i] = muladd(x, coef[0], sums[i])


cdef inline void sweep(
    const storage_t** old, const double* factor, const storage_t** new,
    Py_ssize_t n_features, const vec_t* coef, vec_t* gradient, double* out,
    bint backward, bint forward
) noexcept nogil:
    """gradient += sum_i factor[i] old[i] if backward; out[i] = new[i] . coef if forward."""
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t in_line = LINE_BYTES // (<Py_ssize_t>sizeof(storage_t) * width)
    cdef Py_ssize_t n_whole = n_features // width
    cdef Py_ssize_t rest = n_features % width
    cdef Py_ssize_t line, j, i
    cdef vec_t factors[GROUP]
    cdef vec_t sums[GROUP]
    for i in range(GROUP):
        fill(0.0, &sums[i])
        fill(factor[i] if backward else 0.0, &factors[i])
    for line in range(n_whole // in_line):
        if forward:
            for i in range(GROUP):
                prefetch(<const char*>(new[i] + line * in_line * width) + PREFETCH_BYTES)
        for j in range(line * in_line, (line + 1) * in_line):
            sweep_register(old, factors, new, sums, j * width, 0, coef + j, gradient + j,
                           backward, forward)
    for j in range(n_whole // in_line * in_line, n_whole):
        sweep_register(old, factors, new, sums, j * width, 0, coef + j, gradient + j,
                       backward, forward)
    if rest:
        sweep_register(old, factors, new, sums, n_whole * width, rest, coef + n_whole,
                       gradient + n_whole, backward, forward)
    if forward:
        sums_of_four(sums, out)


cdef inline void sweep_group(
    const storage_t** old, const double* factor, const storage_t** new,
    Py_ssize_t n_features, const vec_t* coef, vec_t* gradient, double* out,
    bint backward, bint forward
) noexcept nogil:
    """A sweep, compiled once for each pair of halves."""
    if backward and forward:
        sweep(old, factor, new, n_features, coef, gradient, out, True, True)
    elif backward:
        sweep(old, factor, new, n_features, coef, gradient, out, True, False)
    else:
        sweep(old, factor, new, n_features, coef, gradient, out, False, True)
