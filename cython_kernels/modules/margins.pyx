"""Sums over rows of what the link says of margins: no X is read, no vector of rows is formed.

Each thread has a part of the rows and a row of `sums`; these are added up in their order.
"""

from cython.parallel cimport prange
from libc.float cimport DBL_MIN
from libc.math cimport fabs
from libc.stdint cimport uint8_t

from cython_kernels.link.link cimport (
    curvature_at, decay, log_loss_at, log_of_sum64, residual_at,
)
from cython_kernels.link.link_blocks cimport sum_of, weigh
from cython_kernels.passes.partition cimport part_begin
from cython_kernels.link.targets cimport Targets, copy_targets
from cython_kernels.modules.views cimport out_table, targets_of, values_of

cdef enum:
    BLOCK_ROWS = 512

cdef struct Rows:
    Py_ssize_t n_samples
    int n_parts
    const double* z
    const double* change        # NULL: of the intercept, one for all rows
    double share
    Targets y
    const double* sample_weight  # NULL: all one


cdef void block_along(
    const Rows* rows, Py_ssize_t begin, Py_ssize_t n, double* sums
) noexcept nogil:
    cdef double z[BLOCK_ROWS]
    cdef double y[BLOCK_ROWS]
    cdef double loss[BLOCK_ROWS]
    cdef double slope[BLOCK_ROWS]
    cdef double curvature[BLOCK_ROWS]
    cdef const double* weight = rows.sample_weight
    cdef double t, step
    cdef Py_ssize_t i
    for i in range(n):
        step = 1 if rows.change == NULL else rows.change[begin + i]
        z[i] = rows.z[begin + i] + rows.share * step
    copy_targets(rows.y, begin, n, &y[0])
    for i in range(n):
        t = decay(z[i])
        loss[i] = log_loss_at(z[i], t, y[i])
        slope[i] = residual_at(z[i], t, y[i])
        curvature[i] = curvature_at(t)
    if rows.change != NULL:
        for i in range(n):
            slope[i] *= rows.change[begin + i]
            curvature[i] *= rows.change[begin + i] * rows.change[begin + i]
    weight = NULL if weight == NULL else weight + begin
    weigh(&loss[0], weight, n)
    weigh(&slope[0], weight, n)
    weigh(&curvature[0], weight, n)
    sums[0] += sum_of(&loss[0], n)
    sums[1] += sum_of(&slope[0], n)
    sums[2] += sum_of(&curvature[0], n)


cdef void block_dual(
    const Rows* rows, Py_ssize_t begin, Py_ssize_t n, double* sums
) noexcept nogil:
    """Of q = |share residual|: not of q + y, whose digits are lost where q is small."""
    cdef double y[BLOCK_ROWS]
    cdef double entropy[BLOCK_ROWS]
    cdef double z, q, inside, share, of_share
    cdef Py_ssize_t i
    copy_targets(rows.y, begin, n, &y[0])
    for i in range(n):
        z = rows.z[begin + i]
        q = fabs(rows.share * residual_at(z, decay(z), y[i]))
        inside = q if q < 1 else 0.0
        share = inside if inside > DBL_MIN else 0.5
        of_share = -(share * log_of_sum64(0.0, share) + (1 - share) * log_of_sum64(1.0, -share))
        entropy[i] = of_share if inside > DBL_MIN else 0.0
    weigh(&entropy[0], NULL if rows.sample_weight == NULL else rows.sample_weight + begin, n)
    sums[0] += sum_of(&entropy[0], n)


cdef void block_extremes(
    const Rows* rows, Py_ssize_t begin, Py_ssize_t n, double* sums
) noexcept nogil:
    """The largest |z - change|, and how many signs are not their target's, of rows that count."""
    cdef double y[BLOCK_ROWS]
    cdef double largest = sums[0], wrong = 0, size
    cdef Py_ssize_t i
    copy_targets(rows.y, begin, n, &y[0])
    for i in range(n):
        if rows.sample_weight != NULL and not rows.sample_weight[begin + i] > 0:
            continue
        size = rows.z[begin + i]
        wrong += (y[i] > 0.5) != (size > 0)
        if rows.change != NULL:
            size -= rows.change[begin + i]
        size = fabs(size)
        if size > largest or size != size:      # NaN stays
            largest = size
    sums[0] = largest
    sums[1] += wrong


ctypedef void (*Block)(const Rows*, Py_ssize_t, Py_ssize_t, double*) noexcept nogil


cdef void add_part(const Rows* rows, Block add_block, int index, double* sums) noexcept nogil:
    cdef Py_ssize_t end = part_begin(rows.n_samples, rows.n_parts, index + 1)
    cdef Py_ssize_t begin = part_begin(rows.n_samples, rows.n_parts, index)
    while begin < end:
        add_block(rows, begin, min(<Py_ssize_t>BLOCK_ROWS, end - begin), sums)
        begin += BLOCK_ROWS


cdef Rows rows_of(
    const double[::1] z, const double[::1] change, double share, const uint8_t[::1] y, int y_type,
    const double[::1] sample_weight, double[:, ::1] sums
) noexcept:
    cdef Rows rows
    rows.n_samples = z.shape[0]
    rows.n_parts = <int>sums.shape[0]
    rows.z = values_of(z)
    rows.change = values_of(change)
    rows.share = share
    rows.y = targets_of(y, y_type)
    rows.sample_weight = values_of(sample_weight)
    return rows


cdef void add_rows(
    const Rows* rows, Block add_block, double* sums, Py_ssize_t width
) noexcept nogil:
    cdef int index
    for index in prange(rows.n_parts, schedule="static", chunksize=1, num_threads=rows.n_parts,
                        use_threads_if=rows.n_parts > 1):
        add_part(rows, add_block, index, sums + index * width)


def along(
    const double[::1] z, const double[::1] change, double share, const uint8_t[::1] y, int y_type,
    const double[::1] sample_weight, double[:, ::1] sums,
):
    """sums[:, k] = of losses at z + share change, their first and second derivatives in share.

    Without a change (None) it is 1. sums is (n_threads, 3), zero at the start.
    """
    cdef Rows rows = rows_of(z, change, share, y, y_type, sample_weight, sums)
    cdef double* totals = out_table(sums)
    with nogil:
        add_rows(&rows, block_along, totals, 3)


def dual(
    const double[::1] z, double share, const uint8_t[::1] y, int y_type,
    const double[::1] sample_weight, double[:, ::1] sums,
):
    """sums[:, 0] = of minus loss*(share residual), of targets 0 and 1.

    sums is (n_threads, 1), zero at the start.
    """
    cdef Rows rows = rows_of(z, None, share, y, y_type, sample_weight, sums)
    cdef double* totals = out_table(sums)
    with nogil:
        add_rows(&rows, block_dual, totals, 1)


def extremes(
    const double[::1] z, const double[::1] other, const uint8_t[::1] y, int y_type,
    const double[::1] sample_weight, double[:, ::1] sums,
):
    """sums[:, 0] = the largest |z - other|, sums[:, 1] = how many signs are not their target's.

    Of rows that have a weight. sums is (n_threads, 2), zero at the start.
    """
    cdef Rows rows = rows_of(z, other, 0, y, y_type, sample_weight, sums)
    cdef double* totals = out_table(sums)
    with nogil:
        add_rows(&rows, block_extremes, totals, 2)
