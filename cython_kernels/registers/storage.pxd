"""What X may be stored as. The one list that every kernel is generated over."""

from libc.stdint cimport int8_t, int16_t, uint8_t, uint16_t

# float16 comes as its bits: not every compiler knows half, and int16 is no storage type.
ctypedef int16_t half_t

ctypedef fused storage_t:
    uint8_t
    int8_t
    uint16_t
    half_t
    float
    double
