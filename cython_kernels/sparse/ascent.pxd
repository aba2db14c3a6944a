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

Rows come in an order of their own each turn, a step without a divisor in common with their number
apart. What a row needs is asked for some rows before.
"""

from libc.math cimport fabs, isfinite

from cython_kernels.link.link cimport decay, sigmoid_at
from cython_kernels.registers.vector cimport prefetch
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, one_t, value_at
from cython_kernels.sweeps.lines cimport CACHE_LINE

cdef enum:
    ROWS_TO_ENTRIES = 24    # ahead: where a row's entries are asked for,
    ROWS_TO_NUMBERS = 6     # and the coefficients that they meet
    MOST_ASKED = 64         # entries of a row; of longer ones the processor sees the pattern
    MOST_TRIALS = 60        # for a root: enough to halve any interval to nothing

cdef extern from *:
    """
    #define SETTLED 0.01    /* a change of t, from which on Newton's next step is the last */
    """
    const double SETTLED

cdef struct Ascent:
    Entries X
    Py_ssize_t row              # the next,
    Py_ssize_t step             # and how far the one after it lies, below n_samples
    const double* y             # (n_samples,)
    const double* sample_weight     # (n_samples,), or NULL: all one
    double strength
    double own                  # the square of the intercept's feature; 0: it is not fitted
    double base                 # where the intercept stood when the turn began
    double total                # sum_i s_i a_i
    double* dual                # (n_samples,): a
    double* coef                # (n_features,): w
    double gain                 # out: the sum of s_i q_i times the square of a step


cdef inline double settled(double z, double q, double y, double dual) noexcept nogil:
    """a_i after a step: Newton's method for t, within the interval where the root must lie."""
    cdef double low = z + q * (y - 1 - dual), high = z + q * (y - dual)
    cdef double t = z, p = sigmoid_at(z, decay(z)), excess, following, change
    cdef int _trial
    for _trial in range(MOST_TRIALS):
        excess = t - z - q * (y - p - dual)
        if excess < 0:
            low = t
        else:
            high = t
        following = t - excess / (1 + q * p * (1 - p))
        if not low < following < high:
            following = low + (high - low) / 2
        change = fabs(following - t)
        t = following
        p = sigmoid_at(t, decay(t))
        if change < SETTLED:
            break
    return y - p


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
    const index_t* indices, const Ascent* ascent, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t begin = ascent.X.indptr[row], j
    for j in range(begin, min(<Py_ssize_t>ascent.X.indptr[row + 1], begin + MOST_ASKED)):
        prefetch(ascent.coef + indices[j])
    prefetch(ascent.y + row)
    prefetch(ascent.dual + row)
    if ascent.sample_weight != NULL:
        prefetch(ascent.sample_weight + row)


cdef inline void settle(
    const entry_t* values, const index_t* indices, Ascent* ascent, Py_ssize_t row
) noexcept nogil:
    """A step. None where a row has no weight, or the size of the step is beyond all numbers."""
    cdef Py_ssize_t begin = ascent.X.indptr[row], end = ascent.X.indptr[row + 1], j
    cdef double weight = 1.0 if ascent.sample_weight == NULL else ascent.sample_weight[row]
    cdef double z = ascent.base + ascent.own * ascent.total / ascent.strength
    cdef double square = ascent.own, product = 0, value, q, dual, change
    if weight == 0:
        return
    for j in range(begin, end):
        value = value_at(values, j)
        product += value * ascent.coef[indices[j]]
        square += value * value
    z += product
    q = weight * square / ascent.strength
    if not isfinite(z) or not isfinite(q) or q <= 0:
        return
    dual = settled(z, q, ascent.y[row], ascent.dual[row])
    change = weight * (dual - ascent.dual[row])
    ascent.gain += change * change * square / ascent.strength
    ascent.dual[row] = dual
    ascent.total += change
    change /= ascent.strength
    for j in range(begin, end):
        ascent.coef[indices[j]] += change * value_at(values, j)


cdef inline Py_ssize_t row_after(const Ascent* ascent, Py_ssize_t row) noexcept nogil:
    row += ascent.step
    return row - ascent.X.n_samples if row >= ascent.X.n_samples else row


cdef inline Py_ssize_t row_ahead(const Ascent* ascent, Py_ssize_t n_rows) noexcept nogil:
    cdef Py_ssize_t row = ascent.row, _i
    for _i in range(n_rows):
        row = row_after(ascent, row)
    return row


cdef inline void ascend_rows(
    const entry_t* values, const index_t* indices, Ascent* ascent, Py_ssize_t n_rows
) noexcept nogil:
    """The next rows in turn."""
    cdef Py_ssize_t numbers = row_ahead(ascent, ROWS_TO_NUMBERS)
    cdef Py_ssize_t entries = row_ahead(ascent, ROWS_TO_ENTRIES)
    cdef Py_ssize_t pointers = row_ahead(ascent, 2 * ROWS_TO_ENTRIES)
    cdef Py_ssize_t _i
    for _i in range(n_rows):
        prefetch(ascent.X.indptr + pointers)
        ask_for_entries(values, indices, ascent, entries)
        ask_for_numbers(indices, ascent, numbers)
        settle(values, indices, ascent, ascent.row)
        ascent.row = row_after(ascent, ascent.row)
        numbers, entries = row_after(ascent, numbers), row_after(ascent, entries)
        pointers = row_after(ascent, pointers)
