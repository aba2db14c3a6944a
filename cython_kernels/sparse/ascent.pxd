"""Dual coordinate ascent over sparse rows: a step settles one row, all others being as they are.

The dual of (1 / W) sum_i s_i L_i + l2 / 2 |w|^2 has one number a_i for each row, at its maximum the
negative residual y_i - sigmoid(z_i), and

    w = sum_i s_i a_i x_i / strength            strength = l2 W

With z = x_i . w + b and q = s_i |x_i|^2 / strength, the decision value after the step is the root t
of t = z + q (y_i - sigmoid(t) - a_i), and a_i becomes y_i - sigmoid(t). (Yu, Huang and Lin, 2011,
Machine Learning 85; Shalev-Shwartz and Zhang, 2013, Journal of Machine Learning Research 14.)

The intercept is the coefficient of one more feature, whose value is the same in all rows and whose
penalty is about where it stood when the rows' turn began. That moves on with each turn, so that no
penalty is left at the end: the method of multipliers.

Several ascents over the same rows go side by side, each with its own dual numbers, weights and
penalty: what a row's entries meet of them lies together, and their roots are looked for at once. An
ascent's steps do not depend on which others there are.

Rows come in an order of their own each turn, a step without a divisor in common with their number
apart. What a row needs is asked for some rows before.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t

from cython_kernels.link.link cimport decay, sigmoid_at
from cython_kernels.registers.vector cimport VEC64_LANES, apart, prefetch, vec64
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, one_t, value_at
from cython_kernels.sparse.sweeps cimport ask_for, plus_product, same, sum_t
from cython_kernels.sweeps.lines cimport CACHE_LINE

cdef enum:
    MOST_ASCENTS = 8        # side by side; widths are the powers of two up to it
    ROWS_TO_ENTRIES = 24    # ahead: where a row's entries are asked for,
    ROWS_TO_NUMBERS = 6     # and the coefficients that they meet
    MOST_ASKED = 64         # entries of a row; of longer ones the processor sees the pattern
    MOST_TRIALS = 60        # for a root: enough to halve any interval to nothing

cdef extern from *:
    """
    #include <float.h>
    #define SETTLED 0.1    /* a change of t, from which on Newton's next step is the last */
    """
    const double SETTLED
    const double DBL_MAX

cdef struct Ascent:
    Entries X
    Py_ssize_t row              # the next,
    Py_ssize_t step             # and how far the one after it lies, below n_samples
    Py_ssize_t width            # ascents, and what is only there to fill a line
    const double* y             # (n_samples,)
    double* rows                # (n_samples, 3, width): t, NaN at first, a, and weights s
    double* coef                # (n_features, width): w
    const double* active        # (width,): 1, or 0 where there is no step
    const double* strength      # (width,), above zero
    const double* own           # (width,): the squares of intercepts' features; 0: not fitted
    const double* base          # (width,): where intercepts stood when the turn began
    double* total               # (width,): sum_i s_i a_i
    double* gain                # (width,), added to: the sum of s_i q_i times the square of a step


cdef struct Roots:              # of a row, by ascent
    double weight[MOST_ASCENTS]
    double dual[MOST_ASCENTS]   # before the step
    double rate[MOST_ASCENTS]   # q / s
    double z[MOST_ASCENTS]
    double q[MOST_ASCENTS]
    double t[MOST_ASCENTS]
    double p[MOST_ASCENTS]      # sigmoid(t)
    int64_t takes[MOST_ASCENTS]     # whether there is a step


cdef inline void begin_roots(
    const Ascent* ascent, Py_ssize_t width, const double* row, double y, double square,
    const double* product, Roots* roots
) noexcept nogil:
    """What the roots are of, and where to look first: at that of the row's last step, else at z.

    None is looked for where a row has no weight, or the size of the step is beyond all numbers.
    """
    cdef int64_t fresh[MOST_ASCENTS]
    cdef int64_t n_fresh = 0
    cdef Py_ssize_t k
    for k in range(width):
        roots.t[k], roots.dual[k] = row[k], row[width + k]
        roots.weight[k] = row[2 * width + k] * ascent.active[k]
        roots.rate[k] = (square + ascent.own[k]) / ascent.strength[k]
        roots.z[k] = (
            ascent.base[k] + ascent.own[k] * ascent.total[k] / ascent.strength[k] + product[k])
    for k in range(width):
        roots.q[k] = roots.weight[k] * roots.rate[k]
        roots.takes[k] = (
            (fabs(roots.z[k]) <= DBL_MAX) & (roots.q[k] > 0) & (roots.q[k] <= DBL_MAX))
        roots.z[k] = roots.z[k] if roots.takes[k] else 0.0
        roots.q[k] = roots.q[k] if roots.takes[k] else 0.0
        roots.p[k] = y - roots.dual[k]
        fresh[k] = roots.t[k] != roots.t[k]
        roots.t[k] = roots.z[k] if fresh[k] else roots.t[k]
        n_fresh += fresh[k] & roots.takes[k]
    if n_fresh:
        for k in range(width):
            roots.p[k] = sigmoid_at(roots.t[k], decay(roots.t[k])) if fresh[k] else roots.p[k]


cdef inline void find_roots(Roots* roots, Py_ssize_t width, double y) noexcept nogil:
    """Newton's method for t, within the interval where it must lie.

    Of a large q it would leap to and fro: each step is half as long as the last, at most, else it
    is half the interval.
    """
    cdef double low[MOST_ASCENTS]
    cdef double high[MOST_ASCENTS]
    cdef double last[MOST_ASCENTS]
    cdef int64_t found[MOST_ASCENTS]
    cdef int64_t n_found, settled, near
    cdef double t, p, q, excess, following, length
    cdef int _trial
    cdef Py_ssize_t k
    for k in range(width):
        low[k] = roots.z[k] + roots.q[k] * (y - 1 - roots.dual[k])
        high[k] = roots.z[k] + roots.q[k] * (y - roots.dual[k])
        last[k] = DBL_MAX
        found[k] = 1 - roots.takes[k]
    for _trial in range(MOST_TRIALS):
        n_found = 0
        for k in range(width):
            t, p, q = roots.t[k], roots.p[k], roots.q[k]
            excess = t - roots.z[k] - q * (y - p - roots.dual[k])
            low[k] = t if (excess < 0) & (t > low[k]) else low[k]
            high[k] = t if (excess >= 0) & (t < high[k]) else high[k]
            following = t - excess / (1 + q * p * (1 - p))
            length = fabs(following - t)
            settled = length < SETTLED
            near = (low[k] < following) & (following < high[k]) & (2 * length <= last[k])
            # Where it is at the root already, an end of the interval is too.
            following = (
                following if settled | near else low[k] + (high[k] - low[k]) / 2)
            last[k] = fabs(following - t)
            following = t if found[k] else following
            found[k] |= settled
            roots.t[k], roots.p[k] = following, sigmoid_at(following, decay(following))
            n_found += found[k]
        if n_found == width:
            break


cdef inline void take_steps(
    const Ascent* ascent, Roots* roots, Py_ssize_t width, double* row, double y, double* change
) noexcept nogil:
    """To the roots: by how much s_i a_i / strength changes."""
    cdef double gain[MOST_ASCENTS]
    cdef Py_ssize_t k
    for k in range(width):
        roots.p[k] = y - roots.p[k] if roots.takes[k] else roots.dual[k]
        roots.z[k] = (
            roots.weight[k] * (roots.p[k] - roots.dual[k]) if roots.takes[k] else 0.0)
        gain[k] = roots.z[k] * roots.z[k] * roots.rate[k] if roots.takes[k] else 0.0
    for k in range(width):
        row[k] = roots.t[k] if roots.takes[k] else row[k]
    for k in range(width):
        row[width + k] = roots.p[k]
    for k in range(width):
        ascent.gain[k] += gain[k]
    for k in range(width):
        ascent.total[k] += roots.z[k]
    for k in range(width):
        change[k] = roots.z[k] / ascent.strength[k]


cdef inline void step_of_width(
    const Ascent* ascent, double square, double* product, Py_ssize_t width
) noexcept nogil:
    """settle, compiled for each width."""
    cdef Roots roots
    cdef double* row = ascent.rows + ascent.row * 3 * width
    cdef double y = ascent.y[ascent.row]
    begin_roots(ascent, width, row, y, square, product, &roots)
    find_roots(&roots, width, y)
    take_steps(ascent, &roots, width, row, y, product)


cdef inline apart settle(const Ascent* ascent, double square, double* product) noexcept nogil:
    """A row's step: from x . w of each ascent to how much s_i a_i / strength changes, in place."""
    if ascent.width == 8:
        step_of_width(ascent, square, product, 8)
    elif ascent.width == 4:
        step_of_width(ascent, square, product, 4)
    elif ascent.width == 2:
        step_of_width(ascent, square, product, 2)
    else:
        step_of_width(ascent, square, product, 1)


cdef inline void ask_for_entries(
    const entry_t* values, const index_t* indices, const Ascent* ascent, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t j = ascent.X.indptr[row]
    cdef Py_ssize_t end = min(<Py_ssize_t>ascent.X.indptr[row + 1], j + MOST_ASKED)
    while j < end:
        prefetch(indices + j)
        if entry_t is not one_t:
            prefetch(values + j)
        j += CACHE_LINE // <Py_ssize_t>max(sizeof(index_t), sizeof(entry_t))


cdef inline void ask_for_numbers(
    const index_t* indices, const Ascent* ascent, Py_ssize_t row, Py_ssize_t width
) noexcept nogil:
    cdef Py_ssize_t begin = ascent.X.indptr[row], j
    for j in range(begin, min(<Py_ssize_t>ascent.X.indptr[row + 1], begin + MOST_ASKED)):
        ask_for(ascent.coef + indices[j] * width, width)
    prefetch(ascent.y + row)
    ask_for(ascent.rows + row * 3 * width, 3 * width)


cdef inline void settle_row(
    const entry_t* values, const index_t* indices, const Ascent* ascent, const sum_t* kind,
    Py_ssize_t n_registers
) noexcept nogil:
    """A row's step of the ascents that fill n_registers of a kind."""
    cdef Py_ssize_t begin = ascent.X.indptr[ascent.row], end = ascent.X.indptr[ascent.row + 1]
    cdef sum_t z[MOST_ASCENTS]
    cdef sum_t numbers[MOST_ASCENTS]
    cdef sum_t* coef
    cdef sum_t value
    cdef double square = 0, number
    cdef Py_ssize_t j, k
    for k in range(n_registers):
        z[k] = same(0.0, kind)
    for j in range(begin, end):
        number = value_at(values, j)
        square += number * number
        value = same(number, kind)
        coef = <sum_t*>ascent.coef + indices[j] * n_registers
        for k in range(n_registers):
            z[k] = plus_product(value, coef[k], z[k])
    for k in range(n_registers):
        numbers[k] = z[k]
    settle(ascent, square, <double*>numbers)
    if not square <= DBL_MAX:
        return
    for k in range(n_registers):
        z[k] = numbers[k]
    for j in range(begin, end):
        value = same(value_at(values, j), kind)
        coef = <sum_t*>ascent.coef + indices[j] * n_registers
        for k in range(n_registers):
            coef[k] = plus_product(value, z[k], coef[k])


cdef inline Py_ssize_t row_after(const Ascent* ascent, Py_ssize_t row) noexcept nogil:
    row += ascent.step
    return row - ascent.X.n_samples if row >= ascent.X.n_samples else row


cdef inline Py_ssize_t row_ahead(const Ascent* ascent, Py_ssize_t n_rows) noexcept nogil:
    cdef Py_ssize_t row = ascent.row, _i
    for _i in range(n_rows):
        row = row_after(ascent, row)
    return row


cdef inline void ascend_width(
    const entry_t* values, const index_t* indices, Ascent* ascent, Py_ssize_t n_rows,
    Py_ssize_t width
) noexcept nogil:
    """The next rows in turn, compiled for each width."""
    cdef Py_ssize_t numbers = row_ahead(ascent, ROWS_TO_NUMBERS)
    cdef Py_ssize_t entries = row_ahead(ascent, ROWS_TO_ENTRIES)
    cdef Py_ssize_t pointers = row_ahead(ascent, 2 * ROWS_TO_ENTRIES)
    cdef Py_ssize_t _i
    for _i in range(n_rows):
        prefetch(ascent.X.indptr + pointers)
        ask_for_entries(values, indices, ascent, entries)
        ask_for_numbers(indices, ascent, numbers, width)
        if width < VEC64_LANES:
            settle_row(values, indices, ascent, <const double*>NULL, width)
        else:
            settle_row(values, indices, ascent, <const vec64*>NULL, width // VEC64_LANES)
        ascent.row = row_after(ascent, ascent.row)
        numbers, entries = row_after(ascent, numbers), row_after(ascent, entries)
        pointers = row_after(ascent, pointers)


cdef inline void ascend_rows(
    const entry_t* values, const index_t* indices, Ascent* ascent, Py_ssize_t n_rows
) noexcept nogil:
    """The next rows in turn."""
    if ascent.width == 8:
        ascend_width(values, indices, ascent, n_rows, 8)
    elif ascent.width == 4:
        ascend_width(values, indices, ascent, n_rows, 4)
    elif ascent.width == 2:
        ascend_width(values, indices, ascent, n_rows, 2)
    else:
        ascend_width(values, indices, ascent, n_rows, 1)
