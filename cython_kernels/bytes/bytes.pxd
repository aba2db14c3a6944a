"""Blocks of short rows of uint8 by integer arithmetic: slices.h, short_rows.h."""

from libc.stdint cimport uint8_t

cdef extern from "slices.h" nogil:
    enum:
        HAS_BYTE_KERNELS
        MOST_COLUMNS
    ctypedef struct SlicedCoef:
        pass
    bint slices_suit(const double* coef, Py_ssize_t n) noexcept
    void slice_coef(const double* coef, Py_ssize_t n, SlicedCoef* out) noexcept
    void flush_bytes(float* gradient, Py_ssize_t n, double* out) noexcept

cdef extern from "short_rows.h" nogil:
    enum:
        BYTE_ROWS       # of a block: its tile has half the room of one of floats
    void forward_bytes(
        const uint8_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n,
        const SlicedCoef* coef, void* tile, float* z) noexcept
    void backward_bytes(
        const void* tile, Py_ssize_t n_rows, float* factor, float* gradient,
        const uint8_t* ahead, Py_ssize_t row_stride) noexcept
