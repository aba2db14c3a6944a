"""The mathematics of the neuron, one number at a time.

With t = exp(-|z|), which never overflows and lies in (0, 1]:

    sigmoid(z)    = 1 / (1 + t) for z >= 0, else t / (1 + t)
    log loss      = max(z, 0) - y z + log(1 + t)       = -(y log a + (1 - y) log(1 - a))
    residual      = (1 - y) sigmoid(z) - y sigmoid(-z) = a - y, without its cancellation
    curvature     = t / (1 + t)^2                      = a (1 - a)

exp and log are polynomials of our own (minimax on the reduced range), because a call of the C
library is not vectorised and its vector library exists on glibc alone. Everything is free of
branches, so a C compiler turns a loop over these functions into vector code. Nothing here may be
compiled with reassociation: the reductions of exp rely on the order of their operations. In
functions of both precisions, a constant is a variable: its literal would be a double, and pull
all that it touches into double precision.
"""

from libc.stdint cimport uint32_t, uint64_t

ctypedef fused real:
    float
    double

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint64_t bits_of_double(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }
    static inline uint32_t bits_of_float(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
    static inline double double_of_bits(uint64_t b) { double x; memcpy(&x, &b, 8); return x; }
    static inline float float_of_bits(uint32_t b) { float x; memcpy(&x, &b, 4); return x; }
    """
    uint64_t bits_of_double(double x) noexcept nogil
    uint32_t bits_of_float(float x) noexcept nogil
    double double_of_bits(uint64_t bits) noexcept nogil
    float float_of_bits(uint32_t bits) noexcept nogil


cdef inline double exp_negative64(double x) noexcept nogil:
    """exp(x) for x <= 0; 0 where the result would be subnormal (x < -708.39)."""
    # Chosen before and not after: of a constant result, GCC computes all that follows once more.
    # x = k log 2 + r: adding 1.5 * 2^52 rounds to an integer and leaves k in the low bits.
    cdef bint vanishes = x < -708.39
    cdef double bounded = -708.39 if vanishes else x
    cdef double shifted = bounded * 1.4426950408889634 + 6755399441055744.0
    cdef double k = shifted - 6755399441055744.0
    cdef double r = (bounded - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
    cdef double scale = 0.0 if vanishes else double_of_bits(
        (bits_of_double(shifted) + 1023) << 52)
    cdef double q = 2.5110051293498114986e-8
    q = q * r + 2.7620089518051496736e-7
    q = q * r + 2.7557242333621094016e-6
    q = q * r + 2.480152129351183196e-5
    q = q * r + 1.9841269886592592726e-4
    q = q * r + 1.3888888917215390728e-3
    q = q * r + 8.333333333322207439e-3
    q = q * r + 4.1666666666624124508e-2
    q = q * r + 0.16666666666666674529
    q = q * r + 0.50000000000000010222
    return scale * (1.0 + (r + r * r * q))


cdef inline float exp_negative32(float x) noexcept nogil:
    """exp(x) for x <= 0; 0 where the result would be subnormal (x < -87.33)."""
    cdef bint vanishes = x < <float>-87.33
    cdef float bounded = <float>-87.33 if vanishes else x
    cdef float shifted = bounded * <float>1.44269504 + <float>12582912.0
    cdef float k = shifted - <float>12582912.0
    cdef float r = (bounded - k * <float>0.693359375) + k * <float>2.12194440e-4
    cdef float scale = <float>0.0 if vanishes else float_of_bits(
        (bits_of_float(shifted) + 127) << 23)
    cdef float q = <float>1.3941123855e-3
    q = q * r + <float>8.3631812606e-3
    q = q * r + <float>4.16663751378e-2
    q = q * r + <float>0.166665769698
    q = q * r + <float>0.500000002695
    return scale * (<float>1.0 + (r + r * r * q))


cdef inline double log1p_series64(double s) noexcept nogil:
    """log1p_series in double precision."""
    cdef double square = s * s
    cdef double q = 0.17739718904349442703
    q = q * square + 0.099028392565577146722
    q = q * square + 0.13586310799788098798
    q = q * square + 0.15364295873289166978
    q = q * square + 0.18182814052018874833
    q = q * square + 0.22222192905371173631
    q = q * square + 0.28571429057982494978
    q = q * square + 0.39999999996049866045
    q = q * square + 0.66666666666677693688
    return 2.0 * s + s * square * q


cdef inline float log1p_series32(float s) noexcept nogil:
    """log1p_series in single precision."""
    cdef float square = s * s
    cdef float q = <float>0.28011991547030778941
    q = q * square + <float>0.28001804220458040479
    q = q * square + <float>0.40021527306100667635
    q = q * square + <float>0.66666416285142471961
    return <float>2.0 * s + s * square * q


cdef inline double log_of_sum64(double whole, double x) noexcept nogil:
    """log(whole + x) of a whole 0 or 1 and a sum that is a normal number, relatively accurate."""
    # whole + x = m 2^(e - 1024), m between sqrt(1/2) and sqrt(2); log m = 2 atanh((m - 1)/(m + 1)).
    cdef uint64_t e = (bits_of_double(whole + x) - bits_of_double(0.70710678118654752)
                       + (<uint64_t>1024 << 52)) >> 52
    cdef double scale = double_of_bits((2047 - e) << 52)
    cdef double s = (x * scale + (whole * scale - 1.0)) / (x * scale + (whole * scale + 1.0))
    cdef double exponent = double_of_bits((<uint64_t>1075 << 52) + e) - (4503599627370496.0 + 1024)
    return exponent * 0.69314718055994531 + log1p_series64(s)


cdef inline real exp_negative(real x) noexcept nogil:
    if real is double:
        return exp_negative64(x)
    else:
        return exp_negative32(x)


cdef inline real log1p_series(real s) noexcept nogil:
    """log(1 + t) = 2 atanh(s), where s = t / (2 + t) is at most 1/3.

    Accurate relative to itself down to the smallest t.
    """
    if real is double:
        return log1p_series64(s)
    else:
        return log1p_series32(s)


cdef inline real decay(real z) noexcept nogil:
    """t = exp(-|z|), from which all else follows."""
    return exp_negative(-z if z >= 0 else z)


cdef inline real sigmoid_at(real z, real t) noexcept nogil:
    cdef real one = 1
    return (one if z >= 0 else t) / (one + t)


cdef inline real linear_part(real z, real y) noexcept nogil:
    """max(z, 0) - y z."""
    cdef real zero = 0
    return (z if z >= 0 else zero) - y * z


cdef inline real residual_share(real z, real t, real y) noexcept nogil:
    """(1 + t) residual."""
    cdef real one = 1
    cdef real positive = one if z >= 0 else t
    cdef real negative = t if z >= 0 else one
    return (one - y) * positive - y * negative


cdef inline real log_loss_at(real z, real t, real y) noexcept nogil:
    cdef real two = 2
    return linear_part(z, y) + log1p_series(t / (two + t))


cdef inline real residual_at(real z, real t, real y) noexcept nogil:
    cdef real one = 1
    return residual_share(z, t, y) / (one + t)


cdef inline real loss_and_residual_at(real z, real t, real y, real* residual) noexcept nogil:
    """log_loss_at and residual_at by one division, the slowest of operations, instead of two."""
    cdef real one = 1, two = 2
    cdef real inverse = one / ((one + t) * (two + t))
    residual[0] = residual_share(z, t, y) * ((two + t) * inverse)
    return linear_part(z, y) + log1p_series(t * ((one + t) * inverse))


cdef inline real curvature_at(real t) noexcept nogil:
    cdef real one = 1
    return t / ((one + t) * (one + t))
