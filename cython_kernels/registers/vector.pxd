"""The vector registers of vector.h, one name for both precisions.

float64 is computed in float64 (vec64); every other storage type in float32 (vec32), or widened to
float64 where a pass asks for it (centred.pxd).
"""

from libc.stdint cimport int8_t, uint8_t, uint16_t

from cython_kernels.registers.storage cimport half_t, storage_t

cdef extern from "vector.h" nogil:
    const char* VECTOR_LEVEL
    ctypedef void inlined "INLINED_VOID"
    ctypedef void apart "APART_VOID"
    enum:
        VEC32_LANES
        VEC64_LANES
        SUMS32
        SUMS64
    ctypedef struct vec32:
        pass
    ctypedef struct vec64:
        pass
    vec32 set32(float a) noexcept
    vec64 set64(double a) noexcept
    vec32 muladd32(vec32 a, vec32 b, vec32 c) noexcept
    vec64 muladd64(vec64 a, vec64 b, vec64 c) noexcept
    vec32 add32(vec32 a, vec32 b) noexcept
    vec64 add64(vec64 a, vec64 b) noexcept
    void sums32(const vec32* registers, double* out) noexcept
    void sums64(const vec64* registers, double* out) noexcept
    void lane_sums32(const vec32* registers, vec32* out) noexcept
    void lane_sums64(const vec64* registers, vec64* out) noexcept
    vec32 load_float(const float* x, Py_ssize_t count) noexcept
    vec64 load_double(const double* x, Py_ssize_t count) noexcept
    vec32 load_uint8(const uint8_t* x, Py_ssize_t count) noexcept
    vec32 load_int8(const int8_t* x, Py_ssize_t count) noexcept
    vec32 load_uint16(const uint16_t* x, Py_ssize_t count) noexcept
    vec32 load_half(const half_t* x, Py_ssize_t count) noexcept
    vec64 widen_float(const float* x, Py_ssize_t count) noexcept
    vec64 widen_uint8(const uint8_t* x, Py_ssize_t count) noexcept
    vec64 widen_int8(const int8_t* x, Py_ssize_t count) noexcept
    vec64 widen_uint16(const uint16_t* x, Py_ssize_t count) noexcept
    vec64 widen_halves(const half_t* x, Py_ssize_t count) noexcept
    float widen_half(half_t x) noexcept
    vec32 held32(vec32 a) noexcept
    vec64 held64(vec64 a) noexcept
    void prefetch(const void* x) noexcept
    void prefetch_far(const void* x) noexcept

ctypedef fused vec_t:
    vec32
    vec64


cdef inline Py_ssize_t lanes(const vec_t* registers) noexcept nogil:
    """Elements that each of these registers holds."""
    return VEC32_LANES if vec_t is vec32 else VEC64_LANES


cdef inline vec_t muladd(vec_t a, vec_t b, vec_t c) noexcept nogil:
    """a b + c."""
    if vec_t is vec32:
        return muladd32(a, b, c)
    else:
        return muladd64(a, b, c)


cdef inline vec_t held(vec_t a) noexcept nogil:
    """a, in a register from now on."""
    if vec_t is vec32:
        return held32(a)
    else:
        return held64(a)


cdef inline vec_t add(vec_t a, vec_t b) noexcept nogil:
    if vec_t is vec32:
        return add32(a, b)
    else:
        return add64(a, b)


cdef inline void sums_of_four(const vec_t* registers, double* out) noexcept nogil:
    """out[i] = the sum of the lanes of registers[i]."""
    if vec_t is vec32:
        sums32(registers, out)
    else:
        sums64(registers, out)


cdef inline Py_ssize_t sums_at_once(const vec_t* registers) noexcept nogil:
    """How many of these registers sums_of_many takes."""
    return SUMS32 if vec_t is vec32 else SUMS64


cdef inline void sums_of_many(const vec_t* registers, vec_t* out) noexcept nogil:
    """The i-th number from out on = the sum of the lanes of registers[i]."""
    if vec_t is vec32:
        lane_sums32(registers, out)
    else:
        lane_sums64(registers, out)


cdef inline void fill(double value, vec_t* out) noexcept nogil:
    """Every lane of out is value."""
    if vec_t is vec32:
        out[0] = set32(<float>value)
    else:
        out[0] = set64(value)


cdef inline void load_some(const storage_t* x, Py_ssize_t count, vec_t* out) noexcept nogil:
    """A register of stored elements, widened; of count of them and zeros, unless count is 0.

    Touches nothing beyond them.
    """
    if storage_t is uint8_t and vec_t is vec32:
        out[0] = load_uint8(x, count)
    elif storage_t is int8_t and vec_t is vec32:
        out[0] = load_int8(x, count)
    elif storage_t is uint16_t and vec_t is vec32:
        out[0] = load_uint16(x, count)
    elif storage_t is half_t and vec_t is vec32:
        out[0] = load_half(x, count)
    elif storage_t is float and vec_t is vec32:
        out[0] = load_float(x, count)
    elif storage_t is double and vec_t is vec64:
        out[0] = load_double(x, count)
    elif storage_t is uint8_t and vec_t is vec64:
        out[0] = widen_uint8(x, count)
    elif storage_t is int8_t and vec_t is vec64:
        out[0] = widen_int8(x, count)
    elif storage_t is uint16_t and vec_t is vec64:
        out[0] = widen_uint16(x, count)
    elif storage_t is half_t and vec_t is vec64:
        out[0] = widen_halves(x, count)
    elif storage_t is float and vec_t is vec64:
        out[0] = widen_float(x, count)


cdef inline double value_of(storage_t x) noexcept nogil:
    """One stored element as a number."""
    if storage_t is half_t:
        return widen_half(x)
    else:
        return <double>x
