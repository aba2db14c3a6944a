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

A row that is rare in the metric, or weighs much, would move its own decision value too far: of its
residual no more is taken than moves it by MOST_MOVE.

Points on the way count in the average by how much they add to the eighth power of the clock. Of a
stretch that a column was let lie, all count as the mean of its ends, the first of which is that of
the step it begins with but for the L1 penalty; or as zero if that has made it zero meanwhile.

All that is known of a column lies together, in one line of cache if there is one vector.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset

from cython_kernels.link.link cimport exp_negative64
from cython_kernels.link.link_blocks cimport sum_of
from cython_kernels.passes.stochastic cimport MOST_MOVE, finish_forward, soft
from cython_kernels.passes.walk cimport MOST_BATCH_ROWS, Walk
from cython_kernels.registers.vector cimport apart, prefetch
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, value_at

cdef enum:      # numbers of a column before its coefficients, which its sums follow
    CLOCK               # when the coefficients were what they are
    DUE                 # of the penalties, then
    GAIN                # m
    UNIT                # features are x times this
    SQUARE              # the weighted sum of their squares, if gains are learnt
    SHRUNK              # what the L2 penalty leaves of it in the step it was last changed in
    FIRST

cdef enum:
    BLOCK = 32          # entries
    LANES = 8           # that vector code takes at once
    AHEAD = 64          # entries

cdef extern from *:
    """
    #define MOST_BY_SERIES 0.125    /* beyond it, what the series leaves out is felt */
    #define MOST_REACH 32.0         /* of s m l2: next to nothing is left of a coefficient */
    """
    const double MOST_BY_SERIES
    const double MOST_REACH

cdef struct LazyWalk:
    Walk walk               # without shift, scale, directions, velocity and average
    Entries X
    const Py_ssize_t* first_rows
    const double* steps
    Py_ssize_t width        # numbers of a column
    double* columns         # (n_features, width)
    double* sums            # (n_coefs,): of the intercepts on the way
    double clock
    double due
    double counted          # in the average: the eighth power of the clock
    double penalty_share    # of l2 and l1, what they are now
    double curvature        # of the loss, by which gains are learnt from squares; 0: they stay
    double weight           # of all rows that the squares are of
    double square_share     # the curvature by it
    double loss             # out: the sum of the weighted losses of all rows


cdef inline double eighth_power(double x) noexcept nogil:
    cdef double fourth = (x * x) * (x * x)
    return fourth * fourth


cdef inline double decay_series(double x) noexcept nogil:
    """(1 - exp(-x)) / x within MOST_BY_SERIES of zero."""
    cdef double q = 1.0 / 40320.0 - x * (1.0 / 362880.0)
    q = 1.0 / 5040.0 - x * q
    q = 1.0 / 720.0 - x * q
    q = 1.0 / 120.0 - x * q
    q = 1.0 / 24.0 - x * q
    q = 1.0 / 6.0 - x * q
    q = 0.5 - x * q
    return 1 - x * q


cdef inline double mean_decay(double x, double end) noexcept nogil:
    """(1 - exp(-x)) / x, for x >= 0, where end is exp(-x)."""
    cdef double far = (1 - end) / x
    return decay_series(x) if x <= MOST_BY_SERIES else far


cdef inline double mean_growth(double x, double end) noexcept nogil:
    """(exp(x) - 1) / x, likewise."""
    cdef double far = (1 - end) / (x * end)
    return decay_series(-x) if x <= MOST_BY_SERIES else far


cdef struct Stretch:        # what becomes of columns that were let lie
    double left[BLOCK]          # of their coefficients
    double threshold[BLOCK]


cdef inline apart end_stretch(const LazyWalk* lazy, Py_ssize_t n, Stretch* stretch) noexcept nogil:
    """From how far penalties reach, in `left`; free of branches, for vector code."""
    cdef double l2 = lazy.walk.l2, l1 = lazy.walk.l1
    cdef double reach
    cdef Py_ssize_t r, i, j
    for r in range((n + LANES - 1) // LANES):
        for i in range(LANES):
            j = r * LANES + i
            reach = stretch.left[j]
            stretch.left[j] = exp_negative64(-reach * l2)
            stretch.threshold[j] = reach * mean_decay(reach * l2, stretch.left[j]) * l1


cdef inline double reach_of(const LazyWalk* lazy, const double* column) noexcept nogil:
    """How far penalties reach that are due since a column was left."""
    return (lazy.due - column[DUE]) * column[GAIN]


cdef inline double half_of(const LazyWalk* lazy, const double* column) noexcept nogil:
    """Half of what the points since a column was left count in the average."""
    return (lazy.counted - eighth_power(column[CLOCK])) / 2


cdef inline void catch_up(
    double left, double threshold, double shrunk, double half, double* coef, double* total
) noexcept nogil:
    cdef double begin = shrunk * coef[0]
    coef[0] = soft(left * coef[0], threshold)
    if threshold == 0 or coef[0] != 0:
        total[0] += half * (begin + coef[0])


cdef inline void read_column(
    const LazyWalk* lazy, Py_ssize_t j, bint averaged, double* out
) noexcept nogil:
    """The coefficients of a column at the clock or on the average, out[k * n_features]."""
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs
    cdef const double* column = lazy.columns + j * lazy.width
    cdef Stretch stretch
    cdef double coef, total
    cdef Py_ssize_t k
    memset(&stretch, 0, sizeof(Stretch))
    stretch.left[0] = reach_of(lazy, column)
    end_stretch(lazy, 1, &stretch)
    for k in range(n_coefs):
        coef, total = column[FIRST + k], column[FIRST + n_coefs + k]
        catch_up(stretch.left[0], stretch.threshold[0], column[SHRUNK], half_of(lazy, column),
                 &coef, &total)
        out[k * lazy.walk.n_features + j] = total / lazy.counted if averaged else coef


cdef inline void gather_block(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t n,
    double row_weight, double* z, Stretch* stretch
) noexcept nogil:
    """What some entries add to z = w . x of their row, their columns brought to the clock."""
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs, width = lazy.width
    cdef Py_ssize_t last = lazy.X.n_entries - 1
    cdef Py_ssize_t j, k
    cdef double* column
    cdef double x, half, other = 0
    for j in range(n):
        prefetch(lazy.columns + indices[min(begin + j + AHEAD, last)] * width)
        stretch.left[j] = reach_of(lazy, lazy.columns + indices[begin + j] * width)
    end_stretch(lazy, n, stretch)
    for j in range(n):
        column = lazy.columns + indices[begin + j] * width
        half = half_of(lazy, column)
        column[CLOCK], column[DUE] = lazy.clock, lazy.due
        x = value_at(values, begin + j) * column[UNIT]
        column[SQUARE] += row_weight * x * x
        if n_coefs == 1:    # what a compiler makes of the loop takes longer than all else
            catch_up(stretch.left[j], stretch.threshold[j], column[SHRUNK], half,
                     column + FIRST, column + FIRST + 1)
            other += x * column[FIRST]
            continue
        for k in range(n_coefs):
            catch_up(stretch.left[j], stretch.threshold[j], column[SHRUNK], half,
                     column + FIRST + k, column + FIRST + n_coefs + k)
            z[k * MOST_BATCH_ROWS] += x * column[FIRST + k]
    z[0] += other


cdef struct Pull:           # by how much columns move against their gradient
    double x[BLOCK]
    double gain[BLOCK]
    double square[BLOCK]
    double move[BLOCK]
    double shrunk[BLOCK]
    double own[BLOCK]       # of the row's decision value, for a residual of one


cdef inline apart end_pull(
    const LazyWalk* lazy, double step, Py_ssize_t n, Pull* pull
) noexcept nogil:
    """Before penalties act; gains, if they are learnt. Free of branches, for vector code."""
    cdef double l2 = lazy.walk.l2 * lazy.penalty_share, share = lazy.square_share
    cdef double most_gain = MOST_REACH / (step * l2)
    cdef double curvature, learnt, gain, reach
    cdef Py_ssize_t r, i, j
    for r in range((n + LANES - 1) // LANES):
        for i in range(LANES):
            j = r * LANES + i
            curvature = share * pull.square[j]
            learnt = 1 / sqrt(curvature + l2)
            gain = learnt if curvature > 0 else pull.gain[j]
            pull.gain[j] = gain if gain <= most_gain else most_gain
            reach = step * pull.gain[j]
            pull.shrunk[j] = exp_negative64(-reach * l2)
            pull.move[j] = pull.x[j] * reach * mean_growth(reach * l2, pull.shrunk[j])
            pull.own[j] = pull.x[j] * pull.move[j] * pull.shrunk[j]


cdef inline double pull_block(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t n,
    double step, Pull* pull
) noexcept nogil:
    """By how much some entries of a row move its decision value, for a residual of one."""
    cdef double* column
    cdef Py_ssize_t j
    for j in range(n):
        column = lazy.columns + indices[begin + j] * lazy.width
        pull.x[j] = value_at(values, begin + j) * column[UNIT]
        pull.gain[j], pull.square[j] = column[GAIN], column[SQUARE]
    end_pull(lazy, step, n, pull)
    return sum_of(pull.own, n)


cdef inline void scatter_block(
    const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t n, const double* factor,
    const Pull* pull
) noexcept nogil:
    """A step against what some entries of a row add to the gradient."""
    cdef Py_ssize_t n_coefs = lazy.walk.n_coefs, width = lazy.width
    cdef Py_ssize_t j, k
    cdef double* column
    cdef double move
    for j in range(n):
        column = lazy.columns + indices[begin + j] * width
        move = pull.move[j]
        column[GAIN], column[SHRUNK] = pull.gain[j], pull.shrunk[j]
        if n_coefs == 1:
            column[FIRST] -= move * factor[0]
            continue
        for k in range(n_coefs):
            column[FIRST + k] -= move * factor[k * MOST_BATCH_ROWS]


cdef inline void scatter_row(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t end,
    double step, double* factor, Pull* pull
) noexcept nogil:
    """A step against what a row adds to the gradient, which moves its decision values not far."""
    cdef double farthest = 0
    cdef double own = step * lazy.walk.intercept_gain if lazy.walk.fit_intercept else 0.0
    cdef Py_ssize_t j = begin, k
    while j < end:
        own += pull_block(values, indices, lazy, j, min(BLOCK, end - j), step, pull)
        j += BLOCK
    for k in range(lazy.walk.n_coefs):
        farthest = max(farthest, own * fabs(factor[k * MOST_BATCH_ROWS]))
    if farthest > MOST_MOVE:
        for k in range(lazy.walk.n_coefs):
            factor[k * MOST_BATCH_ROWS] *= MOST_MOVE / farthest
    j = begin
    while j < end:
        if end - begin > BLOCK:     # else it is known
            pull_block(values, indices, lazy, j, min(BLOCK, end - j), step, pull)
        scatter_block(indices, lazy, j, min(BLOCK, end - j), factor, pull)
        j += BLOCK


cdef inline void move_intercepts(LazyWalk* lazy, Py_ssize_t n_rows, double step) noexcept nogil:
    """A step of the intercepts, and the clock's."""
    cdef double before = lazy.counted
    cdef Py_ssize_t k
    lazy.clock += step
    lazy.counted = eighth_power(lazy.clock)
    lazy.due += step * lazy.penalty_share
    for k in range(lazy.walk.n_coefs):
        if lazy.walk.fit_intercept:
            lazy.walk.intercept[k] -= step * lazy.walk.intercept_gain * sum_of(
                lazy.walk.z + k * MOST_BATCH_ROWS, n_rows)
        lazy.sums[k] += (lazy.counted - before) * lazy.walk.intercept[k]


cdef inline void walk_lazily(
    const entry_t* values, const index_t* indices, LazyWalk* lazy, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """A step after each of some batches."""
    cdef Walk* walk = &lazy.walk
    cdef const int64_t* indptr = lazy.X.indptr
    cdef Py_ssize_t t, i, j, stop, first, n_rows
    cdef double row_weight
    cdef Stretch stretch
    cdef Pull pull
    memset(&stretch, 0, sizeof(Stretch))
    memset(&pull, 0, sizeof(Pull))
    for t in range(begin, end):
        first = lazy.first_rows[t]
        n_rows = min(walk.batch_rows, walk.n_samples - first)
        memset(walk.z, 0, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
        for i in range(n_rows):
            row_weight = 1.0 if walk.sample_weight == NULL else walk.sample_weight[first + i]
            lazy.weight += row_weight
            j, stop = indptr[first + i], indptr[first + i + 1]
            while j < stop:
                gather_block(values, indices, lazy, j, min(BLOCK, stop - j), row_weight, walk.z + i,
                             &stretch)
                j += BLOCK
        lazy.loss += finish_forward(walk, first, n_rows)
        lazy.square_share = lazy.curvature / lazy.weight if lazy.weight > 0 else 0
        for i in range(n_rows):
            scatter_row(values, indices, lazy, indptr[first + i], indptr[first + i + 1],
                        lazy.steps[t], walk.z + i, &pull)
        move_intercepts(lazy, n_rows, lazy.steps[t])
