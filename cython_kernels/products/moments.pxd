"""Means and variances of the columns in one pass.

Each block of rows has its own mean and sum of squared deviations, taken from it in cache; blocks,
and then parts, are merged by the update of Chan, Golub and LeVeque (1983), which loses no digits
to a large mean. A column is measured in units that the caller may choose, so that no square leaves
the range of float64.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from cython_kernels.sweeps.lines cimport CACHE_LINE
from cython_kernels.passes.partition cimport Span, rows_in_step, rows_of_step, steps_in
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport VEC32_LANES, load_some, value_of, vec32

cdef enum:
    BLOCK_BYTES = 65536
    PANEL_ROWS = 2048               # of a Fortran-ordered X: stretches that stay in the first cache
    CHAINS = 32                     # sums side by side, which a compiler keeps in registers

cdef struct Moments:
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t part_stride          # from the sums of a part to the next's: n_features or more
    Py_ssize_t row_stride           # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    const double* sample_weight     # (n_samples,), or NULL: all one
    const double* unit              # (n_features,), factors of columns, or NULL: all one
    double* weight                  # (n_parts,)
    double* mean                    # (n_parts, part_stride), in these units, as all that follows
    double* deviation               # (n_parts, part_stride), sums of squared deviations
    double* block_mean              # (n_parts, part_stride), scratch
    double* block_deviation         # (n_parts, part_stride), scratch


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
    if weight[0] == 0:              # the square of a large mean is no distance from nothing
        weight[0] = weight_b
        for j in range(n_features):
            mean[j], deviation[j] = mean_b[j], deviation_b[j]
        return
    share = weight_b / together
    for j in range(n_features):
        delta = mean_b[j] - mean[j]
        # From the heavier one, whose rounding is that of the whole.
        if weight_b > weight[0]:
            mean[j] = mean_b[j] - delta * (weight[0] / together)
        else:
            mean[j] += delta * share
        deviation[j] += deviation_b[j] + delta * delta * weight[0] * share
    weight[0] = together


cdef inline double in_units(storage_t x, const Moments* task, Py_ssize_t j) noexcept nogil:
    """An element of column j."""
    return value_of(x) * task.unit[j] if task.unit != NULL else value_of(x)


cdef inline void add_row(
    const storage_t* row, Py_ssize_t n_features, double weight, const double* unit,
    const double* center, bint squared, bint scaled, double* sums
) noexcept nogil:
    """sums += the weighted distances of a row from center, or their squares."""
    cdef double delta
    cdef Py_ssize_t j
    for j in range(n_features):
        delta = value_of(row[j]) * unit[j] - center[j] if scaled else value_of(row[j]) - center[j]
        sums[j] += weight * delta * delta if squared else weight * delta


cdef inline void add_rows(
    const storage_t* block, Py_ssize_t n_rows, const Moments* task, const double* sample_weight,
    const double* center, bint squared, double* sums
) noexcept nogil:
    """add_row for each row of a block."""
    cdef double w = 1
    cdef Py_ssize_t i
    for i in range(n_rows):
        if sample_weight != NULL:
            w = sample_weight[i]
        if task.unit != NULL:
            add_row(block + i * task.row_stride, task.n_features, w, task.unit, center, squared,
                    True, sums)
        else:
            add_row(block + i * task.row_stride, task.n_features, w, NULL, center, squared,
                    False, sums)


cdef inline Py_ssize_t heaviest(const double* sample_weight, Py_ssize_t n_rows) noexcept nogil:
    """A row with the largest weight."""
    cdef Py_ssize_t i, best = 0
    if sample_weight != NULL:
        for i in range(n_rows):
            best = i if sample_weight[i] > sample_weight[best] else best
    return best


cdef inline void moments_by_rows(
    const storage_t* block, Py_ssize_t n_rows, const Moments* task, const double* sample_weight,
    double weight, double* mean, double* deviation
) noexcept nogil:
    """The moments of a few rows, reading them twice from cache.

    The mean is taken as a distance from a row, so that of equal numbers is exact: from the
    heaviest, so that it is as exact as that where all others weigh next to nothing.
    """
    cdef const storage_t* row = block + heaviest(sample_weight, n_rows) * task.row_stride
    cdef double* center = deviation
    cdef Py_ssize_t j
    for j in range(task.n_features):
        center[j] = in_units(row[j], task, j)
        mean[j] = 0
    add_rows(block, n_rows, task, sample_weight, center, False, mean)
    for j in range(task.n_features):
        mean[j] = center[j] + mean[j] / weight
        deviation[j] = 0
    add_rows(block, n_rows, task, sample_weight, mean, True, deviation)


cdef inline void widen(const storage_t* x, double* out) noexcept nogil:
    """CHAINS elements."""
    cdef vec32 register
    cdef Py_ssize_t i, k
    if storage_t is float or storage_t is double:
        for k in range(CHAINS):
            out[k] = x[k]
    else:
        for i in range(CHAINS // VEC32_LANES):
            load_some(x + i * VEC32_LANES, 0, &register)
            for k in range(VEC32_LANES):
                out[i * VEC32_LANES + k] = (<float*>&register)[k]


cdef inline double term(
    double value, double unit, double center, double weight, bint squared
) noexcept nogil:
    cdef double delta = value * unit - center
    return weight * delta * delta if squared else weight * delta


cdef inline double sum_of_column(
    const storage_t* x, Py_ssize_t n, const double* sample_weight, double unit, double center,
    bint squared, bint weighted
) noexcept nogil:
    """The weighted distances of n adjacent elements from center, or their squares, added up."""
    cdef double chains[CHAINS]
    cdef double values[CHAINS]
    cdef double result = 0
    cdef Py_ssize_t whole = n // CHAINS
    cdef Py_ssize_t i, k
    for k in range(CHAINS):
        chains[k] = 0
    for i in range(whole):
        widen(x + i * CHAINS, values)
        for k in range(CHAINS):
            chains[k] += term(values[k], unit, center,
                              sample_weight[i * CHAINS + k] if weighted else 1.0, squared)
    for k in range(CHAINS):
        result += chains[k]
    for i in range(whole * CHAINS, n):
        result += term(value_of(x[i]), unit, center, sample_weight[i] if weighted else 1.0, squared)
    return result


cdef inline double column_sum(
    const storage_t* x, Py_ssize_t n, const double* sample_weight, double unit, double center,
    bint squared
) noexcept nogil:
    """sum_of_column, compiled with weights and without."""
    if sample_weight != NULL:
        return sum_of_column(x, n, sample_weight, unit, center, squared, True)
    return sum_of_column(x, n, sample_weight, unit, center, squared, False)


cdef inline void moments_by_columns(
    const storage_t* block, Py_ssize_t n_rows, const Moments* task, const double* sample_weight,
    double weight, double* mean, double* deviation
) noexcept nogil:
    """As moments_by_rows, of one stretch of a column after the other."""
    cdef const storage_t* column
    cdef double unit = 1, center
    cdef Py_ssize_t j, row = heaviest(sample_weight, n_rows)
    for j in range(task.n_features):
        column = block + j * task.column_stride
        if task.unit != NULL:
            unit = task.unit[j]
        center = in_units(column[row], task, j)
        mean[j] = center + column_sum(column, n_rows, sample_weight, unit, center, False) / weight
        deviation[j] = column_sum(column, n_rows, sample_weight, unit, mean[j], True)


cdef inline double weight_of(const double* sample_weight, Py_ssize_t n_rows) noexcept nogil:
    """Of a block."""
    cdef double weight = 0
    cdef Py_ssize_t i
    if sample_weight == NULL:
        return n_rows
    for i in range(n_rows):
        weight += sample_weight[i]
    return weight


cdef inline Py_ssize_t rows_of_block(const storage_t* X, const Moments* task) noexcept nogil:
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    if task.column_stride != 1:
        return PANEL_ROWS
    return max(CACHE_LINE // <Py_ssize_t>sizeof(storage_t), BLOCK_BYTES // row_bytes)


cdef inline void moments_part(
    const storage_t* X, const Moments* task, Py_ssize_t index, Span rows
) noexcept nogil:
    """Some rows into the moments of part index."""
    cdef Py_ssize_t block_rows = rows_of_block(X, task)
    cdef Py_ssize_t offset = index * task.part_stride
    cdef double* mean = task.block_mean + offset
    cdef double* deviation = task.block_deviation + offset
    cdef const double* sample_weight = NULL
    cdef const storage_t* block
    cdef Py_ssize_t first = rows.begin, n_rows
    cdef double weight
    while first < rows.end:
        n_rows = min(block_rows, rows.end - first)
        block = X + first * task.row_stride
        if task.sample_weight != NULL:
            sample_weight = task.sample_weight + first
        weight = weight_of(sample_weight, n_rows)
        if weight == 0:
            pass                    # there is no mean
        elif task.column_stride != 1:
            moments_by_columns(block, n_rows, task, sample_weight, weight, mean, deviation)
        else:
            moments_by_rows(block, n_rows, task, sample_weight, weight, mean, deviation)
        merge(task.n_features, weight, mean, deviation,
              task.weight + index, task.mean + offset, task.deviation + offset)
        first += n_rows


cdef inline int run_moments(const storage_t* X, const Moments* task) except -1 nogil:
    """One pass; the moments of all rows end in part 0, the means in X's own units.

    The sums are zero at the start.
    """
    cdef Py_ssize_t rows = rows_in_step(task.n_features * sizeof(storage_t), task.n_parts)
    cdef Py_ssize_t step, j
    cdef int index
    for step in range(steps_in(task.n_samples, task.n_parts, rows)):
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            moments_part(X, task, index, rows_of_step(
                task.n_samples, task.n_parts, index, step, rows))
        with gil:
            PyErr_CheckSignals()
    for index in range(1, task.n_parts):
        merge(task.n_features, task.weight[index], task.mean + index * task.part_stride,
              task.deviation + index * task.part_stride, task.weight, task.mean, task.deviation)
    if task.unit != NULL:
        for j in range(task.n_features):
            task.mean[j] /= task.unit[j]
    return 0
