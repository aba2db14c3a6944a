"""Blocks of short rows of uint8 by the integer arithmetic of narrow_bytes.h."""

from libc.stdint cimport int8_t, uint8_t

cdef extern from "narrow_bytes.h" nogil:
    enum:
        NARROW_BYTE_ROWS
    void forward_narrow_bytes(
        const uint8_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n,
        const int8_t* slices, double unit, void* tile, float* z) noexcept
    void backward_narrow_bytes(
        const void* tile, Py_ssize_t n_rows, float* factor, float* gradient,
        const uint8_t* ahead, Py_ssize_t row_stride) noexcept
