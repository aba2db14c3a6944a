"""Sums of another kind over a sparse X: moments of its columns, products of pairs of them."""

from libc.math cimport INFINITY

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
    double* product, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Add X^T diag(row_weight) X of some rows."""
    cdef Py_ssize_t i, j, k
    cdef double factor
    cdef double* line
    for i in range(begin, end):
        if row_weight[i] == 0:
            continue
        for j in range(X.indptr[i], X.indptr[i + 1]):
            factor = row_weight[i] * value_at(values, j)
            line = product + indices[j] * X.n_features
            for k in range(X.indptr[i], X.indptr[i + 1]):
                line[indices[k]] += factor * value_at(values, k)


cdef inline void begin_moments(
    double* sums, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Of some columns, nothing seen yet."""
    cdef Py_ssize_t j
    for j in range(begin, end):
        sums[j * N_MOMENTS + VALUES] = 0
        sums[j * N_MOMENTS + WEIGHTS] = 0
        sums[j * N_MOMENTS + COUNT] = 0
        sums[j * N_MOMENTS + LEAST] = INFINITY
        sums[j * N_MOMENTS + LARGEST] = -INFINITY


cdef inline void end_moments(
    double* sums, Py_ssize_t n_parts, Py_ssize_t width, double whole, double n_seen, double* mean,
    double* rest, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Of some columns, the mean, and what the elements that are no entries give to the variance.

    The latter is -1 where a column is constant.
    """
    cdef Py_ssize_t part, j
    cdef double* sum
    cdef double* other
    for j in range(begin, end):
        sum = sums + j * N_MOMENTS
        for part in range(1, n_parts):
            other = sum + part * width
            sum[VALUES] += other[VALUES]
            sum[WEIGHTS] += other[WEIGHTS]
            sum[COUNT] += other[COUNT]
            sum[LEAST] = min(sum[LEAST], other[LEAST])
            sum[LARGEST] = max(sum[LARGEST], other[LARGEST])
        mean[j] = sum[VALUES] / whole
        rest[j] = 0
        if sum[COUNT] < n_seen:
            rest[j] = max(whole - sum[WEIGHTS], 0.0) * mean[j] * mean[j]
            sum[LEAST] = min(sum[LEAST], 0.0)
            sum[LARGEST] = max(sum[LARGEST], 0.0)
        if sum[LEAST] == sum[LARGEST]:
            mean[j], rest[j] = sum[LEAST], -1


cdef inline void end_squares(
    const double* sums, Py_ssize_t n_parts, Py_ssize_t width, double whole, double* variance,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Variances, where there stood what `end_moments` left of them."""
    cdef Py_ssize_t part, j
    cdef double square
    for j in range(begin, end):
        square = variance[j]
        for part in range(n_parts):
            square += sums[part * width + j]
        variance[j] = 0.0 if variance[j] < 0 else square / whole
