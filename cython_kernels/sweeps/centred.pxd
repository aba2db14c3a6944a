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
    VEC64_LANES, fill, muladd, prefetch_far, sums_of_four, vec64,
)
from cython_kernels.sweeps.lines cimport (
    CACHE_LINE, GROUP, groups_in, load_some, name_group, name_lines,
)


cdef inline vec64 feature(
    const storage_t* x, Py_ssize_t count, vec64 unit, vec64 shift
) noexcept nogil:
    """A register of features, of which the first count are meant; of all if it is 0."""
    cdef vec64 result
    load_some(x, count, &result)
    return muladd(result, unit, shift)


cdef inline void dot_rows(
    const storage_t** rows, Py_ssize_t j, Py_ssize_t count, const vec64* unit, const vec64* shift,
    const vec64* coef, vec64* sums
) noexcept nogil:
    """sums[i] += features of rows[i] times coef, for register j."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        sums[i] = muladd(
            feature(rows[i] + j * VEC64_LANES, count, unit[j], shift[j]), coef[j], sums[i])


cdef inline void add_rows(
    const storage_t** rows, Py_ssize_t j, Py_ssize_t count, const vec64* unit, const vec64* shift,
    const vec64* factors, vec64* gradient
) noexcept nogil:
    """gradient += sum_i factors[i] features of rows[i], for register j."""
    cdef vec64 sum = gradient[j]
    cdef Py_ssize_t i
    for i in range(GROUP):
        sum = muladd(
            feature(rows[i] + j * VEC64_LANES, count, unit[j], shift[j]), factors[i], sum)
    gradient[j] = sum


cdef inline void forward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec64* coef, double* z
) noexcept nogil:
    """z = features coef; z has room for a whole last group."""
    cdef const vec64* unit = unit_registers(task)
    cdef const vec64* shift = shift_registers(task)
    cdef Py_ssize_t whole = task.n_features // VEC64_LANES
    cdef Py_ssize_t rest = task.n_features % VEC64_LANES
    cdef const storage_t* rows[GROUP]
    cdef vec64 sums[GROUP]
    cdef Py_ssize_t group, i, j
    for group in range(groups_in(n_rows)):
        name_group(block, task.row_stride, group, n_rows, rows)
        for i in range(GROUP):
            fill(0.0, &sums[i])
        for j in range(whole):
            dot_rows(rows, j, 0, unit, shift, coef, sums)
        if rest:
            dot_rows(rows, whole, rest, unit, shift, coef, sums)
        sums_of_four(sums, z + group * GROUP)


cdef inline void backward_rows(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const double* factor,
    vec64* gradient, Py_ssize_t ahead
) noexcept nogil:
    """gradient += features^T factor, asking for what lies `ahead` elements on.

    factor is zero past the end of the block.
    """
    cdef const vec64* unit = unit_registers(task)
    cdef const vec64* shift = shift_registers(task)
    cdef Py_ssize_t whole = task.n_features // VEC64_LANES
    cdef Py_ssize_t rest = task.n_features % VEC64_LANES
    cdef Py_ssize_t in_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * VEC64_LANES)
    cdef const storage_t* rows[GROUP]
    cdef vec64 factors[GROUP]
    cdef Py_ssize_t group, i, j
    for group in range(groups_in(n_rows)):
        name_group(block, task.row_stride, group, n_rows, rows)
        for i in range(GROUP):
            fill(factor[group * GROUP + i], &factors[i])
        for j in range(whole):
            if j % in_line == 0:
                for i in range(GROUP):
                    prefetch_far(<const char*>(
                        <uintptr_t>rows[i] + (j * VEC64_LANES + ahead) * sizeof(storage_t)))
            add_rows(rows, j, 0, unit, shift, factors, gradient)
        if rest:
            add_rows(rows, whole, rest, unit, shift, factors, gradient)


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
                backward_rows(block, n_rows, task, part.z, gradient + k * registers,
                              task.plan.block_rows * task.row_stride)
        first += n_rows
        unflushed += n_rows
        if unflushed >= FLUSH * GROUP:
            unflushed = 0
            flush_part(task, part, gradient, 0, task.n_features)
    flush_part(task, part, gradient, 0, task.n_features)


cdef inline void forward_columns(
    const storage_t** columns, Py_ssize_t n_rows, const vec64* unit, const vec64* shift,
    const vec64* coef, vec64* z
) noexcept nogil:
    """z += features of a group of columns times their coefficients."""
    cdef Py_ssize_t whole = n_rows // VEC64_LANES
    cdef Py_ssize_t rest = n_rows % VEC64_LANES
    cdef Py_ssize_t i, r
    cdef vec64 sum
    for r in range(whole + (rest > 0)):
        sum = z[r]
        for i in range(GROUP):
            sum = muladd(feature(columns[i] + r * VEC64_LANES, rest if r == whole else 0,
                                 unit[i], shift[i]), coef[i], sum)
        z[r] = sum


cdef inline void backward_columns(
    const storage_t** columns, Py_ssize_t n_rows, const vec64* unit, const vec64* shift,
    const vec64* factor, double* products
) noexcept nogil:
    """products = features of a group of columns times factor, which is zero past the last row."""
    cdef Py_ssize_t whole = n_rows // VEC64_LANES
    cdef Py_ssize_t rest = n_rows % VEC64_LANES
    cdef vec64 sums[GROUP]
    cdef Py_ssize_t i, r
    for i in range(GROUP):
        fill(0.0, &sums[i])
    for r in range(whole + (rest > 0)):
        for i in range(GROUP):
            sums[i] = muladd(feature(columns[i] + r * VEC64_LANES, rest if r == whole else 0,
                                     unit[i], shift[i]), factor[r], sums[i])
    sums_of_four(sums, products)


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
                forward_columns(columns, n_rows, unit, shift, coef, z)
            for i in range(n_rows):
                part.z[i] = (<double*>z)[i]
            finish_forward(task, part, k, first, n_rows, part.z)
            if task.verb < GRADIENT:
                continue
            to_registers(part.z, n_rows, factor)
            for group in range(groups_in(task.n_features)):
                name_columns(X + first, task, group, columns, unit, shift)
                backward_columns(columns, n_rows, unit, shift, factor, products)
                for i in range(min(<Py_ssize_t>GROUP, task.n_features - group * GROUP)):
                    part.gradient[k * task.n_features + group * GROUP + i] += products[i]
        first += n_rows
