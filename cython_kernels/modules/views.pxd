"""Addresses of memoryviews: NULL for None and for an empty one, also with bounds checks on."""

from libc.stdint cimport uint8_t

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.link.targets cimport Targets, TargetType


cdef inline const double* values_of(const double[::1] view) noexcept:
    return &view[0] if view is not None and view.shape[0] else NULL


cdef inline const double* table_of(const double[:, ::1] view) noexcept:
    return &view[0, 0] if view is not None and view.shape[0] and view.shape[1] else NULL


cdef inline double* out_values(double[::1] view) noexcept:
    return &view[0] if view is not None and view.shape[0] else NULL


cdef inline double* out_table(double[:, ::1] view) noexcept:
    return &view[0, 0] if view is not None and view.shape[0] and view.shape[1] else NULL


cdef inline Targets targets_of(const uint8_t[::1] stored, int type) noexcept:
    """y from its bytes and the index of its type in TARGET_TYPES."""
    cdef Targets y
    y.values = &stored[0] if stored.shape[0] else NULL
    y.type = <TargetType>type
    return y


cdef inline const storage_t* elements_of(const storage_t[:, :] X) noexcept:
    return &X[0, 0] if X.shape[0] and X.shape[1] else NULL


cdef inline Py_ssize_t row_stride_of(const storage_t[:, :] X) noexcept:
    """From row to row, in elements."""
    return X.strides[0] // <Py_ssize_t>sizeof(storage_t)


cdef inline Py_ssize_t column_stride_of(const storage_t[:, :] X) noexcept:
    """From column to column, in elements; 1 where there is but one column."""
    return X.strides[1] // <Py_ssize_t>sizeof(storage_t) if X.shape[1] > 1 else 1
