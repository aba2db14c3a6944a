"""What y may be stored as, and a block of it in the type the link computes in."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t

from cython_kernels.link.link cimport real

ctypedef fused target_t:
    double
    float
    int64_t
    int32_t
    int8_t
    uint8_t

cdef enum TargetType:   # in the order of TARGET_TYPES in dense.pyx
    FLOAT64
    FLOAT32
    INT64
    INT32
    INT8
    UINT8

cdef struct Targets:
    const void* values
    TargetType type


cdef inline void copy_as(
    const target_t* y, Py_ssize_t n, real* out
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = <real>y[i]


cdef inline void copy_targets(
    Targets y, Py_ssize_t begin, Py_ssize_t n, real* out
) noexcept nogil:
    """n of them from `begin` on."""
    if y.type == FLOAT64:
        copy_as(<const double*>y.values + begin, n, out)
    elif y.type == FLOAT32:
        copy_as(<const float*>y.values + begin, n, out)
    elif y.type == INT64:
        copy_as(<const int64_t*>y.values + begin, n, out)
    elif y.type == INT32:
        copy_as(<const int32_t*>y.values + begin, n, out)
    elif y.type == INT8:
        copy_as(<const int8_t*>y.values + begin, n, out)
    else:
        copy_as(<const uint8_t*>y.values + begin, n, out)
