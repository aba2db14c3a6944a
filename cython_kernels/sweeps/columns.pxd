"""Panels of rows of a Fortran-ordered X: the mirror image of rows.pxd.

A panel is a stretch of every column. Its forward half adds columns, scaled by their coefficients,
into z; its backward half multiplies them with the residuals. SIDE_BY_SIDE columns share every load
of z and of the residuals, and are as many streams to memory.

The new panel comes from memory, the old one from cache, in turns: a column's stretches of both lie
on the same page of memory or on neighbours. Where panels stay near, the backward half asks for
the memory of the next forward half. Where they do not, stretches are long, and the processor's own
prefetcher follows so many streams better than instructions would lead it.
"""

from libc.string cimport memcpy, memset

from cython_kernels.sweeps.lines cimport CACHE_LINE, add_register, dot_register, name_lines
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport fill, lanes, prefetch_far, sums_of_four, vec_t


cdef enum:
    SIDE_BY_SIDE = 8
    FEW = 4                 # of the last columns, or fewer


cdef inline Py_ssize_t column_groups(Py_ssize_t n_features) noexcept nogil:
    return (n_features + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE


cdef inline Py_ssize_t column_at(
    Py_ssize_t step, Py_ssize_t n_features, bint descending
) noexcept nogil:
    """Where the group of a step begins."""
    return SIDE_BY_SIDE * (column_groups(n_features) - 1 - step if descending else step)


cdef inline void add_columns(
    const storage_t** columns, Py_ssize_t n_columns, const double* coef, Py_ssize_t n_rows,
    vec_t* z
) noexcept nogil:
    """z += columns coef."""
    cdef vec_t weights[SIDE_BY_SIDE]
    cdef Py_ssize_t whole = n_rows // lanes(z)
    cdef Py_ssize_t rest = n_rows % lanes(z)
    cdef Py_ssize_t i, j
    for i in range(n_columns):
        fill(coef[i], &weights[i])
    for j in range(whole):
        add_register(columns, n_columns, weights, j * lanes(z), 0, &z[j])
    if rest:
        add_register(columns, n_columns, weights, whole * lanes(z), rest, &z[whole])


cdef inline void dot_columns(
    const storage_t** columns, Py_ssize_t n_columns, const vec_t* factor, Py_ssize_t n_rows,
    double* products, const storage_t** ahead, bint near
) noexcept nogil:
    """products = columns . factor; where panels are near, asking for those at `ahead`."""
    cdef vec_t sums[SIDE_BY_SIDE]
    cdef Py_ssize_t whole = n_rows // lanes(factor)
    cdef Py_ssize_t rest = n_rows % lanes(factor)
    cdef Py_ssize_t in_cache_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * lanes(factor))
    cdef Py_ssize_t asking = whole // in_cache_line if near else 0
    cdef Py_ssize_t c, i, j
    for i in range(n_columns):
        fill(0.0, &sums[i])
    for c in range(asking):
        for i in range(n_columns):
            prefetch_far(ahead[i] + c * in_cache_line * lanes(factor))
        for j in range(c * in_cache_line, (c + 1) * in_cache_line):
            dot_register(columns, n_columns, factor + j, j * lanes(factor), 0, sums)
    for j in range(asking * in_cache_line, whole):
        dot_register(columns, n_columns, factor + j, j * lanes(factor), 0, sums)
    if rest:
        dot_register(columns, n_columns, factor + whole, whole * lanes(factor), rest, sums)
    for i in range(n_columns // 4):
        sums_of_four(&sums[4 * i], products + 4 * i)


cdef inline void sweep_group_of_columns(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor, double* gradient,
    const storage_t* new, Py_ssize_t n_new, const double* coef, vec_t* z,
    Py_ssize_t column_stride, Py_ssize_t n_features, Py_ssize_t begin, Py_ssize_t next,
    Py_ssize_t n, bint near, Py_ssize_t n_columns
) noexcept nogil:
    """Both halves of n <= n_columns columns from `begin` on."""
    cdef const storage_t* columns[SIDE_BY_SIDE]
    cdef const storage_t* ahead[SIDE_BY_SIDE]
    cdef double numbers[SIDE_BY_SIDE]
    cdef Py_ssize_t i
    if n_old > 0:
        name_lines(old, column_stride, begin, n_columns, n_features, columns)
        name_lines(new, column_stride, next, n_columns, n_features, ahead)
        dot_columns(columns, n_columns, factor, n_old, numbers, ahead, near)
        for i in range(n):
            gradient[begin + i] += numbers[i]
    if n_new > 0:
        name_lines(new, column_stride, begin, n_columns, n_features, columns)
        memset(numbers, 0, sizeof(numbers))
        memcpy(numbers, coef + begin, n * sizeof(double))
        add_columns(columns, n_columns, numbers, n_new, z)


cdef inline void sweep_columns(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor, double* gradient,
    const storage_t* new, Py_ssize_t n_new, const double* coef, vec_t* z,
    Py_ssize_t column_stride, Py_ssize_t n_features, Py_ssize_t first, Py_ssize_t last,
    bint descending, bint near
) noexcept nogil:
    """gradient += old^T factor and z += new coef, in steps first to last of a group of columns.

    Either panel may be empty.
    """
    cdef Py_ssize_t step, begin, next, n
    for step in range(first, last):
        begin = column_at(step, n_features, descending)
        next = column_at(step + 1, n_features, descending)
        n = min(<Py_ssize_t>SIDE_BY_SIDE, n_features - begin)
        if n > FEW:
            sweep_group_of_columns(
                old, n_old, factor, gradient, new, n_new, coef, z, column_stride, n_features,
                begin, next, n, near, SIDE_BY_SIDE)
        else:
            sweep_group_of_columns(
                old, n_old, factor, gradient, new, n_new, coef, z, column_stride, n_features,
                begin, next, n, near, FEW)
