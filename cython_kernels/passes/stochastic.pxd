"""Stochastic gradient descent: a step after each batch of rows, in float64 throughout.

A batch is widened into a tile once, features (x - center) unit, and serves both halves. With g the
mean gradient of the loss over the batch at the coefficients w,

    velocity = momentum velocity - step M (g + l2 w)
    w        = soft(w + velocity, step flat l1)             soft(a, t) = sign(a) max(|a| - t, 0)
    average += (w - average) (1 + tail) / (n + tail)                the n-th step since it began

M = flat I + V^T diag(gains) V is a metric's inverse, of few directions V. Intercepts are not
penalised and have a gain of their own. Of batches that are short the gradient counts as much less.
(Shamir and Zhang, 2013, International Conference on Machine Learning, for averages with a tail.)
"""

from libc.string cimport memset

from cython_kernels.link.link_blocks cimport link_block, sum_of, weigh
from cython_kernels.link.softmax cimport softmax_block
from cython_kernels.link.targets cimport Targets, copy_targets
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    VEC64_LANES, fill, load_some, muladd, prefetch_far, vec64,
)
from cython_kernels.sweeps.lines cimport CACHE_LINE
from cython_kernels.sweeps.tiles cimport add_lines, dot_lines

cdef enum:
    MOST_BATCH_ROWS = 64    # as many as the softmax takes at once
    TURN_ROWS = 8           # between two turns of fetching rows of the next batch
    FETCHED = 1024          # of a row, after which the processor's own prefetcher goes on

cdef struct Walk:
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_coefs
    Py_ssize_t row_stride           # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    Py_ssize_t batch_rows           # MOST_BATCH_ROWS at most
    bint softmax
    bint fit_intercept
    Targets y
    const double* sample_weight     # or NULL: all one
    double row_share                # of one row in the mean over a batch
    double l2
    double l1
    double momentum
    Py_ssize_t n_directions         # of the metric, perhaps none
    const double* directions        # (n_directions, registers), each zero past its end
    const double* gains             # (n_directions,)
    double flat
    double intercept_gain
    double* coef                    # (n_coefs, n_features), in and out, as are
    double* intercept               # (n_coefs,)
    double* velocity                # (n_coefs, n_features + 1), or NULL without momentum
    double* average                 # (n_coefs, n_features + 1), or NULL
    double n_averaged               # steps that it is of
    double tail                     # the larger, the less early steps count in it
    vec64* shift                    # scratch: (registers,) -center
    vec64* scale                    # (registers,) unit
    vec64* coef_registers           # (n_coefs, registers)
    vec64* gradient                 # (n_coefs, registers)
    vec64* tile                     # (MOST_BATCH_ROWS, registers)
    double* z                       # (n_coefs, MOST_BATCH_ROWS)
    double* targets                 # (MOST_BATCH_ROWS,)
    double* losses                  # (MOST_BATCH_ROWS,)
    double* parts                   # (n_coefs, n_directions): of a gradient along them


cdef inline Py_ssize_t registers_of(Py_ssize_t n_features) noexcept nogil:
    """Of a line, and one more so that lines do not all lie a power of two apart."""
    return (n_features + VEC64_LANES - 1) // VEC64_LANES + 1


cdef inline Py_ssize_t doubles_needed(
    Py_ssize_t n_features, Py_ssize_t n_coefs, Py_ssize_t n_directions
) noexcept nogil:
    """Numbers of scratch memory, of which the first is at a multiple of a register's size."""
    return ((2 * n_coefs + 2 + MOST_BATCH_ROWS) * registers_of(n_features) * VEC64_LANES
            + (n_coefs + 2) * MOST_BATCH_ROWS + n_coefs * n_directions)


cdef inline void use_scratch(
    Walk* walk, const double* center, const double* unit, double* scratch
) noexcept nogil:
    """Lay out doubles_needed() numbers; without a center it is zero, without a unit one."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t j
    walk.shift = <vec64*>scratch
    walk.scale = walk.shift + registers
    walk.coef_registers = walk.scale + registers
    walk.gradient = walk.coef_registers + walk.n_coefs * registers
    walk.tile = walk.gradient + walk.n_coefs * registers
    walk.z = <double*>(walk.tile + MOST_BATCH_ROWS * registers)
    walk.targets = walk.z + walk.n_coefs * MOST_BATCH_ROWS
    walk.losses = walk.targets + MOST_BATCH_ROWS
    walk.parts = walk.losses + MOST_BATCH_ROWS
    memset(scratch, 0, <char*>walk.tile - <char*>scratch)
    for j in range(walk.n_features):
        (<double*>walk.shift)[j] = -center[j] if center != NULL else 0.0
        (<double*>walk.scale)[j] = unit[j] if unit != NULL else 1.0


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


cdef inline void solve(const Walk* walk) noexcept nogil:
    """The metric's inverse times each gradient, in its place."""
    cdef Py_ssize_t registers = registers_of(walk.n_features)
    cdef Py_ssize_t n = walk.n_directions
    cdef Py_ssize_t i, j, k
    cdef double* gradient
    memset(walk.parts, 0, walk.n_coefs * n * sizeof(double))
    dot_lines(walk.directions, registers * VEC64_LANES, n, walk.n_features, walk.gradient,
              registers, walk.n_coefs, walk.parts, n)
    for k in range(walk.n_coefs):
        for i in range(n):
            walk.parts[k * n + i] *= walk.gains[i]
        gradient = <double*>(walk.gradient + k * registers)
        for j in range(walk.n_features):
            gradient[j] *= walk.flat
    add_lines(walk.directions, registers * VEC64_LANES, n, walk.n_features,
              <const vec64*>walk.parts, n, walk.n_coefs, walk.gradient, registers, NULL)


cdef inline void move(Walk* walk, Py_ssize_t k, double slope, double step) noexcept nogil:
    """A step of vector k against its gradient, which is cleared, and that of its intercept."""
    cdef Py_ssize_t d = walk.n_features
    cdef Py_ssize_t j
    cdef double* coef = walk.coef + k * d
    cdef double* near = <double*>(walk.coef_registers + k * registers_of(d))
    cdef double* gradient = <double*>(walk.gradient + k * registers_of(d))
    cdef double* velocity
    slope *= walk.intercept_gain
    if walk.velocity != NULL:
        velocity = walk.velocity + k * (d + 1)
        for j in range(d):
            velocity[j] = walk.momentum * velocity[j] - step * gradient[j]
            coef[j] += velocity[j]
        velocity[d] = walk.momentum * velocity[d] - step * slope
        walk.intercept[k] += velocity[d]
    else:
        for j in range(d):
            coef[j] -= step * gradient[j]
        walk.intercept[k] -= step * slope
    if walk.l1 > 0:
        for j in range(d):
            coef[j] = soft(coef[j], step * walk.flat * walk.l1)
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
    cdef Py_ssize_t turns = (n_rows + TURN_ROWS - 1) // TURN_ROWS
    cdef Py_ssize_t turn, i, k, count
    cdef double loss, slope
    memset(walk.z, 0, walk.n_coefs * MOST_BATCH_ROWS * sizeof(double))
    for turn in range(turns):
        i = turn * TURN_ROWS
        count = min(n_rows - i, <Py_ssize_t>TURN_ROWS)
        widen_rows(X, walk, begin + i, count, walk.tile + i * registers)
        fetch_rows(X, walk, following + i // 2, TURN_ROWS // 2)
        dot_lines(<const double*>(walk.tile + i * registers), registers * VEC64_LANES, count,
                  walk.n_features, walk.coef_registers, registers, walk.n_coefs, walk.z + i,
                  MOST_BATCH_ROWS)
    loss = finish_forward(walk, begin, n_rows)
    for turn in range(turns):
        i = turn * TURN_ROWS
        count = min(n_rows - i, <Py_ssize_t>TURN_ROWS)
        fetch_rows(X, walk, following + (n_rows + i) // 2, TURN_ROWS // 2)
        add_lines(<const double*>(walk.tile + i * registers), registers * VEC64_LANES, count,
                  walk.n_features, <const vec64*>(walk.z + i), MOST_BATCH_ROWS, walk.n_coefs,
                  walk.gradient, registers, NULL)
    add_penalty(walk)
    solve(walk)
    for k in range(walk.n_coefs):
        slope = sum_of(walk.z + k * MOST_BATCH_ROWS, n_rows) if walk.fit_intercept else 0.0
        move(walk, k, slope, step)
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
