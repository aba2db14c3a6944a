"""A sparse X by rows: of each a stretch of column indices and, unless all are one, of values."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

from cython_kernels.registers.storage cimport half_t
from cython_kernels.registers.vector cimport widen_half

ctypedef uint32_t one_t     # of a pattern: no element is read, all are one

ctypedef fused entry_t:
    uint8_t
    int8_t
    uint16_t
    half_t
    float
    double
    one_t

ctypedef fused index_t:
    int32_t
    int64_t

cdef struct Entries:
    const int64_t* indptr
    const void* indices
    const void* values          # NULL: all one
    bint wide                   # whether indices have 64 bits
    char type                   # of the values, as the buffer protocol writes it; bool is as uint8
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_entries


cdef inline double value_at(const entry_t* values, Py_ssize_t place) noexcept nogil:
    if entry_t is one_t:
        return 1
    elif entry_t is half_t:
        return widen_half(values[place])
    else:
        return <double>values[place]


cdef inline Py_ssize_t piece_begin(
    const Entries* X, Py_ssize_t n_pieces, Py_ssize_t index
) noexcept nogil:
    """The first row of a piece: rows and entries together are shared out evenly."""
    cdef Py_ssize_t low = 0, high = X.n_samples, middle
    cdef double wanted = <double>(X.n_entries + X.n_samples) / n_pieces * index
    if index >= n_pieces:
        return X.n_samples
    while low < high:
        middle = low + (high - low) // 2
        if <double>(X.indptr[middle] + middle) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
