"""Blocks of rows of a C-ordered uint8 X by the integer arithmetic of bytes.h."""

from libc.stdint cimport int8_t, uint8_t
from libc.string cimport memset

from cython_kernels.sweeps.lines cimport GROUP, groups_in, name_group
from cython_kernels.registers.storage cimport storage_t

cdef extern from "bytes.h" nogil:
    enum:
        HAS_BYTE_KERNELS
        BYTE_TILE
        COEF_SLICES
    bint slices_suit(const double* coef, Py_ssize_t n) noexcept
    double slice_coef(const double* coef, Py_ssize_t n, int8_t* slices) noexcept
    void dot_bytes(
        const uint8_t** rows, Py_ssize_t n, const int8_t* slices, double unit, double* out) noexcept
    void add_bytes(
        const uint8_t** rows, const double* factor, Py_ssize_t n, float* gradient,
        const uint8_t** ahead) noexcept
    void flush_bytes(float* gradient, Py_ssize_t n, double* out) noexcept


cdef enum:
    MIN_FEATURES = 1024     # shorter rows would not repay adding up a sum for every slice,
    MIN_NARROW = 33         # but those of one tile (narrow_bytes.h), if longer than two registers


cdef inline bint bytes_serve(
    const storage_t* kind, const double* coef, Py_ssize_t n_coefs, Py_ssize_t n_features,
    Py_ssize_t column_stride
) noexcept nogil:
    """Whether a pass goes by integer arithmetic: not over rows of every length."""
    cdef Py_ssize_t k
    if storage_t is uint8_t:
        if not HAS_BYTE_KERNELS or column_stride != 1:
            return False
        if n_features < MIN_FEATURES and not MIN_NARROW <= n_features <= BYTE_TILE:
            return False
        for k in range(n_coefs):
            if not slices_suit(coef + k * n_features, n_features):
                return False
        return True
    else:
        return False


cdef inline double* unit_of(const char* slices, Py_ssize_t n_features) noexcept nogil:
    """Where the value of one unit is kept: behind the slices."""
    cdef Py_ssize_t tiles = (n_features + BYTE_TILE - 1) // BYTE_TILE
    return <double*>(slices + tiles * BYTE_TILE * COEF_SLICES)


cdef inline void to_slices(
    const double* coef, Py_ssize_t n_features, char* slices
) noexcept nogil:
    """The coefficients as bytes."""
    unit_of(slices, n_features)[0] = slice_coef(coef, n_features, <int8_t*>slices)


cdef inline void sweep_byte_rows(
    const uint8_t* old, Py_ssize_t n_old, const double* factor, float* gradient,
    const uint8_t* new, Py_ssize_t n_new, const char* slices, double unit, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_features
) noexcept nogil:
    """As rows.sweep_rows: each backward half asks for the memory of the next forward half."""
    cdef const uint8_t* rows[GROUP]
    cdef const uint8_t* ahead[GROUP]
    cdef Py_ssize_t old_groups = groups_in(n_old)
    cdef Py_ssize_t new_groups = groups_in(n_new)
    cdef Py_ssize_t group
    memset(ahead, 0, sizeof(ahead))
    for group in range(max(old_groups, new_groups)):
        if group < old_groups:
            name_group(old, row_stride, group, n_old, rows)
            if group < new_groups:
                name_group(new, row_stride, group, n_new, ahead)
            add_bytes(rows, factor + group * GROUP, n_features, gradient, ahead)
        if group < new_groups:
            name_group(new, row_stride, group, n_new, rows)
            dot_bytes(rows, n_features, <const int8_t*>slices, unit, z + group * GROUP)
