"""What X may be stored as. The one list that every kernel is generated over."""

from libc.stdint cimport uint8_t

ctypedef fused storage_t:
    uint8_t
    float
    double
