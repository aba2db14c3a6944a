"""Blocks of rows of a C-ordered X: the backward half of an old one, the forward half of a new."""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.lines cimport GROUP, groups_in, name_group, sweep_group
from cython_kernels.narrow cimport NARROW_REGISTERS, sweep_narrow_rows
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport lanes, vec_t

cdef enum:
    PREFETCH_BYTES = 1024       # ahead of the new rows, each a stream of its own


cdef inline void look_ahead(
    const storage_t** rows, const storage_t** ahead
) noexcept nogil:
    """Further along the same rows; that may lie outside of X, and is never read."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        ahead[i] = <const storage_t*>(<uintptr_t>rows[i] + PREFETCH_BYTES)


cdef inline void sweep_rows(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_features
) noexcept nogil:
    """gradient += old^T factor and z = new coef, for two blocks of which either may be empty.

    factor is zero past the end of its block; z has room for a whole last group.
    """
    cdef const storage_t* old_rows[GROUP]
    cdef const storage_t* new_rows[GROUP]
    cdef const storage_t* ahead[GROUP]
    cdef Py_ssize_t old_groups = groups_in(n_old)
    cdef Py_ssize_t new_groups = groups_in(n_new)
    cdef Py_ssize_t group
    if 1 <= n_features <= NARROW_REGISTERS * lanes(coef):
        sweep_narrow_rows(old, n_old, factor, gradient, new, n_new, coef, z, row_stride,
                          n_features)
        return
    memset(old_rows, 0, sizeof(old_rows))
    memset(new_rows, 0, sizeof(new_rows))
    memset(ahead, 0, sizeof(ahead))
    for group in range(max(old_groups, new_groups)):
        if group < old_groups:
            name_group(old, row_stride, group, n_old, old_rows)
            look_ahead(old_rows, ahead)
        if group < new_groups:
            name_group(new, row_stride, group, n_new, new_rows)
            look_ahead(new_rows, ahead)
        sweep_group(old_rows, factor + group * GROUP, gradient, new_rows, coef, z + group * GROUP,
                    ahead, n_features, group < old_groups, group < new_groups)
