"""Coordinate descent on a quadratic with an L1 penalty: a proximal Newton step without data."""

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport fabs

from cython_kernels.modules.views cimport out_values, table_of

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


cdef inline double minimise_along(const Quadratic* q, Py_ssize_t j) noexcept nogil:
    """Move coefficient j to its minimum; curvature times the square of the move."""
    cdef const double* row = q.hessian + j * q.n
    cdef double curvature = row[j], change
    cdef Py_ssize_t i
    if curvature > 0:
        change = soft_threshold(
            q.coef[j] - q.slope[j] / curvature, q.l1_penalty / curvature) - q.coef[j]
    else:       # a line, but for its L1 norm
        change = -q.coef[j] if fabs(q.slope[j]) <= q.l1_penalty else 0.0
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
