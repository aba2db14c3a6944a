"""A block of rows, or some columns of it: forward half, with the backward half of the last block.

C-ordered blocks are swept by rows (rows.pxd), Fortran-ordered ones by columns
(columns.pxd).
"""

from libc.string cimport memset

from cython_kernels.sweeps.columns cimport SIDE_BY_SIDE, column_groups, sweep_columns
from cython_kernels.passes.passes cimport (
    FLUSH, ROW_REGISTERS_BYTES, Z_ROWS, Part, Pass, flush, registers_bytes,
)
from cython_kernels.sweeps.rows cimport sweep_rows
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t


cdef inline void sweep_block(
    const storage_t* X, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    Py_ssize_t begin, Py_ssize_t end, const Pass* task, Part* part, Py_ssize_t k,
    const vec_t* coef, double* z
) noexcept nogil:
    """z of n_new rows from `first`, the gradient of the n_old rows before them, by rows.

    Over columns begin to end, where begin is a whole number of cache lines of every type.
    """
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef vec_t* gradient = <vec_t*>part.gradient_registers + k * registers + begin // lanes(coef)
    cdef const double* factor = part.factor + k * Z_ROWS
    cdef const storage_t* new = X + first * task.row_stride + begin
    cdef const storage_t* old = new - n_old * task.row_stride
    coef += k * registers
    sweep_rows(old, n_old, factor, gradient, new, n_new, coef + begin // lanes(coef), z,
               task.row_stride, end - begin)


cdef inline void sweep_panel(
    const storage_t* X, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    Py_ssize_t begin, Py_ssize_t end, const Pass* task, Part* part, Py_ssize_t k,
    const vec_t* kind, double* z, bint descending, bint near
) noexcept nogil:
    """As sweep_block, by columns, moving z to float64 now and then; kind only names the type."""
    cdef Py_ssize_t registers = ROW_REGISTERS_BYTES // sizeof(vec_t)
    cdef vec_t* z_registers = <vec_t*>part.z_registers + k * registers
    cdef const vec_t* factor = <const vec_t*>part.factor_registers + k * registers
    cdef const storage_t* new = X + first + begin * task.column_stride
    cdef Py_ssize_t groups = column_groups(end - begin)
    cdef Py_ssize_t group = 0, last
    memset(z, 0, Z_ROWS * sizeof(double))
    while group < groups:
        last = min(groups, group + FLUSH // SIDE_BY_SIDE)
        sweep_columns(
            new - n_old, n_old, factor, part.gradient + k * task.n_features + begin,
            new, n_new, task.coef + k * task.n_features + begin, z_registers,
            task.column_stride, end - begin, group, last, descending, near)
        flush(z_registers, n_new, z)
        group = last
