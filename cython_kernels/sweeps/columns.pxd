"""Panels of rows of a Fortran-ordered X: the mirror image of rows.pxd.

A panel is a stretch of every column. Its forward half adds columns, scaled by their coefficients,
into z; its backward half multiplies them with the residuals. SIDE_BY_SIDE columns share every load
of z and of the residuals, and are as many streams to memory.

The new panel comes from memory, the old one from cache, in turns: a column's stretches of both lie
on the same page of memory or on neighbours. Stretches are long, and the processor's own prefetcher
follows so many streams better than instructions would lead it.
"""

from libc.string cimport memcpy, memset

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport fill, lanes, sums_of_four, vec_t
from cython_kernels.sweeps.lines cimport GROUP, TARGETS, add_registers, dot_register, name_lines

cdef enum:
    SIDE_BY_SIDE = 8


cdef inline void add_columns(
    const storage_t** columns, const double* coef, Py_ssize_t n_rows, vec_t* z
) noexcept nogil:
    """z += columns coef."""
    cdef vec_t weights[SIDE_BY_SIDE]
    cdef Py_ssize_t whole = n_rows // lanes(z)
    cdef Py_ssize_t rest = n_rows % lanes(z)
    cdef Py_ssize_t j = 0, i
    for i in range(SIDE_BY_SIDE):
        fill(coef[i], &weights[i])
    while j + TARGETS <= whole:
        add_registers(columns, SIDE_BY_SIDE, weights, j * lanes(z), 0, TARGETS, &z[j])
        j += TARGETS
    while j < whole:
        add_registers(columns, SIDE_BY_SIDE, weights, j * lanes(z), 0, 1, &z[j])
        j += 1
    if rest:
        add_registers(columns, SIDE_BY_SIDE, weights, whole * lanes(z), rest, 1, &z[whole])


cdef inline void dot_columns(
    const storage_t** columns, const vec_t* factor, Py_ssize_t n_rows, double* products
) noexcept nogil:
    """products = columns . factor."""
    cdef vec_t sums[SIDE_BY_SIDE]
    cdef Py_ssize_t whole = n_rows // lanes(factor)
    cdef Py_ssize_t rest = n_rows % lanes(factor)
    cdef Py_ssize_t i, j
    for i in range(SIDE_BY_SIDE):
        fill(0.0, &sums[i])
    for j in range(whole):
        dot_register(columns, SIDE_BY_SIDE, factor + j, j * lanes(factor), 0, sums)
    if rest:
        dot_register(columns, SIDE_BY_SIDE, factor + whole, whole * lanes(factor), rest, sums)
    for i in range(SIDE_BY_SIDE // GROUP):
        sums_of_four(&sums[GROUP * i], products + GROUP * i)


cdef inline void sweep_columns(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor, double* gradient,
    const storage_t* new, Py_ssize_t n_new, const double* coef, vec_t* z,
    Py_ssize_t column_stride, Py_ssize_t n_columns
) noexcept nogil:
    """gradient += old^T factor and z += new coef; either panel may be empty."""
    cdef const storage_t* columns[SIDE_BY_SIDE]
    cdef double numbers[SIDE_BY_SIDE]
    cdef Py_ssize_t begin = 0, n, i
    while begin < n_columns:
        n = min(<Py_ssize_t>SIDE_BY_SIDE, n_columns - begin)
        if n_old > 0:
            name_lines(old, column_stride, begin, 1, SIDE_BY_SIDE, n_columns, columns)
            dot_columns(columns, factor, n_old, numbers)
            for i in range(n):
                gradient[begin + i] += numbers[i]
        if n_new > 0:
            name_lines(new, column_stride, begin, 1, SIDE_BY_SIDE, n_columns, columns)
            memset(numbers, 0, sizeof(numbers))
            memcpy(numbers, coef + begin, n * sizeof(double))
            add_columns(columns, numbers, n_new, z)
        begin += SIDE_BY_SIDE
