"""Panels of rows of a Fortran-ordered X: the mirror image of rows.pxd.

A panel is a stretch of every column. Its forward half adds columns, scaled by their coefficients,
into z; its backward half multiplies them with the residuals. The new panel comes from memory, the
old one from cache.
"""

from libc.string cimport memcpy, memset

from cython_kernels.lines cimport GROUP, groups_in, name_group, sweep_group
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport vec_t


cdef inline void sweep_columns(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor, double* gradient,
    const storage_t* new, Py_ssize_t n_new, const double* coef, vec_t* z,
    Py_ssize_t column_stride, Py_ssize_t n_features, Py_ssize_t first, Py_ssize_t last
) noexcept nogil:
    """gradient += old^T factor and z += new coef over the column groups first to last.

    Either panel may be empty; of different lengths, they take a sweep each.
    """
    cdef const storage_t* old_columns[GROUP]
    cdef const storage_t* new_columns[GROUP]
    cdef const storage_t* ahead[GROUP]
    cdef double coefs[GROUP]
    cdef double products[GROUP]
    cdef bint together = n_old == n_new
    cdef Py_ssize_t group, i, n
    memset(products, 0, sizeof(products))
    for group in range(first, last):
        n = min(<Py_ssize_t>GROUP, n_features - group * GROUP)
        name_group(old, column_stride, group, n_features, old_columns)
        name_group(new, column_stride, group, n_features, new_columns)
        name_group(new, column_stride, group + 1, n_features, ahead)
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
