"""A pass over features (x - center) unit in float64, whatever X is stored as.

Where columns have means that are large for their spread, or units far from one, sums of x itself
lose the digits that tell rows apart. Here each element is widened, and centred and brought to a
common unit in the register, before it is multiplied: as x unit + shift with shift = -center unit.
unit is a power of two, so that shift is exact and the one rounding of that multiply-add is the
feature's own.

A block of rows is swept twice, the second time from cache: C-ordered X by rows, whose backward
half asks for the memory of the next block, Fortran-ordered X in panels of columns.
"""

from libc.stdint cimport uintptr_t

from cython_kernels.passes.link_step cimport finish_forward
from cython_kernels.passes.partition cimport Span
from cython_kernels.passes.plan cimport FLUSH
from cython_kernels.passes.sums cimport flush_part, to_registers
from cython_kernels.passes.task cimport GRADIENT, Pass
from cython_kernels.passes.workspace cimport (
    Part, registers_bytes, shift_registers, unit_registers,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    VEC64_LANES, fill, load_some, muladd, prefetch_far, sums_of_four, vec64,
)
from cython_kernels.sweeps.lines cimport (
    CACHE_LINE, GROUP, groups_in, name_group, name_lines,
)


cdef inline vec64 feature(
    const storage_t* x, Py_ssize_t count, vec64 unit, vec64 shift
) noexcept nogil:
    """A register of features, of which the first count are meant; of all if it is 0."""
    cdef vec64 result
    load_some(x, count, &result)
    return muladd(result, unit, shift)


cdef inline void add_lines(
    const storage_t** lines, Py_ssize_t n, const vec64* unit, const vec64* shift, bint by_line,
    const vec64* factors, vec64* target, Py_ssize_t ahead
) noexcept nogil:
    """target += sum_i factors[i] features of line i, asking for those `ahead` elements on, if any.

    Lines are rows, whose registers each have a unit and a shift, or (by_line) columns.
    """
    cdef Py_ssize_t in_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * VEC64_LANES)
    cdef Py_ssize_t whole = n // VEC64_LANES
    cdef Py_ssize_t rest = n % VEC64_LANES
    cdef Py_ssize_t i, r, u
    cdef vec64 sum
    for r in range(whole + (rest > 0)):
        if ahead and r % in_line == 0:
            for i in range(GROUP):
                prefetch_far(<const char*>(
                    <uintptr_t>lines[i] + (r * VEC64_LANES + ahead) * sizeof(storage_t)))
        sum = target[r]
        for i in range(GROUP):
            u = i if by_line else r
            sum = muladd(feature(lines[i] + r * VEC64_LANES, rest if r == whole else 0, unit[u],
                                 shift[u]), factors[i], sum)
        target[r] = sum


cdef inline void dot_lines(
    const storage_t** lines, Py_ssize_t n, const vec64* unit, const vec64* shift, bint by_line,
    const vec64* weight, double* out
) noexcept nogil:
    """out[i] = features of line i times weight, which is zero past the n-th."""
    cdef Py_ssize_t whole = n // VEC64_LANES
    cdef Py_ssize_t rest = n % VEC64_LANES
    cdef vec64 sums[GROUP]
    cdef Py_ssize_t i, r, u
    for i in range(GROUP):
        fill(0.0, &sums[i])
    for r in range(whole + (rest > 0)):
        for i in range(GROUP):
            u = i if by_line else r
            sums[i] = muladd(feature(lines[i] + r * VEC64_LANES, rest if r == whole else 0,
                                     unit[u], shift[u]), weight[r], sums[i])
    sums_of_four(sums, out)


cdef inline void forward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec64* coef, double* z
) noexcept nogil:
    """z = features coef; z has room for a whole last group."""
    cdef const storage_t* rows[GROUP]
    cdef Py_ssize_t group
    for group in range(groups_in(n_rows)):
        name_group(block, task.row_stride, group, n_rows, rows)
        dot_lines(rows, task.n_features, unit_registers(task), shift_registers(task), False, coef,
                  z + group * GROUP)


cdef inline void backward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const double* factor,
    vec64* gradient
) noexcept nogil:
    """gradient += features^T factor, which is zero past the end of the block.

    Asks for the memory of the next block.
    """
    cdef const storage_t* rows[GROUP]
    cdef vec64 factors[GROUP]
    cdef Py_ssize_t group, i
    for group in range(groups_in(n_rows)):
        name_group(block, task.row_stride, group, n_rows, rows)
        for i in range(GROUP):
            fill(factor[group * GROUP + i], &factors[i])
        add_lines(rows, task.n_features, unit_registers(task), shift_registers(task), False,
                  factors, gradient, task.plan.block_rows * task.row_stride)


cdef inline void pass_centred_rows(
    const storage_t* X, const Pass* task, Span rows, Part* part
) noexcept nogil:
    """Some rows of a C-ordered X."""
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec64)
    cdef const vec64* coef = <const vec64*>task.coef_registers
    cdef vec64* gradient = <vec64*>part.gradient_registers
    cdef const storage_t* block
    cdef Py_ssize_t first = rows.begin, n_rows, k, unflushed = 0
    while first < rows.end:
        n_rows = min(task.plan.block_rows, rows.end - first)
        block = X + first * task.row_stride
        for k in range(task.n_coefs):
            forward_rows(block, n_rows, task, coef + k * registers, part.z)
            finish_forward(task, part, k, first, n_rows, part.z)
            if task.verb >= GRADIENT:
                backward_rows(block, n_rows, task, part.z, gradient + k * registers)
        first += n_rows
        unflushed += n_rows
        if unflushed >= FLUSH * GROUP:
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
    name_lines(panel, task.column_stride, group * GROUP, GROUP, task.n_features, columns)
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
    cdef Py_ssize_t first = rows.begin, n_rows, k, i, j, group
    while first < rows.end:
        n_rows = min(task.plan.block_rows, rows.end - first)
        for k in range(task.n_coefs):
            for i in range(n_rows // VEC64_LANES + 1):
                fill(0.0, &z[i])
            for group in range(groups_in(task.n_features)):
                name_columns(X + first, task, group, columns, unit, shift)
                for i in range(GROUP):
                    j = group * GROUP + i
                    fill(task.coef[k * task.n_features + j] if j < task.n_features else 0.0,
                         &coef[i])
                add_lines(columns, n_rows, unit, shift, True, coef, z, 0)
            for i in range(n_rows):
                part.z[i] = (<double*>z)[i]
            finish_forward(task, part, k, first, n_rows, part.z)
            if task.verb < GRADIENT:
                continue
            to_registers(part.z, n_rows, factor)
            for group in range(groups_in(task.n_features)):
                name_columns(X + first, task, group, columns, unit, shift)
                dot_lines(columns, n_rows, unit, shift, True, factor, products)
                for i in range(min(<Py_ssize_t>GROUP, task.n_features - group * GROUP)):
                    part.gradient[k * task.n_features + group * GROUP + i] += products[i]
        first += n_rows
