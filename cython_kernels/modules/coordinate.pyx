"""Coordinate descent on a quadratic with an L1 penalty: a proximal Newton step without a pass.

The quadratic is a matrix, or that of sparse columns and the weights of their rows.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from cython_kernels.modules.views cimport out_table, out_values, table_of, values_of

ctypedef fused column_t:
    float
    double

cdef enum:
    NARROW_SWEEPS = 16      # over nonzero coefficients, at most, between two over all


cdef struct Quadratic:
    Py_ssize_t n
    const double* hessian
    double l1_penalty
    double* coef
    double* slope           # of the quadratic alone, at coef


cdef inline double soft_threshold(double x, double limit) noexcept nogil:
    """x moved towards zero by limit, not beyond."""
    if x > limit:
        return x - limit
    if x < -limit:
        return x + limit
    return 0


cdef inline double change_of(
    double coef, double slope, double curvature, double l1_penalty
) noexcept nogil:
    """From a coefficient to its minimum."""
    if curvature > 0:
        return soft_threshold(coef - slope / curvature, l1_penalty / curvature) - coef
    # A line, but for its L1 norm.
    return -coef if fabs(slope) <= l1_penalty else 0.0


cdef inline double minimise_along(const Quadratic* q, Py_ssize_t j) noexcept nogil:
    """Move coefficient j to its minimum; curvature times the square of the move."""
    cdef const double* row = q.hessian + j * q.n
    cdef double curvature = row[j]
    cdef double change = change_of(q.coef[j], q.slope[j], curvature, q.l1_penalty)
    cdef Py_ssize_t i
    if change == 0:
        return 0
    q.coef[j] += change
    for i in range(q.n):
        q.slope[i] += change * row[i]
    return curvature * change * change


cdef double sweep(const Quadratic* q, bint nonzero_only) noexcept nogil:
    """Each coefficient once; the largest move."""
    cdef double largest = 0
    cdef Py_ssize_t j
    for j in range(q.n):
        if not nonzero_only or q.coef[j] != 0:
            largest = max(largest, minimise_along(q, j))
    return largest


def coordinate_descent(
    const double[:, ::1] hessian, double l1_penalty, double tol, Py_ssize_t max_sweeps,
    double[::1] coef, double[::1] slope,
):
    """Minimise a quadratic plus l1_penalty |coef|_1, one coefficient after the other.

    coef starts anywhere, slope as the quadratic's gradient there; both are updated in place. Ends
    when no coefficient moves, in a sweep over all, by more than curvature * move^2 = tol. One of
    zero curvature becomes zero if that is its minimum, else it stays. Returns the number of sweeps.
    """
    cdef Quadratic q
    cdef Py_ssize_t n_sweeps = 0, _narrow
    q.n = coef.shape[0]
    q.hessian = table_of(hessian)
    q.l1_penalty = l1_penalty
    q.coef = out_values(coef)
    q.slope = out_values(slope)
    with nogil:
        while n_sweeps < max_sweeps:
            n_sweeps += 1
            if sweep(&q, False) <= tol:
                break
            for _narrow in range(min(NARROW_SWEEPS, max_sweeps - n_sweeps)):
                n_sweeps += 1
                if sweep(&q, True) <= tol:
                    break
            with gil:
                PyErr_CheckSignals()
    return n_sweeps


cdef struct ByColumns:
    Py_ssize_t n
    const int64_t* indptr
    const int32_t* rows
    double total            # of the weights of the rows
    const double* unit
    const double* about     # in the units of the columns
    const double* sums      # of a column, weighted
    const double* curvature
    const double* slope     # at the coefficients `begin`
    const double* begin
    double l2_penalty
    double l1_penalty
    double* coef
    double* row             # of each its weight, and by that how far it has been moved
    double* sum_moved       # of all rows
    double* about_moved     # how far the origin of the columns has been moved
    double fall
    double n_read           # entries


cdef inline double pull_of(
    const ByColumns* q, const column_t* values, Py_ssize_t j
) noexcept nogil:
    """The product of a column with what was moved: in four sums, for one would wait for itself."""
    cdef Py_ssize_t place = q.indptr[j], end = q.indptr[j + 1]
    cdef double a = 0, b = 0, c = 0, d = 0
    while place + 4 <= end:
        a += values[place] * q.row[2 * <Py_ssize_t>q.rows[place] + 1]
        b += values[place + 1] * q.row[2 * <Py_ssize_t>q.rows[place + 1] + 1]
        c += values[place + 2] * q.row[2 * <Py_ssize_t>q.rows[place + 2] + 1]
        d += values[place + 3] * q.row[2 * <Py_ssize_t>q.rows[place + 3] + 1]
        place += 4
    while place < end:
        a += values[place] * q.row[2 * <Py_ssize_t>q.rows[place] + 1]
        place += 1
    return (a + b) + (c + d)


cdef inline double minimise_column(
    ByColumns* q, const column_t* values, Py_ssize_t j
) noexcept nogil:
    """Move coefficient j to its minimum; curvature times the square of the move."""
    cdef double curvature = q.curvature[j], coef = q.coef[j], slope, change, moved
    cdef double* row
    cdef Py_ssize_t place
    slope = q.slope[j] + q.l2_penalty * (coef - q.begin[j]) + q.unit[j] * (
        pull_of(q, values, j) - q.about_moved[0] * q.sums[j]
        - q.about[j] * (q.sum_moved[0] - q.about_moved[0] * q.total))
    q.n_read += q.indptr[j + 1] - q.indptr[j]
    change = change_of(coef, slope, curvature, q.l1_penalty)
    if change == 0:
        return 0
    q.coef[j] = coef + change
    q.fall -= (slope + curvature / 2 * change) * change + q.l1_penalty * (
        fabs(q.coef[j]) - fabs(coef))
    moved = change * q.unit[j]
    for place in range(q.indptr[j], q.indptr[j + 1]):
        row = q.row + 2 * <Py_ssize_t>q.rows[place]
        row[1] += row[0] * (values[place] * moved)
    q.sum_moved[0] += moved * q.sums[j]
    q.about_moved[0] += moved * q.about[j]
    return curvature * change * change


cdef double sweep_columns(
    ByColumns* q, const column_t* values, bint nonzero_only
) noexcept nogil:
    """Each coefficient once; the largest move."""
    cdef double largest = 0
    cdef Py_ssize_t j
    for j in range(q.n):
        if not nonzero_only or q.coef[j] != 0:
            largest = max(largest, minimise_column(q, values, j))
    return largest


def column_descent(
    const int64_t[::1] indptr, const int32_t[::1] rows, const column_t[::1] values,
    double total, const double[::1] unit, const double[::1] about, const double[::1] sums,
    const double[::1] curvature, const double[::1] slope, const double[::1] begin,
    double l2_penalty, double l1_penalty, double tol, Py_ssize_t max_sweeps, double[::1] coef,
    double[:, ::1] row, double[::1] sums_moved,
):
    """coordinate_descent on a quadratic that is a sum over sparse rows.

    It is slope^T s + l2_penalty / 2 |s|^2, s = w - begin, and of each row weight / 2 times the
    square of sum_j (x_j - about_j) unit_j s_j. The total is that of the weights, `sums` are those
    of the columns. coef, `row` (n_rows, 2), which has the weights first, and `sums_moved` (2,) go
    on from where an earlier call has led; at first coef is `begin`, and all others are zero.
    Returns the number of sweeps, by how much they lowered the quadratic with its L1 norm, and how
    many entries they read.
    """
    cdef ByColumns q
    cdef const column_t* first = &values[0] if values.shape[0] else NULL
    cdef Py_ssize_t n_sweeps = 0, _narrow
    q.n = coef.shape[0]
    q.indptr = &indptr[0]
    q.rows = &rows[0] if rows.shape[0] else NULL
    q.total = total
    q.unit, q.about, q.sums = values_of(unit), values_of(about), values_of(sums)
    q.curvature, q.slope, q.begin = values_of(curvature), values_of(slope), values_of(begin)
    q.l2_penalty, q.l1_penalty = l2_penalty, l1_penalty
    q.coef, q.row = out_values(coef), out_table(row)
    q.sum_moved, q.about_moved = &sums_moved[0], &sums_moved[1]
    q.fall = q.n_read = 0
    with nogil:
        while n_sweeps < max_sweeps:
            n_sweeps += 1
            if sweep_columns(&q, first, False) <= tol:
                break
            for _narrow in range(min(NARROW_SWEEPS, max_sweeps - n_sweeps)):
                n_sweeps += 1
                if sweep_columns(&q, first, True) <= tol:
                    break
            with gil:
                PyErr_CheckSignals()
    return n_sweeps, q.fall, q.n_read
