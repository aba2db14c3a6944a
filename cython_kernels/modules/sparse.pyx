"""Passes over a sparse X, as CSR stores it: row pointers, column indices, values or none.

`indices` are int32 or int64; `values` one of what X may be stored as, or None where all are one.
All sums are in float64. The structure must have been found sound: nothing here looks twice.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from cython_kernels.link.softmax cimport SOFTMAX_ROWS
from cython_kernels.modules.views cimport (
    entries_of, folds_of, held_out_of, out_table, out_values, table_of, targets_of, values_of,
)
from cython_kernels.passes.walk cimport MOST_BATCH_ROWS
from cython_kernels.sparse.ascent cimport MOST_ASCENTS as MOST_SIDE_BY_SIDE, Ascent
from cython_kernels.sparse.columns cimport Kept
from cython_kernels.sparse.entries cimport Entries
from cython_kernels.sparse.link_step cimport Step, link_part
from cython_kernels.sparse.products cimport N_MOMENTS, begin_moments, end_moments, end_squares
from cython_kernels.sparse.stochastic cimport FIRST, LazyWalk, eighth_power, read_column
from cython_kernels.sparse.structure cimport first_bad_row
from cython_kernels.sparse.sweeps cimport LINE, MOST_WIDTH, Sweep
from cython_kernels.sparse.task cimport (
    ADD_MOMENTS, ADD_PRODUCTS, ADD_SQUARES, ASCEND, CHECK, COUNT, KEEP, STEP_ENTRIES, SWEEP, WALK,
    Task, run, run_piece, run_rows, task_of,
)

#: Vectors that `gather` and `scatter` take.
MOST_COEFS = MOST_WIDTH

#: Ascents that `ascend` takes.
MOST_ASCENTS = MOST_SIDE_BY_SIDE

#: Sums of each column that `moments` needs for each thread.
N_SUMS = N_MOMENTS

#: What `structure` finds, from the least to the worst.
SOUND, UNORDERED, OUTSIDE = range(3)

cdef enum:
    NEAR = 64                   # features whose sums lie in the nearest cache


def structure(
    const int64_t[::1] indptr, object indices, Py_ssize_t n_features, Py_ssize_t[:, ::1] places,
):
    """SOUND, UNORDERED or OUTSIDE, and where: a row of bad pointers, or else the entry outside.

    The row is -1 where row pointers are sound. places is (n_threads, 2), of any content.
    """
    cdef Py_ssize_t n_entries = len(indices), n_samples = indptr.shape[0] - 1
    cdef int part, worst = 0
    cdef Py_ssize_t bad
    with nogil:
        bad = first_bad_row(&indptr[0], n_samples, n_entries)
    if bad >= 0:
        return OUTSIDE, bad, -1
    cdef Entries X = entries_of(indptr, indices, None, n_features)
    cdef Task task = task_of(CHECK, &X)
    cdef int n_parts = <int>places.shape[0]
    task.places = &places[0, 0]
    with nogil:
        for part in prange(n_parts, schedule="static", chunksize=1, num_threads=n_parts,
                           use_threads_if=n_parts > 1):
            run_piece(&task, part, n_parts, part)
    for part in range(n_parts):
        worst = max(worst, places[part, 0])
        if places[part, 0] == OUTSIDE:
            return OUTSIDE, -1, places[part, 1]
    return worst, -1, -1


cdef Sweep sweep_of(const Entries* X, Py_ssize_t n_coefs, Py_ssize_t stride) noexcept:
    cdef Sweep sweep
    memset(&sweep, 0, sizeof(Sweep))
    sweep.X = X[0]
    sweep.n_coefs, sweep.stride, sweep.width = n_coefs, stride, width_of(n_coefs)
    return sweep


cpdef Py_ssize_t width_of(Py_ssize_t n_coefs) noexcept:
    """To how many so many vectors of a sweep are padded, MOST_COEFS at most."""
    cdef Py_ssize_t width = 1
    while width < n_coefs:
        width *= 2
    return width


cdef void interleave_some(
    const double* vectors, Py_ssize_t n_vectors, Py_ssize_t n, double* wide, Py_ssize_t width,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Some numbers of vectors (n_vectors, n): wide is (n, width), zero beyond the vectors."""
    cdef Py_ssize_t j, k
    for j in range(begin, end):
        for k in range(n_vectors):
            wide[j * width + k] = vectors[k * n + j]
        for k in range(n_vectors, width):
            wide[j * width + k] = 0


cdef void interleave_all(
    const double* vectors, Py_ssize_t n_vectors, Py_ssize_t n, double* wide, Py_ssize_t width,
    int n_threads
) noexcept nogil:
    cdef int part
    for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                       use_threads_if=n_threads > 1):
        interleave_some(vectors, n_vectors, n, wide, width, n * part // n_threads,
                        n * (part + 1) // n_threads)


def interleave(const double[:, ::1] vectors, double[:, ::1] wide, int n_threads):
    """wide = vectors.T, of shape (n, width), and zero in what is wider."""
    cdef const double* given = table_of(vectors)
    cdef double* out = out_table(wide)
    with nogil:
        interleave_all(given, vectors.shape[0], wide.shape[0], out, wide.shape[1], n_threads)


def gather(
    const int64_t[::1] indptr, object indices, object values, const double[:, ::1] coef,
    const double[::1] intercept, const double[::1] offset, double[::1] wide,
    double[:, ::1] table, Py_ssize_t first, int n_threads,
):
    """Columns of table from `first` on = X coef + intercept + offset, of shape (n_samples, K).

    coef is (K, n_features), of MOST_COEFS at most, intercept (K,), offset (n_samples,) or None;
    wide is n_features width_of(K) numbers in whole lines of cache, of any content.
    """
    cdef Entries X = entries_of(indptr, indices, values, coef.shape[1])
    cdef Sweep sweep = sweep_of(&X, coef.shape[0], table.shape[1])
    cdef Task task = task_of(SWEEP, &X)
    cdef const double* given = table_of(coef)
    cdef double* own = out_values(wide)
    sweep.coef, sweep.intercept = given if sweep.width == 1 else own, values_of(intercept)
    sweep.offset, sweep.table = values_of(offset), out_table(table) + first
    task.sweep = &sweep
    with nogil:
        if sweep.width > 1:
            interleave_all(given, sweep.n_coefs, X.n_features, own, sweep.width, n_threads)
        run_rows(&task, n_threads)


cdef void clear(double* sums, Py_ssize_t width) noexcept nogil:
    memset(sums, 0, width * sizeof(double))


cdef void add_up(
    const double* sums, Py_ssize_t n_parts, Py_ssize_t n_features, Py_ssize_t width,
    Py_ssize_t n_coefs, double* total, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Of some features, the sums of all parts, in their order; total is (K, n_features)."""
    cdef Py_ssize_t part, j, k, last
    cdef double own
    while begin < end:
        last = min(begin + NEAR, end)
        for k in range(n_coefs):
            for j in range(begin, last):
                own = sums[j * width + k]
                for part in range(1, n_parts):
                    own += sums[(part * n_features + j) * width + k]
                total[k * n_features + j] = own
        begin = last


cdef int sum_up(
    Task* task, int n_threads, Py_ssize_t n_coefs, Py_ssize_t width, double* total
) except -1 nogil:
    """All rows into the sums of their parts, and these into total, of shape (K, n_features)."""
    cdef Py_ssize_t n_features = task.width // width
    cdef int part
    for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                       use_threads_if=n_threads > 1):
        clear(task.sums + part * task.width, task.width)
    run_rows(task, n_threads)
    for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                       use_threads_if=n_threads > 1):
        add_up(task.sums, n_threads, n_features, width, n_coefs, total,
               n_features * part // n_threads, n_features * (part + 1) // n_threads)
    return 0


def scatter(
    const int64_t[::1] indptr, object indices, object values, const double[:, ::1] factor,
    Py_ssize_t first, bint squared, double[:, ::1] sums, double[:, ::1] total, int n_threads,
):
    """total = factor^T X, of shape (K, n_features); for K = 1 that of X's squares, if `squared`.

    factor is (n_samples, K) in the columns from `first` on; sums is (n_threads, n_features
    width_of(K)) in whole lines of cache, of any content.
    """
    cdef Py_ssize_t n_features = total.shape[1], n_coefs = total.shape[0]
    cdef Entries X = entries_of(indptr, indices, values, n_features)
    cdef Sweep sweep = sweep_of(&X, n_coefs, factor.shape[1])
    cdef Task task = task_of(SWEEP, &X)
    cdef double* out = out_table(total)
    sweep.factor, sweep.squared = table_of(factor) + first, squared
    task.sweep, task.sums, task.width = &sweep, out_table(sums), n_features * sweep.width
    with nogil:
        sum_up(&task, n_threads, n_coefs, sweep.width, out)


def link(
    const uint8_t[::1] y, int y_type, const double[::1] sample_weight, bint softmax,
    double[:, ::1] table, double[:, ::1] decision, double[:, ::1] losses, double[:, ::1] slopes,
    double[:, ::1] block, const uint8_t[::1] fold, const int[::1] held_out,
):
    """Sums of weighted losses and of their derivatives; decision values become the latter.

    table is (n_samples, K); decision (K, n_samples), for decision values, or None; losses and
    slopes are (n_threads, K), zero at the start; block is `block_size(K)` numbers for each thread.
    Rows of fold (n_samples,) held_out[k] weigh nothing for vector k.
    """
    cdef Step step
    cdef int part
    step.n_samples, step.n_coefs = table.shape[0], table.shape[1]
    step.n_parts, step.softmax = <int>losses.shape[0], softmax
    step.y, step.sample_weight = targets_of(y, y_type), values_of(sample_weight)
    step.fold, step.held_out = folds_of(fold), held_out_of(held_out)
    step.table, step.decision = out_table(table), out_table(decision)
    step.losses, step.slopes, step.block = out_table(losses), out_table(slopes), out_table(block)
    with nogil:
        for part in prange(step.n_parts, schedule="static", chunksize=1,
                           num_threads=step.n_parts, use_threads_if=step.n_parts > 1):
            link_part(&step, part)


def block_size(Py_ssize_t n_coefs):
    """Numbers that `link` needs for each thread."""
    return n_coefs * SOFTMAX_ROWS


def moments(
    const int64_t[::1] indptr, object indices, object values, const double[::1] sample_weight,
    const double[::1] unit, double whole, double n_seen, double[::1] mean, double[::1] variance,
    double[:, ::1] sums,
):
    """Mean and variance of each column times its unit.

    whole is the sum of the weights, n_seen how many of them are above zero; sums is (n_threads,
    5 n_features), of any content.
    """
    cdef Py_ssize_t n_features = mean.shape[0]
    cdef Entries X = entries_of(indptr, indices, values, n_features)
    cdef Task task = task_of(ADD_MOMENTS, &X)
    cdef int n_threads = <int>sums.shape[0], part
    cdef Py_ssize_t width = n_features * N_MOMENTS
    cdef double* out = out_values(mean)
    cdef double* square = out_values(variance)
    task.row_weight, task.unit, task.mean = values_of(sample_weight), values_of(unit), out
    task.sums, task.width = out_table(sums), width
    with nogil:
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            begin_moments(task.sums + part * width, 0, n_features)
        run_rows(&task, n_threads)
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            end_moments(task.sums, n_threads, width, whole, n_seen, out, square,
                        n_features * part // n_threads, n_features * (part + 1) // n_threads)
        task.verb, task.width = ADD_SQUARES, n_features
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            clear(task.sums + part * n_features, n_features)
        run_rows(&task, n_threads)
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            end_squares(task.sums, n_threads, n_features, whole, square,
                        n_features * part // n_threads, n_features * (part + 1) // n_threads)


def products(
    const int64_t[::1] indptr, object indices, object values, const double[::1] row_weight,
    double[:, ::1] sums, double[:, ::1] product,
):
    """product = X^T diag(row_weight) X; sums is (n_threads, n_features^2), of any content."""
    cdef Entries X = entries_of(indptr, indices, values, product.shape[0])
    cdef Task task = task_of(ADD_PRODUCTS, &X)
    cdef int n_threads = <int>sums.shape[0]
    cdef double* out = out_table(product)
    task.row_weight, task.sums = values_of(row_weight), out_table(sums)
    task.width = sums.shape[1]
    with nogil:
        sum_up(&task, n_threads, 1, 1, out)


def keep_columns(
    const int64_t[::1] indptr, object indices, object values, const int32_t[::1] number,
    int64_t[::1] kept_indptr, int32_t[::1] kept_indices, uint8_t[::1] kept_values, int n_threads,
):
    """Entries of columns with a number of 0 or more; without room for them, how many rows have."""
    cdef Entries X = entries_of(indptr, indices, values, number.shape[0])
    cdef Task task = task_of(KEEP if kept_indices.shape[0] else COUNT, &X)
    cdef Kept kept = Kept(&number[0], &kept_indptr[0], &kept_indices[0], &kept_values[0])
    task.kept = &kept
    with nogil:
        run_rows(&task, n_threads)


def column_numbers(Py_ssize_t n_coefs):
    """Numbers of a column of a descent: whole lines of cache."""
    return (FIRST + 2 * n_coefs + LINE - 1) // LINE * LINE


cdef LazyWalk lazy_of(
    double[:, ::1] columns, Py_ssize_t n_coefs, const double[::1] told, double l2, double l1
) noexcept:
    cdef LazyWalk lazy
    memset(&lazy, 0, sizeof(LazyWalk))
    lazy.columns, lazy.width = out_table(columns), columns.shape[1]
    lazy.walk.n_features, lazy.walk.n_coefs = columns.shape[0], n_coefs
    lazy.clock, lazy.due, lazy.weight = told[0], told[1], told[2]
    lazy.counted = eighth_power(lazy.clock)
    lazy.walk.l2, lazy.walk.l1 = l2, l1
    return lazy


def descend(
    const int64_t[::1] indptr, object indices, object values, const uint8_t[::1] y, int y_type,
    const double[::1] sample_weight, const Py_ssize_t[::1] first_rows, const double[::1] steps,
    Py_ssize_t batch_rows, bint softmax, double row_share, double l2, double l1,
    double penalty_share, double intercept_gain, bint fit_intercept, double curvature,
    double[:, ::1] columns, double[::1] intercept, double[::1] sums, double[::1] told,
    double[::1] block,
):
    """Steps of lengths `steps` after the batches that begin at first_rows.

    See sparse/stochastic.pxd. columns (n_features, column_numbers(K)), intercept (K,), sums (K,)
    and told (3,), the clock, what is due and the weight of the rows that squares are of, change in
    place; block is (K + 2) * MOST_ROWS numbers of any content. Gains are learnt if curvature is
    above zero. Returns the sum of the weighted losses, each before the step of its row.
    """
    cdef Entries X = entries_of(indptr, indices, values, columns.shape[0])
    cdef LazyWalk lazy = lazy_of(columns, intercept.shape[0], told, l2, l1)
    cdef Task task = task_of(WALK, &X)
    cdef Py_ssize_t t = 0, n, turn
    lazy.X, lazy.walk.n_samples, lazy.walk.batch_rows = X, X.n_samples, batch_rows
    lazy.walk.softmax, lazy.walk.fit_intercept = softmax, fit_intercept
    lazy.walk.y, lazy.walk.sample_weight = targets_of(y, y_type), values_of(sample_weight)
    lazy.walk.row_share, lazy.walk.intercept_gain = row_share, intercept_gain
    lazy.walk.intercept, lazy.sums = out_values(intercept), out_values(sums)
    lazy.curvature, lazy.penalty_share = curvature, penalty_share
    lazy.first_rows, lazy.steps = &first_rows[0], &steps[0]
    lazy.walk.z = &block[0]
    lazy.walk.targets = lazy.walk.z + lazy.walk.n_coefs * MOST_BATCH_ROWS
    lazy.walk.losses = lazy.walk.targets + MOST_BATCH_ROWS
    task.lazy = &lazy
    turn = 1 + first_rows.shape[0] * STEP_ENTRIES // (lazy.walk.n_coefs * (X.n_entries + 1))
    while t < first_rows.shape[0]:
        n = min(turn, first_rows.shape[0] - t)
        with nogil:
            run(&task, 0, t, t + n)
        told[0], told[1], told[2] = lazy.clock, lazy.due, lazy.weight
        PyErr_CheckSignals()
        t += n
    return lazy.loss


def reached(
    double[:, ::1] columns, const double[::1] told, double l2, double l1, bint averaged,
    double[:, ::1] coef,
):
    """Where a descent has come to, or the average of its way: coef, (K, n_features)."""
    cdef LazyWalk lazy = lazy_of(columns, coef.shape[0], told, l2, l1)
    cdef double* out = out_table(coef)
    cdef Py_ssize_t j
    with nogil:
        for j in range(lazy.walk.n_features):
            read_column(&lazy, j, averaged, out)


def ascend(
    const int64_t[::1] indptr, object indices, object values, Py_ssize_t row, Py_ssize_t step,
    const double[::1] y, double[:, ::1] told, double[:, :, ::1] rows, double[:, ::1] coef,
):
    """A step of each row, in the order row, row + step, ...: see sparse/ascent.pxd.

    Row numbers are those modulo n_samples, which has no divisor in common with step. told is what
    is told of each ascent, (6, width): 1 where it is to take steps, else 0, strength, square of the
    intercept's feature, intercept when the turn began, sum of the weighted dual numbers, gain.
    These two, rows (n_samples, 3, width), roots, dual numbers and weights, and coef (n_features,
    width) change in place; width is a power of two, MOST_ASCENTS at most, and arrays are whole
    lines of cache.
    """
    cdef Entries X = entries_of(indptr, indices, values, coef.shape[0])
    cdef Task task = task_of(ASCEND, &X)
    cdef Ascent ascent
    cdef Py_ssize_t i = 0, n
    memset(&ascent, 0, sizeof(Ascent))
    ascent.X, ascent.row, ascent.step, ascent.y = X, row, step, values_of(y)
    ascent.width, ascent.coef = told.shape[1], out_table(coef)
    ascent.rows = &rows[0, 0, 0] if X.n_samples else NULL
    ascent.active, ascent.strength, ascent.own = &told[0, 0], &told[1, 0], &told[2, 0]
    ascent.base, ascent.total, ascent.gain = &told[3, 0], &told[4, 0], &told[5, 0]
    task.ascent = &ascent
    while i < X.n_samples:
        n = min(X.n_samples - i, 1 + X.n_samples * STEP_ENTRIES // (X.n_entries + 1))
        with nogil:
            run(&task, 0, i, i + n)
        PyErr_CheckSignals()
        i += n
