"""The update loops that run wholly in compiled code."""

from libc.math cimport fabs, isfinite
from libc.stdint cimport uint8_t
from libc.string cimport memset

from cython_kernels.passes.run cimport run_pass
from cython_kernels.passes.task cimport GRADIENT, Pass, new_pass
from cython_kernels.passes.workspace cimport use_workspace
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.modules.views cimport (
    column_stride_of, elements_of, out_table, out_values, row_stride_of, targets_of, values_of,
)

cdef enum Outcome:
    ITERATING
    CONVERGED       # the largest gradient entry is at most tol
    STOPPED         # the observer said so
    DIVERGED        # the cost is no longer finite

OUTCOMES = ("iterating", "converged", "stopped", "diverged")


cdef struct Descent:
    # The cost J(w, b) = loss_sum / total_weight + penalty / 2 |w|^2, in w of scaled features
    # (x - center) / scale, and where the descent stands.
    Py_ssize_t n_features
    const double* center
    const double* scale
    double total_weight
    double penalty
    bint fit_intercept
    double* coef
    double* intercept
    double* gradient
    double intercept_gradient
    double cost
    double gradient_norm


cdef void scale_forward(const Descent* descent, double* coef, double* intercept) noexcept nogil:
    """Coefficients for X as it lies: coef = w / scale, intercept = b - center . coef."""
    cdef Py_ssize_t j
    intercept[0] = descent.intercept[0]
    for j in range(descent.n_features):
        coef[j] = descent.coef[j] / descent.scale[j]
        intercept[0] -= descent.center[j] * coef[j]


cdef void scale_backward(Descent* descent, const Pass* task) noexcept nogil:
    """The cost and its gradient in w, from the sums of a pass over X as it lies."""
    cdef double intercept_sum = task.intercept_gradient[0]
    cdef double square = 0, largest = 0, g
    cdef Py_ssize_t j
    for j in range(descent.n_features):
        g = (task.gradient[j] - descent.center[j] * intercept_sum) / descent.scale[j]
        g = g / descent.total_weight + descent.penalty * descent.coef[j]
        square += descent.coef[j] * descent.coef[j]
        if fabs(g) > largest or g != g:     # NaN stays
            largest = fabs(g)
        descent.gradient[j] = g
    descent.intercept_gradient = (
        intercept_sum / descent.total_weight if descent.fit_intercept else 0.0)
    descent.cost = task.loss[0] / descent.total_weight + 0.5 * descent.penalty * square
    descent.gradient_norm = max(largest, fabs(descent.intercept_gradient))


cdef void update(Descent* descent, double learning_rate) noexcept nogil:
    """w := w - learning_rate dJ/dw, and b likewise."""
    cdef Py_ssize_t j
    for j in range(descent.n_features):
        descent.coef[j] -= learning_rate * descent.gradient[j]
    descent.intercept[0] -= learning_rate * descent.intercept_gradient


def gradient_descent(
    const storage_t[:, :] X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    double total_weight, const double[::1] center, const double[::1] scale, double penalty,
    bint fit_intercept, double learning_rate, Py_ssize_t max_iter, double tol,
    double[::1] coef, double[::1] intercept, double[::1] gradient, double[::1] history,
    object observer, double[:, ::1] pass_sums, int n_threads, char[::1] workspace,
    const double[::1] pass_center=None, const double[::1] pass_unit=None,
):
    """Batch gradient descent: forward propagation, backward propagation, update, repeated.

    coef (in the scaled features) and intercept are updated in place; gradient holds the last
    gradient; history[i] is the cost before update i. pass_sums is (2, n_features) of scratch.
    observer(iteration, cost, gradient_norm), unless None, is called after each pass and stops
    the descent by returning true. With pass_center and pass_unit, X stands for the features
    (x - pass_center) pass_unit throughout, whose own center and scale are given. Returns (number
    of passes, outcome, gradient norm).
    """
    cdef Pass task = new_pass(
        GRADIENT, X.shape[0], X.shape[1], 1, row_stride_of(X), column_stride_of(X), n_threads)
    cdef Descent descent
    cdef const storage_t* rows = elements_of(X)
    cdef double* pass_coef = out_table(pass_sums)
    cdef double loss_sum, pass_intercept, intercept_sum
    cdef bint observed = observer is not None, stop = False
    cdef Py_ssize_t n_passes = 0
    cdef Outcome outcome = ITERATING
    task.y = targets_of(y, y_type)
    task.sample_weight = values_of(sample_weight)
    task.center = values_of(pass_center)
    task.unit = values_of(pass_unit)
    task.coef = pass_coef
    task.intercept = &pass_intercept
    task.loss = &loss_sum
    task.gradient = pass_coef + X.shape[1]
    task.intercept_gradient = &intercept_sum
    use_workspace(&task, &workspace[0])
    memset(&descent, 0, sizeof(descent))
    descent.n_features = X.shape[1]
    descent.center = values_of(center)
    descent.scale = values_of(scale)
    descent.total_weight = total_weight
    descent.penalty = penalty
    descent.fit_intercept = fit_intercept
    descent.coef = out_values(coef)
    descent.intercept = out_values(intercept)
    descent.gradient = out_values(gradient)
    with nogil:
        while n_passes < max_iter and outcome == ITERATING:
            scale_forward(&descent, pass_coef, &pass_intercept)
            run_pass(rows, &task)
            scale_backward(&descent, &task)
            history[n_passes] = descent.cost
            n_passes += 1
            if observed:
                with gil:
                    stop = observer(n_passes, descent.cost, descent.gradient_norm)
            if not (isfinite(descent.cost) and isfinite(descent.gradient_norm)):
                outcome = DIVERGED
            elif descent.gradient_norm <= tol:
                outcome = CONVERGED
            elif stop:
                outcome = STOPPED
            else:
                update(&descent, learning_rate)
    return n_passes, OUTCOMES[outcome], descent.gradient_norm
