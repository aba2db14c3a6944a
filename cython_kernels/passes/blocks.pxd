"""A block of rows, or some columns of it: forward half, with the backward half of the last block.

C-ordered blocks are swept by rows (rows.pxd), Fortran-ordered ones by columns (columns.pxd).
"""

from libc.string cimport memset

from cython_kernels.passes.plan cimport FLUSH, Z_ROWS
from cython_kernels.passes.sums cimport flush
from cython_kernels.passes.task cimport Pass
from cython_kernels.passes.workspace cimport Part
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t
from cython_kernels.sweeps.columns cimport sweep_columns
from cython_kernels.sweeps.rows cimport Lead, sweep_rows


cdef inline void sweep_block(
    const storage_t* X, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    Py_ssize_t begin, Py_ssize_t end, const Pass* task, Part* part, const vec_t* coef, double* z,
    Lead lead
) noexcept nogil:
    """z of n_new rows from `first`, the gradient of the n_old rows before them, by rows.

    Over columns begin to end, where begin is a whole number of cache lines of every type.
    """
    cdef Py_ssize_t offset = begin // lanes(coef)
    cdef const storage_t* new = X + first * task.row_stride + begin
    sweep_rows(
        new - n_old * task.row_stride, n_old, part.factor,
        <vec_t*>part.gradient_registers + offset, new, n_new, coef + offset, z, task.row_stride,
        end - begin, lead)


cdef inline void sweep_panel(
    const storage_t* X, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    Py_ssize_t begin, Py_ssize_t end, const Pass* task, Part* part, vec_t* z_registers, double* z
) noexcept nogil:
    """As sweep_block, by columns, moving z to float64 now and then."""
    cdef const vec_t* factor = <const vec_t*>part.factor_registers
    cdef const storage_t* new
    cdef Py_ssize_t j = begin
    memset(z, 0, Z_ROWS * sizeof(double))
    while j < end:
        new = X + first + j * task.column_stride
        sweep_columns(
            new - n_old, n_old, factor, part.gradient + j, new, n_new, task.coef + j,
            z_registers, task.column_stride, min(end - j, <Py_ssize_t>FLUSH))
        flush(z_registers, n_new, z)
        j += FLUSH
