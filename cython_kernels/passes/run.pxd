"""Running a pass, in steps between which it looks for signals (Ctrl-C)."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, prange

from cython_kernels.passes.by_columns cimport pass_by_columns
from cython_kernels.passes.by_rows cimport pass_by_rows
from cython_kernels.passes.partition cimport steps_in
from cython_kernels.passes.plan cimport make_plan
from cython_kernels.passes.sums cimport begin_sums, end_sums
from cython_kernels.passes.task cimport TILES, Pass
from cython_kernels.passes.tiles cimport widened
from cython_kernels.passes.tiles_by_columns cimport pass_tiles_by_columns
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport vec32, vec64, vec_t


cdef inline int run_planned(const storage_t* X, Pass* task, vec_t* coef) except -1 nogil:
    """A pass whose compute type is that of the registers `coef`."""
    cdef Py_ssize_t step
    cdef int index
    begin_sums(task, coef)
    for step in range(steps_in(task.n_samples, task.n_parts, task.plan.step_rows)):
        if task.plan.columns_shared:
            with parallel(num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
                if widened(X, coef) or task.plan.way == TILES:
                    pass_tiles_by_columns(X, task, step, coef)
                else:
                    pass_by_columns(X, task, step, coef)
        else:
            for index in prange(task.n_parts, schedule="static", chunksize=1,
                                num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
                pass_by_rows(X, task, index, step, coef)
        with gil:
            PyErr_CheckSignals()
    end_sums(task)
    return 0


cdef inline int run_pass(const storage_t* X, Pass* task) except -1 nogil:
    """One pass."""
    make_plan(X, task)
    if storage_t is double:
        return run_planned(X, task, <vec64*>task.coef_registers)
    elif task.plan.way == TILES and task.unit != NULL:
        return run_planned(X, task, <vec64*>task.coef_registers)
    else:
        return run_planned(X, task, <vec32*>task.coef_registers)
