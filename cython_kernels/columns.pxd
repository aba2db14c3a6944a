"""Panels of rows of a Fortran-ordered X: the mirror image of rows.pxd.

A panel is a stretch of every column. Its forward half adds columns, scaled by their coefficients,
into z; its backward half multiplies them with the residuals. The new panel comes from memory, the
old one from cache.
"""

from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset

from cython_kernels.lines cimport GROUP, groups_in, name_group, sweep_group
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport vec_t


cdef enum:
    AHEAD = 4               # groups of columns to ask for ahead of the one in work


cdef inline Py_ssize_t in_order(
    Py_ssize_t step, Py_ssize_t groups, bint descending
) noexcept nogil:
    return groups - 1 - step if descending else step


cdef inline void name_ahead(
    const storage_t* new, Py_ssize_t n_new, Py_ssize_t column_stride, Py_ssize_t step,
    Py_ssize_t n_features, bint descending, const storage_t** columns
) noexcept nogil:
    """Point at the group AHEAD steps on: past the last, in the next panel, on the way back."""
    cdef Py_ssize_t groups = groups_in(n_features)
    cdef Py_ssize_t later = step + AHEAD
    if later < groups:
        name_group(new, column_stride, in_order(later, groups, descending), n_features, columns)
    else:
        name_group(<const storage_t*>(<uintptr_t>new + n_new * sizeof(storage_t)), column_stride,
                   in_order(min(later - groups, groups - 1), groups, not descending), n_features,
                   columns)


cdef inline void sweep_columns(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor, double* gradient,
    const storage_t* new, Py_ssize_t n_new, const double* coef, vec_t* z,
    Py_ssize_t column_stride, Py_ssize_t n_features, Py_ssize_t first, Py_ssize_t last,
    bint descending
) noexcept nogil:
    """gradient += old^T factor and z += new coef, in steps first to last of a group of columns.

    Either panel may be empty; of different lengths, they take a sweep each.
    """
    cdef const storage_t* old_columns[GROUP]
    cdef const storage_t* new_columns[GROUP]
    cdef const storage_t* ahead[GROUP]
    cdef double coefs[GROUP]
    cdef double products[GROUP]
    cdef bint together = n_old == n_new
    cdef Py_ssize_t groups = groups_in(n_features)
    cdef Py_ssize_t step, group, i, n
    memset(products, 0, sizeof(products))
    for step in range(first, last):
        group = in_order(step, groups, descending)
        n = min(<Py_ssize_t>GROUP, n_features - group * GROUP)
        name_group(old, column_stride, group, n_features, old_columns)
        name_group(new, column_stride, group, n_features, new_columns)
        name_ahead(new, n_new, column_stride, step, n_features, descending, ahead)
        memset(coefs, 0, sizeof(coefs))
        memcpy(coefs, coef + group * GROUP, n * sizeof(double))
        sweep_group(new_columns, coefs, z, old_columns, factor, products, ahead, n_new,
                    n_new > 0, together and n_old > 0)
        if not together:
            sweep_group(new_columns, coefs, z, old_columns, factor, products, old_columns, n_old,
                        False, n_old > 0)
        if n_old > 0:
            for i in range(n):
                gradient[group * GROUP + i] += products[i]
