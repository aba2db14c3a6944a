"""Stochastic gradient descent over a dense X: a step after each batch of rows.

The caller validates, as for dense.pyx: arrays fit each other, every batch begins at a row of X, and
all outputs are allocated by him.
"""

from libc.stdint cimport int8_t, uint8_t, uint16_t, uintptr_t

from cpython.exc cimport PyErr_CheckSignals

from cython_kernels.modules.views cimport (
    Stored, out_table, out_values, stored, table_of, targets_of, values_of,
)
from cython_kernels.passes.stochastic cimport walk_batches
from cython_kernels.passes.walk cimport (
    MOST_BATCH_ROWS, Walk, doubles_needed, registers_of, use_scratch,
)
from cython_kernels.registers.storage cimport half_t
from cython_kernels.registers.vector cimport VEC64_LANES

MOST_ROWS = MOST_BATCH_ROWS

cdef enum:
    ALIGNMENT = 64
    TURN_ELEMENTS = 1 << 24     # of X, between two looks for signals


def workspace_size(Py_ssize_t n_features, Py_ssize_t n_coefs, Py_ssize_t n_directions):
    """Bytes of scratch memory."""
    return doubles_needed(n_features, n_coefs, n_directions) * sizeof(double) + ALIGNMENT


def direction_numbers(Py_ssize_t n_features):
    """Numbers of a direction of a metric with the zeros behind it."""
    return registers_of(n_features) * VEC64_LANES


cdef double walk_stored(
    const Stored* X, Walk* walk, const Py_ssize_t* first_rows, const double* steps,
    Py_ssize_t n_batches
) noexcept nogil:
    """walk_batches, compiled for the type of X."""
    if X.type == c"B":
        return walk_batches(
            <const uint8_t*>X.elements, walk, first_rows, steps, n_batches)
    if X.type == c"b":
        return walk_batches(
            <const int8_t*>X.elements, walk, first_rows, steps, n_batches)
    if X.type == c"H":
        return walk_batches(
            <const uint16_t*>X.elements, walk, first_rows, steps, n_batches)
    if X.type == c"e":
        return walk_batches(
            <const half_t*>X.elements, walk, first_rows, steps, n_batches)
    if X.type == c"f":
        return walk_batches(
            <const float*>X.elements, walk, first_rows, steps, n_batches)
    return walk_batches(
        <const double*>X.elements, walk, first_rows, steps, n_batches)


def descend(
    object X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const Py_ssize_t[::1] first_rows, const double[::1] steps, Py_ssize_t batch_rows,
    bint softmax, double row_share, double l2, double l1, double momentum,
    const double[:, ::1] directions, const double[::1] gains, const double[::1] flat,
    const double[:, ::1] inverse, double intercept_gain, bint fit_intercept,
    double[:, ::1] coef, double[::1] intercept, double[:, ::1] velocity, double[:, ::1] average,
    double n_averaged, double tail, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """Steps of lengths `steps` after the batches that begin at first_rows: see stochastic.pxd.

    coef (n_coefs, n_features), intercept (n_coefs,), velocity and average (n_coefs, n_features + 1)
    change in place; velocity or average may be None. Returns the sum of the weighted losses, each
    before the step that its row takes part in, and the number of steps that were made much shorter.
    """
    cdef Stored rows = stored(X)
    cdef Walk walk
    cdef Py_ssize_t t = 0, turn, n
    cdef double loss = 0
    cdef uintptr_t here = <uintptr_t>&workspace[0]
    walk.n_samples, walk.n_features = rows.n_samples, rows.n_features
    walk.row_stride, walk.column_stride = rows.row_stride, rows.column_stride
    walk.n_coefs, walk.batch_rows, walk.softmax = coef.shape[0], batch_rows, softmax
    walk.fit_intercept = fit_intercept
    walk.y = targets_of(y, y_type)
    walk.sample_weight = values_of(sample_weight)
    walk.row_share, walk.l2, walk.l1, walk.momentum = row_share, l2, l1, momentum
    walk.n_directions, walk.intercept_gain = gains.shape[0], intercept_gain
    walk.directions, walk.gains = table_of(directions), values_of(gains)
    walk.flat = values_of(flat)
    walk.inverse = table_of(inverse)
    walk.coef, walk.intercept = out_table(coef), out_values(intercept)
    walk.velocity, walk.average = out_table(velocity), out_table(average)
    walk.n_averaged, walk.tail, walk.n_short = n_averaged, tail, 0
    use_scratch(&walk, values_of(center), values_of(unit),
                <double*>(here + (-here) % ALIGNMENT))
    turn = max(1, TURN_ELEMENTS // (walk.n_coefs * batch_rows * walk.n_features))
    while t < first_rows.shape[0]:
        n = min(turn, first_rows.shape[0] - t)
        with nogil:
            loss += walk_stored(&rows, &walk, &first_rows[t], &steps[t], n)
        PyErr_CheckSignals()
        t += n
    return loss, walk.n_short
