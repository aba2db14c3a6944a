"""A pass over centred features, whose parts have rows of their own.

A block of rows is swept twice, the second time from cache: C-ordered X by rows, whose backward
half asks for the memory of the next block, Fortran-ordered X in panels of columns.
"""

from cython_kernels.passes.link_step cimport finish_forward, finish_group
from cython_kernels.passes.partition cimport Span
from cython_kernels.passes.plan cimport FLUSH_ROWS
from cython_kernels.passes.sums cimport flush_part, to_registers
from cython_kernels.passes.task cimport GRADIENT, Pass
from cython_kernels.passes.workspace cimport (
    Part, shift_registers, unit_registers,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport VEC64_LANES, fill, vec64
from cython_kernels.sweeps.centred cimport add_lines, dot_lines
from cython_kernels.sweeps.lines cimport GROUP, groups_in, name_lines


cdef inline void forward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec64* coef, double* z
) noexcept nogil:
    """z = features coef, by groups from all quarters; z has room for a whole last group."""
    cdef const storage_t* rows[GROUP]
    cdef double products[GROUP]
    cdef Py_ssize_t n_groups = groups_in(n_rows)
    cdef Py_ssize_t group, i
    for group in range(n_groups):
        name_lines(block, task.row_stride, group, n_groups, GROUP, n_rows, rows)
        dot_lines(rows, task.n_features, unit_registers(task), shift_registers(task), False, coef,
                  products)
        for i in range(GROUP):
            z[group + i * n_groups] = products[i]


cdef inline void backward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const double* factor,
    vec64* gradient
) noexcept nogil:
    """gradient += features^T factor, which is zero past the end of the block.

    Asks for the memory of the next block.
    """
    cdef const storage_t* rows[GROUP]
    cdef vec64 factors[GROUP]
    cdef Py_ssize_t n_groups = groups_in(n_rows)
    cdef Py_ssize_t group, i
    for group in range(n_groups):
        name_lines(block, task.row_stride, group, n_groups, GROUP, n_rows, rows)
        for i in range(GROUP):
            fill(factor[group + i * n_groups], &factors[i])
        add_lines(rows, task.n_features, unit_registers(task), shift_registers(task), False,
                  factors, gradient, task.plan.block_rows * task.row_stride)


cdef inline void pass_centred_rows(
    const storage_t* X, const Pass* task, Span rows, Part* part
) noexcept nogil:
    """Some rows of a C-ordered X."""
    cdef const vec64* coef = <const vec64*>task.coef_registers
    cdef vec64* gradient = <vec64*>part.gradient_registers
    cdef const storage_t* block
    cdef Py_ssize_t first = rows.begin, n_rows, unflushed = 0
    while first < rows.end:
        n_rows = min(task.plan.block_rows, rows.end - first)
        block = X + first * task.row_stride
        forward_rows(block, n_rows, task, coef, part.z)
        finish_group(task, part, first, n_rows, part.z)
        if task.verb >= GRADIENT:
            backward_rows(block, n_rows, task, part.z, gradient)
        first += n_rows
        unflushed += n_rows
        if unflushed >= FLUSH_ROWS:
            unflushed = 0
            flush_part(task, part, gradient, 0, task.n_features)
    flush_part(task, part, gradient, 0, task.n_features)


cdef inline void name_columns(
    const storage_t* panel, const Pass* task, Py_ssize_t group, const storage_t** columns,
    vec64* unit, vec64* shift
) noexcept nogil:
    """Point at a group of columns, with their units and shifts in every lane."""
    cdef const double* shifts = <const double*>shift_registers(task)
    cdef Py_ssize_t i, j
    name_lines(panel, task.column_stride, group * GROUP, 1, GROUP, task.n_features, columns)
    for i in range(GROUP):
        j = min(group * GROUP + i, task.n_features - 1)
        fill(task.unit[j], &unit[i])
        fill(shifts[j], &shift[i])


cdef inline void pass_centred_panels(
    const storage_t* X, const Pass* task, Span rows, Part* part
) noexcept nogil:
    """Some rows of a Fortran-ordered X."""
    cdef const storage_t* columns[GROUP]
    cdef vec64 unit[GROUP]
    cdef vec64 shift[GROUP]
    cdef vec64 coef[GROUP]
    cdef double products[GROUP]
    cdef vec64* z = <vec64*>part.z_registers
    cdef vec64* factor = <vec64*>part.factor_registers
    cdef Py_ssize_t first = rows.begin, n_rows, i, j, group
    while first < rows.end:
        n_rows = min(task.plan.block_rows, rows.end - first)
        for i in range(n_rows // VEC64_LANES + 1):
            fill(0.0, &z[i])
        for group in range(groups_in(task.n_features)):
            name_columns(X + first, task, group, columns, unit, shift)
            for i in range(GROUP):
                j = group * GROUP + i
                fill(task.coef[j] if j < task.n_features else 0.0, &coef[i])
            add_lines(columns, n_rows, unit, shift, True, coef, z, 0)
        for i in range(n_rows):
            part.z[i] = (<double*>z)[i]
        finish_forward(task, part, 0, first, n_rows, part.z)
        first += n_rows
        if task.verb < GRADIENT:
            continue
        to_registers(part.z, n_rows, factor)
        for group in range(groups_in(task.n_features)):
            name_columns(X + first - n_rows, task, group, columns, unit, shift)
            dot_lines(columns, n_rows, unit, shift, True, factor, products)
            for i in range(min(<Py_ssize_t>GROUP, task.n_features - group * GROUP)):
                part.gradient[group * GROUP + i] += products[i]
