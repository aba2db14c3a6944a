"""Stochastic gradient descent: a step after each batch of rows, in float64 throughout.

A batch is widened into a tile once, features (x - center) unit, and serves both halves. With g the
mean gradient of the loss over the batch at the coefficients w,

    velocity = momentum velocity - step M (g + l2 w)
    w        = soft(w + velocity, step flat l1)             soft(a, t) = sign(a) max(|a| - t, 0)
    average += (w - average) (1 + tail) / (n + tail)                the n-th step since it began

M = diag(flat) + V^T diag(gains) V is a metric's inverse, of few directions V, or is given as a
whole; under an L1 penalty it is diag(flat) alone.
Intercepts are not penalised and have a gain of their own. Of batches that are short the gradient
counts as much less. The metric may know nothing of a row that comes late or is rare: no step, but
for what momentum adds to it, moves a decision value by more than MOST_MOVE, and one that leads
beyond the least cost of its own batch is halved until it does not.
(Shamir and Zhang, 2013, International Conference on Machine Learning, for averages with a tail.)
"""

from libc.math cimport fabs
from libc.string cimport memcpy, memset

from cython_kernels.link.link_blocks cimport link_block, sum_of, weigh
from cython_kernels.link.softmax cimport softmax_block
from cython_kernels.link.targets cimport copy_targets
from cython_kernels.passes.walk cimport MOST_BATCH_ROWS, Walk, registers_of
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    VEC64_LANES, fill, load_some, muladd, prefetch_far, vec64,
)
from cython_kernels.sweeps.lines cimport CACHE_LINE
from cython_kernels.sweeps.tiles cimport add_lines, dot_lines
from cython_kernels.sweeps.widened cimport dot_with_one

cdef enum:
    TURN_ROWS = 8           # between two turns of fetching rows of the next batch
    FETCHED = 1024          # of a row, after which the processor's own prefetcher goes on
    MOST_HALVINGS = 64      # of a step
    MUCH_TOO_LONG = 4       # times as long as a step may be, which tells of another metric

cdef extern from *:
    """
    #define MOST_MOVE 4.0   /* of a decision value in a step */
    """
    const double MOST_MOVE


cdef inline void widen_row(const storage_t* row, const Walk* walk, vec64* out) noexcept nogil:
    """One row as features."""
    cdef Py_ssize_t whole = walk.n_features // VEC64_LANES, rest = walk.n_features % VEC64_LANES
    cdef Py_ssize_t r, j
    cdef vec64 x
    if walk.column_stride == 1:
        for r in range(whole):
            load_some(row + r * VEC64_LANES, 0, &x)
            out[r] = features_of(x, walk, r)
        if rest:
            load_some(row + whole * VEC64_LANES, rest, &x)
            out[whole] = features_of(x, walk, whole)
        return
    fill(0.0, &out[registers_of(walk.n_features) - 2])
    for j in range(walk.n_features):
        load_some(row + j * walk.column_stride, 1, &x)
        (<double*>out)[j] = (<double*>&x)[0]
    for r in range(registers_of(walk.n_features) - 1):
        out[r] = features_of(out[r], walk, r)


cdef inline vec64 features_of(vec64 x, const Walk* walk, Py_ssize_t r) noexcept nogil:
    """(x - center) unit of the r-th register of a row."""
    cdef vec64 one, zero
    fill(1.0, &one)
    fill(0.0, &zero)
    return muladd(muladd(x, one, walk.shift[r]), walk.scale[r], zero)


cdef inline void widen_rows(
    const storage_t* X, const Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows, vec64* line
) noexcept nogil:
    cdef const storage_t* row = X + begin * walk.row_stride
    cdef Py_ssize_t _
    for _ in range(n_rows):
        widen_row(row, walk, line)
        row += walk.row_stride
        line += registers_of(walk.n_features)


cdef inline void fetch_rows(
    const storage_t* X, const Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows
) noexcept nogil:
    """Bring rows nearer while others are worked on, where they lie in memory one by one."""
    cdef Py_ssize_t n_bytes = min(walk.n_features * <Py_ssize_t>sizeof(storage_t),
                                  <Py_ssize_t>FETCHED)
    cdef Py_ssize_t i, at
    if walk.column_stride != 1:
        return
    for i in range(begin, min(begin + n_rows, walk.n_samples)):
        at = 0
        while at < n_bytes:
            prefetch_far(<const char*>(X + i * walk.row_stride) + at)
            at += CACHE_LINE


cdef inline void dot_widened(
    const Walk* walk, const double* lines, Py_ssize_t n_lines, const vec64* vectors, double* out,
    Py_ssize_t out_stride
) noexcept nogil:
    """out[k, i] += line i . vector k, of lines in registers with zeros behind."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    if walk.n_coefs == 1:
        dot_with_one(lines, registers * VEC64_LANES, n_lines, registers - 1, vectors, out)
    else:
        dot_lines(lines, registers * VEC64_LANES, n_lines, walk.n_features, vectors, registers,
                  walk.n_coefs, out, out_stride)


cdef inline double finish_forward(
    const Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows
) noexcept nogil:
    """From z = w . x to residuals, each times its row's share; the sum of the weighted losses."""
    cdef const double* weight = NULL
    cdef Py_ssize_t k, i
    cdef double* z
    if walk.sample_weight != NULL:
        weight = walk.sample_weight + begin
    copy_targets(walk.y, begin, n_rows, walk.targets)
    for k in range(walk.n_coefs):
        z = walk.z + k * MOST_BATCH_ROWS
        for i in range(n_rows):
            z[i] += walk.intercept[k]
    if walk.softmax:
        softmax_block(walk.z, MOST_BATCH_ROWS, walk.n_coefs, walk.targets, n_rows, walk.losses,
                      <double>1)
    else:
        link_block(walk.z, walk.targets, n_rows, walk.losses, <double>1)
    weigh(walk.losses, weight, n_rows)
    for k in range(walk.n_coefs):
        z = walk.z + k * MOST_BATCH_ROWS
        weigh(z, weight, n_rows)
        for i in range(n_rows):
            z[i] *= walk.row_share
    return sum_of(walk.losses, n_rows)


cdef inline double soft(double value, double threshold) noexcept nogil:
    """sign(value) max(|value| - threshold, 0), without a branch: signs are hard to predict."""
    cdef double within = value if value < threshold else threshold
    within = within if within > -threshold else -threshold
    return value - within


cdef inline void add_penalty(const Walk* walk) noexcept nogil:
    """From the gradients of the loss to those of the cost."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t j, k
    cdef double* gradient
    cdef const double* coef
    for k in range(walk.n_coefs):
        gradient = <double*>(walk.gradient + k * registers)
        coef = <const double*>(walk.coef_registers + k * registers)
        for j in range(walk.n_features):
            gradient[j] += walk.l2 * coef[j]


cdef inline void solve_at_once(const Walk* walk) noexcept nogil:
    """The same by the whole of the inverse: half the work where it has few columns."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t d = walk.n_features
    cdef Py_ssize_t k
    memset(walk.parts, 0, walk.n_coefs * d * sizeof(double))
    dot_widened(walk, walk.inverse, d, walk.gradient, walk.parts, d)
    for k in range(walk.n_coefs):
        memcpy(walk.gradient + k * registers, walk.parts + k * d, d * sizeof(double))


cdef inline void solve(const Walk* walk) noexcept nogil:
    """The metric's inverse times each gradient, in its place."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t n = walk.n_directions
    cdef Py_ssize_t i, j, k
    cdef double* gradient
    if walk.inverse != NULL:
        solve_at_once(walk)
        return
    memset(walk.parts, 0, walk.n_coefs * n * sizeof(double))
    dot_widened(walk, walk.directions, n, walk.gradient, walk.parts, n)
    for k in range(walk.n_coefs):
        for i in range(n):
            walk.parts[k * n + i] *= walk.gains[i]
        gradient = <double*>(walk.gradient + k * registers)
        for j in range(walk.n_features):
            gradient[j] *= walk.flat[j]
    add_lines(walk.directions, registers * VEC64_LANES, n, walk.n_features,
              <const vec64*>walk.parts, n, walk.n_coefs, walk.gradient, registers, NULL, 0)


cdef inline double product_of(const double* a, const double* b, Py_ssize_t n) noexcept nogil:
    """a . b of whole registers, for vector code."""
    cdef double sums[VEC64_LANES]
    cdef Py_ssize_t r, i
    for i in range(VEC64_LANES):
        sums[i] = 0
    for r in range(n // VEC64_LANES):
        for i in range(VEC64_LANES):
            sums[i] += a[r * VEC64_LANES + i] * b[r * VEC64_LANES + i]
    return sum_of(sums, VEC64_LANES)


cdef inline void look_along(const Walk* walk, Py_ssize_t n_rows) noexcept nogil:
    """What a step of length one against the gradients, and the intercepts', takes off each z."""
    cdef Py_ssize_t k, i
    memset(walk.along, 0, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
    for k in range(walk.n_coefs):
        for i in range(n_rows):
            walk.along[k * MOST_BATCH_ROWS + i] = walk.slopes[k]
    dot_widened(walk, <const double*>walk.tile, n_rows, walk.gradient, walk.along,
                MOST_BATCH_ROWS)


cdef inline double fall_after(
    const Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows, double step
) noexcept nogil:
    """How fast the mean loss of a batch still falls at the end of a step."""
    cdef Py_ssize_t n = walk.n_coefs * MOST_BATCH_ROWS
    cdef Py_ssize_t i
    for i in range(n):
        walk.z[i] = walk.before[i] - step * walk.along[i]
    finish_forward(walk, begin, n_rows)
    return product_of(walk.z, walk.along, n)


cdef inline double most_curvature(
    const Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows, double square
) noexcept nogil:
    """Of the mean loss of a batch along a step of length one, which has this square."""
    cdef double most = 0.5 if walk.softmax else 0.25
    cdef double curvature = square, along
    cdef Py_ssize_t k, i
    if walk.sample_weight != NULL:
        curvature = 0
        for k in range(walk.n_coefs):
            for i in range(n_rows):
                along = walk.along[k * MOST_BATCH_ROWS + i]
                curvature += walk.sample_weight[begin + i] * along * along
    return most * walk.row_share * curvature


cdef inline double within_reach(const Walk* walk, double step, double square) noexcept nogil:
    """A step that moves no decision value by more than MOST_MOVE; of length one it has a square."""
    cdef double farthest = 0
    cdef Py_ssize_t i
    if step * step * square <= MOST_MOVE * MOST_MOVE:
        return step
    for i in range(walk.n_coefs * MOST_BATCH_ROWS):
        farthest = max(farthest, fabs(walk.along[i]))
    return min(step, MOST_MOVE / farthest)


cdef inline double bounded_step(
    Walk* walk, Py_ssize_t begin, Py_ssize_t n_rows, double asked
) noexcept nogil:
    """A step, made shorter until it leads not too far.

    z holds the residuals, and the gradients have been solved for; afterwards z does not.
    """
    cdef Py_ssize_t n = walk.n_coefs * registers_of(walk.n_features) * VEC64_LANES
    cdef Py_ssize_t n_values = walk.n_coefs * MOST_BATCH_ROWS
    cdef const double* gradient = <const double*>walk.gradient
    cdef double fall, own, of_penalty, square, step
    cdef Py_ssize_t _
    look_along(walk, n_rows)
    square = product_of(walk.along, walk.along, n_values)
    step = within_reach(walk, asked, square)
    of_penalty = walk.l2 * product_of(gradient, <const double*>walk.coef_registers, n)
    own = walk.l2 * product_of(gradient, gradient, n)
    fall = of_penalty + product_of(walk.z, walk.along, n_values)
    if step * (most_curvature(walk, begin, n_rows, square) + own) > fall:
        for _ in range(MOST_HALVINGS):
            if fall_after(walk, begin, n_rows, step) + of_penalty - step * own >= 0:
                break
            step /= 2
    walk.n_short += step < asked / MUCH_TOO_LONG
    return step


cdef inline void move(Walk* walk, Py_ssize_t k, double step) noexcept nogil:
    """A step of vector k against its gradient, which is cleared, and that of its intercept."""
    cdef Py_ssize_t d = walk.n_features
    cdef Py_ssize_t j
    cdef double* coef = walk.coef + k * d
    cdef double* near = <double*>(walk.coef_registers + k * registers_of(d))
    cdef double* gradient = <double*>(walk.gradient + k * registers_of(d))
    cdef double* velocity
    if walk.velocity != NULL:
        velocity = walk.velocity + k * (d + 1)
        for j in range(d):
            velocity[j] = walk.momentum * velocity[j] - step * gradient[j]
            coef[j] += velocity[j]
        velocity[d] = walk.momentum * velocity[d] - step * walk.slopes[k]
        walk.intercept[k] += velocity[d]
    else:
        for j in range(d):
            coef[j] -= step * gradient[j]
        walk.intercept[k] -= step * walk.slopes[k]
    if walk.l1 > 0:
        for j in range(d):
            coef[j] = soft(coef[j], step * walk.flat[j] * walk.l1)
    for j in range(d):
        near[j] = coef[j]
        gradient[j] = 0


cdef inline void average_in(Walk* walk) noexcept nogil:
    """The point where the last step led to, into the average."""
    cdef Py_ssize_t d = walk.n_features
    cdef Py_ssize_t j, k
    cdef double* average
    cdef const double* coef
    cdef double share = (1 + walk.tail) / (walk.n_averaged + 1 + walk.tail)
    walk.n_averaged += 1
    for k in range(walk.n_coefs):
        average = walk.average + k * (d + 1)
        coef = walk.coef + k * d
        for j in range(d):
            average[j] += share * (coef[j] - average[j])
        average[d] += share * (walk.intercept[k] - average[d])


cdef inline double walk_batch(
    const storage_t* X, Walk* walk, Py_ssize_t begin, Py_ssize_t following, double step
) noexcept nogil:
    """A step after the rows from `begin` on, before those `following`; the sum of their losses."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t n_rows = min(walk.batch_rows, walk.n_samples - begin)
    cdef Py_ssize_t i = 0, k, count
    cdef double loss
    memset(walk.z, 0, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
    while i < n_rows:
        count = min(n_rows - i, <Py_ssize_t>TURN_ROWS)
        widen_rows(X, walk, begin + i, count, walk.tile + i * registers)
        fetch_rows(X, walk, following + i, TURN_ROWS)
        dot_widened(walk, <const double*>(walk.tile + i * registers), count, walk.coef_registers,
                    walk.z + i, MOST_BATCH_ROWS)
        i += TURN_ROWS
    memcpy(walk.before, walk.z, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
    loss = finish_forward(walk, begin, n_rows)
    add_lines(<const double*>walk.tile, registers * VEC64_LANES, n_rows, walk.n_features,
              <const vec64*>walk.z, MOST_BATCH_ROWS, walk.n_coefs, walk.gradient, registers,
              NULL, 0)
    add_penalty(walk)
    solve(walk)
    for k in range(walk.n_coefs):
        walk.slopes[k] = 0
        if walk.fit_intercept:
            walk.slopes[k] = walk.intercept_gain * sum_of(walk.z + k * MOST_BATCH_ROWS, n_rows)
    step = bounded_step(walk, begin, n_rows, step)
    for k in range(walk.n_coefs):
        move(walk, k, step)
    if walk.average != NULL:
        average_in(walk)
    return loss


cdef inline double walk_batches(
    const storage_t* X, Walk* walk, const Py_ssize_t* first_rows, const double* steps,
    Py_ssize_t n_batches
) noexcept nogil:
    """A step after each batch; the sum of the losses of all rows, each before the step of it."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t t, k, j, following
    cdef double loss = 0
    for k in range(walk.n_coefs):
        for j in range(walk.n_features):
            (<double*>(walk.coef_registers + k * registers))[j] = (
                walk.coef[k * walk.n_features + j])
    for t in range(n_batches):
        following = first_rows[t + 1] if t + 1 < n_batches else walk.n_samples
        loss += walk_batch(X, walk, first_rows[t], following, steps[t])
    return loss
