"""Some columns of sparse rows, as rows of their own."""

from libc.stdint cimport int32_t, int64_t

from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, one_t

cdef struct Kept:
    const int32_t* number       # (n_features,): of a column among those kept, or -1
    int64_t* indptr             # (n_samples + 1,): counts from 1 on, then their running sum
    int32_t* indices            # (n_entries kept,)
    void* values                # likewise, NULL: all one


cdef inline void count_kept(
    const index_t* indices, const Entries* X, const Kept* kept, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """indptr[i + 1] = how many entries row i keeps."""
    cdef Py_ssize_t i, j
    cdef int64_t count
    for i in range(begin, end):
        count = 0
        for j in range(X.indptr[i], X.indptr[i + 1]):
            count += kept.number[indices[j]] >= 0
        kept.indptr[i + 1] = count


cdef inline void keep_entries(
    const entry_t* values, const index_t* indices, const Entries* X, const Kept* kept,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """The entries of some rows, where indptr tells: written in any case, for few branches."""
    cdef entry_t* out = <entry_t*>kept.values
    cdef Py_ssize_t j, k = kept.indptr[begin], stop = kept.indptr[end]
    cdef int32_t number
    for j in range(X.indptr[begin], X.indptr[end]):
        if k == stop:       # what comes next is another thread's
            return
        number = kept.number[indices[j]]
        kept.indices[k] = number
        if entry_t is not one_t:
            out[k] = values[j]
        k += number >= 0
