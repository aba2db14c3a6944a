"""Arrays as kernels take them: by address, NULL for None and for an empty one.

X comes as any object with a buffer, and is not compiled in for each type that it may have: a
function of a memoryview of a fused type is, with all that Python needs to call it.
"""

from cpython.buffer cimport PyBUF_RECORDS_RO, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport strchr, strlen

from cython_kernels.link.targets cimport Targets, TargetType
from cython_kernels.sparse.entries cimport Entries


cdef struct Stored:
    const void* elements
    char type                   # as the buffer protocol writes it; bool is as uint8
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t row_stride       # in elements
    Py_ssize_t column_stride    # 1 where there is but one column


cdef inline Stored stored(object X) except *:
    """X as it lies. The caller's reference keeps it there, the buffer is given back at once."""
    cdef Stored result
    cdef Py_buffer view
    PyObject_GetBuffer(X, &view, PyBUF_RECORDS_RO)
    try:
        if view.ndim != 2 or strlen(view.format) != 1 or not strchr("?BbHefd", view.format[0]):
            raise TypeError(f"X has {view.ndim} axes of type {view.format.decode()!r}")
        result.n_samples, result.n_features = view.shape[0], view.shape[1]
        result.elements = view.buf if result.n_samples and result.n_features else NULL
        result.type = c"B" if view.format[0] == c"?" else view.format[0]
        result.row_stride = view.strides[0] // view.itemsize
        result.column_stride = view.strides[1] // view.itemsize if result.n_features > 1 else 1
    finally:
        PyBuffer_Release(&view)
    return result


cdef inline const void* address_of(object array, str types, char* type) except? NULL:
    """Of a contiguous vector of one of some types. The caller's reference keeps it there."""
    cdef Py_buffer view
    cdef const void* result
    PyObject_GetBuffer(array, &view, PyBUF_RECORDS_RO)
    try:
        if (view.ndim != 1 or strlen(view.format) != 1 or view.format.decode() not in types
                or (view.shape[0] > 1 and view.strides[0] != view.itemsize)):
            raise TypeError(f"{view.ndim} axes of type {view.format.decode()!r}, not of {types}")
        type[0] = c"B" if view.format[0] == c"?" else view.format[0]
        result = view.buf
    finally:
        PyBuffer_Release(&view)
    return result


cdef inline Entries entries_of(
    const int64_t[::1] indptr, object indices, object values, Py_ssize_t n_features
) except *:
    """X as it lies."""
    cdef Entries X
    cdef char type = 0
    X.indptr = &indptr[0]
    X.n_samples = indptr.shape[0] - 1
    X.n_features = n_features
    X.n_entries = indptr[X.n_samples]
    X.indices = address_of(indices, "ilq", &type)
    X.wide = indices.itemsize == 8
    X.values = NULL if values is None else address_of(values, "?BbHefd", &type)
    X.type = type
    return X


cdef inline const double* values_of(const double[::1] view) noexcept:
    return &view[0] if view is not None and view.shape[0] else NULL


cdef inline const double* table_of(const double[:, ::1] view) noexcept:
    return &view[0, 0] if view is not None and view.shape[0] and view.shape[1] else NULL


cdef inline const uint8_t* folds_of(const uint8_t[::1] view) noexcept:
    return &view[0] if view is not None and view.shape[0] else NULL


cdef inline const int* held_out_of(const int[::1] view) noexcept:
    return &view[0] if view is not None and view.shape[0] else NULL


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
