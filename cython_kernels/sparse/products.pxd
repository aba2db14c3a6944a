"""Sums of another kind over a sparse X: moments of its columns, products of pairs of them."""

from libc.stdint cimport int64_t

from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, value_at

cdef enum:
    # What is known of a column after a first sweep: sums of weighted values and of the weights of
    # its entries, their number, the least and the largest.
    VALUES, WEIGHTS, COUNT, LEAST, LARGEST, N_MOMENTS


cdef inline void add_moments(
    const entry_t* values, const index_t* indices, const Entries* X, const double* sample_weight,
    const double* unit, double* sums, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Of rows with a weight; sums is (n_features, N_MOMENTS), of values times the column's unit."""
    cdef Py_ssize_t i, j, column
    cdef double weight = 1, value
    cdef double* sum
    for i in range(begin, end):
        if sample_weight != NULL:
            weight = sample_weight[i]
            if weight == 0:
                continue
        for j in range(X.indptr[i], X.indptr[i + 1]):
            column = <Py_ssize_t>indices[j]
            value = value_at(values, j)
            if unit != NULL:
                value *= unit[column]
            sum = sums + column * N_MOMENTS
            sum[VALUES] += weight * value
            sum[WEIGHTS] += weight
            sum[COUNT] += 1
            sum[LEAST] = value if value < sum[LEAST] else sum[LEAST]
            sum[LARGEST] = value if value > sum[LARGEST] else sum[LARGEST]


cdef inline void add_squares(
    const entry_t* values, const index_t* indices, const Entries* X, const double* sample_weight,
    const double* unit, const double* mean, double* sums, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Weighted squares of the entries' distances from the column's mean, both times its unit."""
    cdef Py_ssize_t i, j, column
    cdef double weight = 1, value
    for i in range(begin, end):
        if sample_weight != NULL:
            weight = sample_weight[i]
        for j in range(X.indptr[i], X.indptr[i + 1]):
            column = <Py_ssize_t>indices[j]
            value = value_at(values, j)
            if unit != NULL:
                value *= unit[column]
            value -= mean[column]
            sums[column] += weight * value * value


cdef inline void add_products(
    const entry_t* values, const index_t* indices, const Entries* X, const double* row_weight,
    double* product, Py_ssize_t stride, Py_ssize_t first, Py_ssize_t last
) noexcept nogil:
    """Rows `first` to `last` of X^T diag(row_weight) X: each thread has columns of its own."""
    cdef Py_ssize_t i, j, k
    cdef double factor
    cdef double* line
    for i in range(X.n_samples):
        for j in range(X.indptr[i], X.indptr[i + 1]):
            if indices[j] < first or indices[j] >= last:
                continue
            factor = row_weight[i] * value_at(values, j)
            line = product + indices[j] * stride
            for k in range(X.indptr[i], X.indptr[i + 1]):
                line[indices[k]] += factor * value_at(values, k)
