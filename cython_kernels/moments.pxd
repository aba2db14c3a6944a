"""Means and variances of the columns in one pass.

Each block of rows has its own mean and sum of squared deviations, taken from it in cache; blocks,
and then parts, are merged by the update of Chan, Golub and LeVeque (1983), which loses no digits
to a large mean.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from cython_kernels.lines cimport CACHE_LINE
from cython_kernels.partition cimport part_begin, rows_in_step, steps_in
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport value_of

cdef enum:
    BLOCK_BYTES = 65536

cdef struct Moments:
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t row_stride           # in elements
    Py_ssize_t column_stride
    const double* sample_weight     # (n_samples,), or NULL: all one
    double* weight                  # (n_parts,)
    double* mean                    # (n_parts, n_features)
    double* deviation               # (n_parts, n_features), sums of squared deviations
    double* block_mean              # (n_parts, n_features), scratch
    double* block_deviation         # (n_parts, n_features), scratch


cdef inline void merge(
    Py_ssize_t n_features, double weight_b, const double* mean_b, const double* deviation_b,
    double* weight, double* mean, double* deviation
) noexcept nogil:
    """Add the moments of b to the first ones."""
    cdef double together = weight[0] + weight_b
    cdef double share, delta
    cdef Py_ssize_t j
    if weight_b == 0:
        return
    share = weight_b / together
    for j in range(n_features):
        delta = mean_b[j] - mean[j]
        mean[j] += delta * share
        deviation[j] += deviation_b[j] + delta * delta * weight[0] * share
    weight[0] = together


cdef inline void add_rows(
    const storage_t* block, Py_ssize_t n_rows, const Moments* task, const double* sample_weight,
    const double* center, bint squared, double* sums
) noexcept nogil:
    """sums += the weighted distances from center, or their squares."""
    cdef double w = 1, delta
    cdef Py_ssize_t i, j
    for i in range(n_rows):
        if sample_weight != NULL:
            w = sample_weight[i]
        for j in range(task.n_features):
            delta = value_of(block[i * task.row_stride + j * task.column_stride]) - center[j]
            sums[j] += w * delta * delta if squared else w * delta


cdef inline void block_moments(
    const storage_t* block, Py_ssize_t n_rows, const Moments* task, const double* sample_weight,
    double* weight, double* mean, double* deviation
) noexcept nogil:
    """The moments of a few rows, reading them twice from cache.

    The mean is taken as a distance from the first row, so that of equal numbers is exact.
    """
    cdef double* first = deviation
    cdef Py_ssize_t i, j
    weight[0] = n_rows
    if sample_weight != NULL:
        weight[0] = 0
        for i in range(n_rows):
            weight[0] += sample_weight[i]
    if weight[0] == 0:
        return
    for j in range(task.n_features):
        first[j] = value_of(block[j * task.column_stride])
        mean[j] = 0
    add_rows(block, n_rows, task, sample_weight, first, False, mean)
    for j in range(task.n_features):
        mean[j] = first[j] + mean[j] / weight[0]
        deviation[j] = 0
    add_rows(block, n_rows, task, sample_weight, mean, True, deviation)


cdef inline void moments_part(
    const storage_t* X, const Moments* task, Py_ssize_t index, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Rows begin to end into the moments of part index."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t block_rows = max(
        CACHE_LINE // <Py_ssize_t>sizeof(storage_t), BLOCK_BYTES // row_bytes)
    cdef Py_ssize_t offset = index * task.n_features
    cdef Py_ssize_t first = begin, n_rows
    cdef double weight
    while first < end:
        n_rows = min(block_rows, end - first)
        block_moments(
            X + first * task.row_stride, n_rows, task,
            task.sample_weight + first if task.sample_weight != NULL else NULL,
            &weight, task.block_mean + offset, task.block_deviation + offset)
        merge(task.n_features, weight, task.block_mean + offset, task.block_deviation + offset,
              task.weight + index, task.mean + offset, task.deviation + offset)
        first += n_rows


cdef inline int run_moments(const storage_t* X, const Moments* task) except -1 nogil:
    """One pass; the moments of all rows end in part 0. The sums are zero at the start."""
    cdef Py_ssize_t rows = rows_in_step(task.n_features * sizeof(storage_t), task.n_parts)
    cdef Py_ssize_t step, begin
    cdef int index
    for step in range(steps_in(task.n_samples, task.n_parts, rows)):
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            begin = part_begin(task.n_samples, task.n_parts, index) + step * rows
            moments_part(X, task, index, begin, min(
                begin + rows, part_begin(task.n_samples, task.n_parts, index + 1)))
        with gil:
            PyErr_CheckSignals()
    for index in range(1, task.n_parts):
        merge(task.n_features, task.weight[index], task.mean + index * task.n_features,
              task.deviation + index * task.n_features, task.weight, task.mean, task.deviation)
    return 0
