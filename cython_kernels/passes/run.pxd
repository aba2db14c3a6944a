"""Running a pass, in steps between which it looks for signals (Ctrl-C)."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, prange

from cython_kernels.sweeps.centred cimport begin_centred, pass_centred
from cython_kernels.passes.own_columns cimport pass_own_columns
from cython_kernels.passes.own_rows cimport pass_own_rows
from cython_kernels.passes.partition cimport rows_in_step, steps_in
from cython_kernels.passes.passes cimport Pass, begin_sums, end_sums
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport vec32, vec64, vec_t


cdef inline void run_step(
    const storage_t* X, const Pass* task, Py_ssize_t step, Py_ssize_t step_rows, vec_t* coef
) noexcept nogil:
    """All parts of one step; where parts are columns, a step takes the rows of all parts."""
    cdef Py_ssize_t begin = step * step_rows * task.n_parts
    cdef Py_ssize_t end = min(task.n_samples, begin + step_rows * task.n_parts)
    cdef int index
    if task.columns_shared:
        with parallel(num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            pass_own_columns(X, task, begin, end, coef)
    else:
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            pass_own_rows(X, task, index, step, step_rows, coef)


cdef inline void run_centred_step(
    const storage_t* X, const Pass* task, Py_ssize_t step, Py_ssize_t step_rows
) noexcept nogil:
    """All parts of one step of a pass over centred features."""
    cdef int index
    for index in prange(task.n_parts, schedule="static", chunksize=1,
                        num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
        pass_centred(X, task, index, step, step_rows)


cdef inline int run_pass(const storage_t* X, Pass* task) except -1 nogil:
    """One pass."""
    cdef Py_ssize_t step_rows = rows_in_step(task.n_features * sizeof(storage_t), task.n_parts)
    cdef Py_ssize_t step
    begin_sums(X, task)
    if task.unit != NULL:
        begin_centred(task)
    for step in range(steps_in(task.n_samples, task.n_parts, step_rows)):
        if task.unit != NULL:
            run_centred_step(X, task, step, step_rows)
        elif storage_t is double:
            run_step(X, task, step, step_rows, <vec64*>task.coef_registers)
        else:
            run_step(X, task, step, step_rows, <vec32*>task.coef_registers)
        with gil:
            PyErr_CheckSignals()
    end_sums(task)
    return 0
