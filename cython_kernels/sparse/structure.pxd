"""Whether indices and row pointers are sound: before anything is read by them."""

from libc.stdint cimport int64_t

from cython_kernels.sparse.entries cimport Entries, index_t

cdef enum Fault:
    SOUND
    UNORDERED           # an index is not above the one before it
    OUTSIDE             # an index is negative, or beyond the last column


cdef inline Py_ssize_t first_bad_row(
    const int64_t* indptr, Py_ssize_t n_samples, int64_t n_entries
) noexcept nogil:
    """The first row whose stretch falls, or lies outside the entries; -1 if there is none."""
    cdef Py_ssize_t i
    cdef bint bad = indptr[0] != 0
    for i in range(n_samples):
        bad |= indptr[i] > indptr[i + 1]
    if not bad and indptr[n_samples] <= n_entries:
        return -1
    for i in range(n_samples):
        if indptr[i] < 0 or indptr[i] > indptr[i + 1] or indptr[i + 1] > n_entries:
            return i
    return 0


cdef inline void check_rows(
    const index_t* indices, const Entries* X, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t* place
) noexcept nogil:
    """The worst fault of some rows into place[0], and the first entry outside into place[1]."""
    cdef Py_ssize_t i, j, first, stop
    cdef int64_t limit = X.n_features
    cdef bint unordered = False, outside = False
    for i in range(begin, end):
        first, stop = X.indptr[i], X.indptr[i + 1]
        for j in range(first + 1, stop):
            unordered |= indices[j] <= indices[j - 1]
        if first < stop:    # of a row in order, the ends tell
            outside |= (indices[first] < 0) | (indices[stop - 1] >= limit)
    place[0] = UNORDERED if unordered else SOUND
    if unordered or outside:
        for j in range(X.indptr[begin], X.indptr[end]):
            if indices[j] < 0 or indices[j] >= limit:
                place[0], place[1] = OUTSIDE, j
                return
