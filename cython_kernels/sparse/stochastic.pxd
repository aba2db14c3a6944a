"""Stochastic gradient descent over sparse rows: a step costs time in the entries of its batch.

The metric's inverse is diagonal, M = diag(m). A step of length s brings every coefficient from w to

    soft(w - h (g + l2 w), h l1)        h = (1 - exp(-s m l2)) / l2, which is s m without l2

with g the mean gradient of the loss over the batch. Where g is zero, the steps of lengths s_1, ...,
s_n are one of length s_1 + ... + s_n, so that a column is let lie until it occurs again, and only
the sum of the steps, the clock, is kept; where penalties fall as rows come, so is the sum of the
steps times the penalties' share, what is due. (Tsuruoka, Tsujii and Ananiadou, 2009, ACL-IJCNLP,
for an L1 penalty alone.) A gradient may go first and the penalties afterwards, with the next
stretch:

    soft(exp(-s m l2) (w - g h exp(s m l2)), h l1)

Points on the way count in the average by how much they add to the eighth power of the clock. Of a
stretch that a column was let lie, all count as the mean of its ends, or as zero if the L1 penalty
has made it zero meanwhile.

All that is known of a column lies together, in one line of cache if there is one vector.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset

from cython_kernels.link.link cimport exp_negative64
from cython_kernels.link.link_blocks cimport sum_of
from cython_kernels.passes.stochastic cimport MOST_BATCH_ROWS, Walk, finish_forward, soft
from cython_kernels.registers.vector cimport prefetch
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, value_at

cdef enum:      # numbers of a column before its coefficients, which its sums follow
    CLOCK               # when the coefficients were what they are
    DUE                 # of the penalties, then
    GAIN                # m
    UNIT                # features are x times this
    SQUARE              # the weighted sum of their squares, if gains are learnt
    FIRST

cdef enum:
    AHEAD = 64          # entries

cdef extern from *:
    """
    #define MOST_BY_SERIES 0.125    /* beyond it, what the series leaves out is felt */
    """
    const double MOST_BY_SERIES

cdef struct LazyWalk:
    Walk walk               # without center, unit, directions, velocity and average
    Entries X
    const Py_ssize_t* first_rows
    const double* steps
    Py_ssize_t width        # numbers of a column
    double* columns         # (n_features, width)
    double* sums            # (n_coefs,): of the intercepts on the way
    double clock
    double due
    double penalty_share    # of l2 and l1, what they are now
    double curvature        # of the loss, by which gains are learnt from squares; 0: they stay
    double weight           # of all rows that the squares are of
    double loss             # out: the sum of the weighted losses of all rows


cdef inline double eighth_power(double x) noexcept nogil:
    cdef double fourth = (x * x) * (x * x)
    return fourth * fourth


cdef inline double mean_decay(double x) noexcept nogil:
    """(1 - exp(-x)) / x, x being nowhere below -MOST_BY_SERIES."""
    cdef double q = 1.0 / 40320.0 - x * (1.0 / 362880.0)
    if x > MOST_BY_SERIES:
        return (1 - exp_negative64(-x)) / x
    q = 1.0 / 5040.0 - x * q
    q = 1.0 / 720.0 - x * q
    q = 1.0 / 120.0 - x * q
    q = 1.0 / 24.0 - x * q
    q = 1.0 / 6.0 - x * q
    q = 0.5 - x * q
    return 1 - x * q


cdef struct Stretch:        # what becomes of a column that was let lie
    double left             # of its coefficients
    double threshold
    double half             # of what the points on the way count in the average


cdef inline Stretch stretch_of(const LazyWalk* lazy, const double* column) noexcept nogil:
    """From where a column was left to the clock."""
    cdef Stretch stretch
    cdef double reach = (lazy.due - column[DUE]) * column[GAIN]
    cdef double share = mean_decay(reach * lazy.walk.l2)
    stretch.left = 1 - reach * lazy.walk.l2 * share
    stretch.threshold = reach * share * lazy.walk.l1
    stretch.half = (eighth_power(lazy.clock) - eighth_power(column[CLOCK])) / 2
    return stretch


cdef inline void catch_up_one(const Stretch* stretch, double* coef, double* total) noexcept nogil:
    cdef double before = coef[0]
    coef[0] = soft(stretch.left * before, stretch.threshold)
    if coef[0] != 0 or stretch.threshold == 0:
        total[0] += stretch.half * (before + coef[0])


cdef inline void catch_up(const LazyWalk* lazy, double* column) noexcept nogil:
    """Bring a column to the clock."""
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs
    cdef double* coef = column + FIRST
    cdef Stretch stretch = stretch_of(lazy, column)
    cdef Py_ssize_t k
    column[CLOCK], column[DUE] = lazy.clock, lazy.due
    if n_coefs == 1:    # what a compiler makes of the loop takes longer than all else
        catch_up_one(&stretch, coef, coef + 1)
        return
    for k in range(n_coefs):
        catch_up_one(&stretch, coef + k, coef + n_coefs + k)


cdef inline void read_column(
    const LazyWalk* lazy, Py_ssize_t j, bint averaged, double* out
) noexcept nogil:
    """The coefficients of a column at the clock or on the average, out[k * n_features]."""
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs
    cdef const double* column = lazy.columns + j * lazy.width
    cdef Stretch stretch = stretch_of(lazy, column)
    cdef double coef, total
    cdef Py_ssize_t k
    for k in range(n_coefs):
        coef, total = column[FIRST + k], column[FIRST + n_coefs + k]
        catch_up_one(&stretch, &coef, &total)
        out[k * lazy.walk.n_features + j] = (
            total / eighth_power(lazy.clock) if averaged else coef)


cdef inline void gather_row(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t row,
    double row_weight, double* z
) noexcept nogil:
    """z = w . x of a row, its columns brought to the clock."""
    cdef const int64_t* indptr = lazy.X.indptr
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs
    cdef Py_ssize_t last = lazy.X.n_entries - 1
    cdef Py_ssize_t j, k
    cdef double* column
    cdef double x, other = 0
    for j in range(indptr[row], indptr[row + 1]):
        prefetch(lazy.columns + indices[min(j + AHEAD, last)] * lazy.width)
        column = lazy.columns + indices[j] * lazy.width
        if column[CLOCK] != lazy.clock:
            catch_up(lazy, column)
        x = value_at(values, j) * column[UNIT]
        column[SQUARE] += row_weight * x * x
        if n_coefs == 1:
            other += x * column[FIRST]
            continue
        for k in range(n_coefs):
            z[k * MOST_BATCH_ROWS] += x * column[FIRST + k]
    z[0] += other


cdef inline double pull_of(const LazyWalk* lazy, double* column, double step) noexcept nogil:
    """By how much a column moves against its gradient before penalties act; its gain, if learnt."""
    cdef double l2 = lazy.walk.l2 * lazy.penalty_share
    cdef double reach, share, paid
    if lazy.curvature > 0 and column[SQUARE] > 0:
        column[GAIN] = 1 / sqrt(lazy.curvature * column[SQUARE] / lazy.weight + l2)
    reach = step * column[GAIN]
    paid = reach * l2
    if paid < MOST_BY_SERIES:
        return reach * mean_decay(-paid)
    share = mean_decay(paid)
    return reach * share / (1 - paid * share)


cdef inline void scatter_row(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t row,
    const double* factor, double step
) noexcept nogil:
    """A step against what a row adds to the gradient."""
    cdef const int64_t* indptr = lazy.X.indptr
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs
    cdef Py_ssize_t j, k
    cdef double* column
    cdef double move
    for j in range(indptr[row], indptr[row + 1]):
        column = lazy.columns + indices[j] * lazy.width
        move = value_at(values, j) * column[UNIT] * pull_of(lazy, column, step)
        if n_coefs == 1:
            column[FIRST] -= move * factor[0]
            continue
        for k in range(n_coefs):
            column[FIRST + k] -= move * factor[k * MOST_BATCH_ROWS]


cdef inline void move_intercepts(LazyWalk* lazy, Py_ssize_t n_rows, double step) noexcept nogil:
    """A step of the intercepts, and the clock's."""
    cdef double before = eighth_power(lazy.clock)
    cdef Py_ssize_t k
    lazy.clock += step
    lazy.due += step * lazy.penalty_share
    for k in range(lazy.walk.n_coefs):
        if lazy.walk.fit_intercept:
            lazy.walk.intercept[k] -= step * lazy.walk.intercept_gain * sum_of(
                lazy.walk.z + k * MOST_BATCH_ROWS, n_rows)
        lazy.sums[k] += (eighth_power(lazy.clock) - before) * lazy.walk.intercept[k]


cdef inline void walk_lazily(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """A step after each of some batches."""
    cdef Walk* walk = &lazy.walk
    cdef Py_ssize_t t, i, first, n_rows
    cdef double row_weight
    for t in range(begin, end):
        first = lazy.first_rows[t]
        n_rows = min(walk.batch_rows, walk.n_samples - first)
        memset(walk.z, 0, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
        for i in range(n_rows):
            row_weight = 1.0 if walk.sample_weight == NULL else walk.sample_weight[first + i]
            lazy.weight += row_weight
            gather_row(values, indices, lazy, first + i, row_weight, walk.z + i)
        lazy.loss += finish_forward(walk, first, n_rows)
        for i in range(n_rows):
            scatter_row(values, indices, lazy, first + i, walk.z + i, lazy.steps[t])
        move_intercepts(lazy, n_rows, lazy.steps[t])
