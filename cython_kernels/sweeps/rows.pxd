"""Blocks of rows of a C-ordered X: the backward half of an old one, the forward half of a new."""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.sweeps.lines cimport GROUP, groups_in, name_group, sweep_group
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t

cdef enum:
    PREFETCH_BYTES = 1024       # ahead of the new rows, each a stream of its own
    STRETCH_REGISTERS = 256     # additions in a chain of float32, at most


cdef inline void move_on(
    const storage_t** rows, Py_ssize_t n_elements, const storage_t** out
) noexcept nogil:
    """The same rows further on; that may lie outside of X, and is never read there."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        out[i] = <const storage_t*>(<uintptr_t>rows[i] + n_elements * sizeof(storage_t))


cdef inline void sweep_row_group(
    const storage_t** old, const double* factor, vec_t* gradient,
    const storage_t** new, const vec_t* coef, double* z,
    Py_ssize_t n_features, bint backward, bint forward
) noexcept nogil:
    """Four rows of each, in stretches whose products are added up in float64."""
    cdef const storage_t* added[GROUP]
    cdef const storage_t* dotted[GROUP]
    cdef const storage_t* ahead[GROUP]
    cdef double products[GROUP]
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t begin = 0, i
    memset(products, 0, sizeof(products))
    if forward:
        memset(z, 0, GROUP * sizeof(double))
    while begin < n_features:
        move_on(old, begin, added)
        move_on(new, begin, dotted)
        move_on(new if forward else old, begin + PREFETCH_BYTES // sizeof(storage_t), ahead)
        sweep_group(added, factor, gradient + begin // width, dotted, coef + begin // width,
                    products, ahead, min(n_features - begin, STRETCH_REGISTERS * width),
                    backward, forward)
        if forward:
            for i in range(GROUP):
                z[i] += products[i]
        begin += STRETCH_REGISTERS * width


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
    cdef Py_ssize_t old_groups = groups_in(n_old)
    cdef Py_ssize_t new_groups = groups_in(n_new)
    cdef Py_ssize_t group
    memset(old_rows, 0, sizeof(old_rows))
    memset(new_rows, 0, sizeof(new_rows))
    for group in range(max(old_groups, new_groups)):
        if group < old_groups:
            name_group(old, row_stride, group, n_old, old_rows)
        if group < new_groups:
            name_group(new, row_stride, group, n_new, new_rows)
        sweep_row_group(
            old_rows, factor + group * GROUP, gradient, new_rows, coef, z + group * GROUP,
            n_features, group < old_groups, group < new_groups)
