"""A pass over X: each row comes from memory once and serves the forward and the backward half.

A part (see partition.pxd) walks its rows in blocks that stay in cache: decision values z of the
block, then the link (loss and residuals, or curvature), then the gradient of the same rows, swept
together with the decision values of the next block. Rows of a C-ordered X are blocked by
rows.pxd, those of a Fortran-ordered one by columns.pxd. Each part adds up its own gradient, and
the parts are added in order, so the same n_parts gives the same bits whatever number of threads
the machine really provides.

What float32 compute adds up in float32 is moved to float64 every FLUSH additions. Loss and
intercept are float64 throughout. Extra memory: n_parts * n_coefs * n_features * 16 bytes, and one
copy of the coefficients.

Several coefficient vectors (n_coefs > 1) share the pass: the rows of a block serve one after the
other from cache.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memset

from cython_kernels.bytes cimport bytes_serve, flush_bytes, sweep_byte_rows, to_slices
from cython_kernels.columns cimport sweep_columns
from cython_kernels.lines cimport GROUP, groups_in
from cython_kernels.link_blocks cimport loss_of_block, sum_of, weigh
from cython_kernels.narrow cimport NARROW_REGISTERS
from cython_kernels.partition cimport UNIT, part_begin, rows_in_step, steps_in
from cython_kernels.rows cimport sweep_rows
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport VEC32_LANES, vec32, vec64, vec_t

cdef enum Kind:
    DECISION    # z alone
    LOSS        # and the log loss
    GRADIENT    # and its gradient
    PRODUCT     # X^T (curvature * z) instead: a Hessian-vector product

cdef enum:
    BLOCK_BYTES = 131072      # a block of rows: well inside L2, with room for the gradient
    BLOCK_ROWS = 256          # of short rows: enough to vectorise the link
    PANEL_BYTES = 524288      # a block of a Fortran-ordered X
    PANEL_ROWS = 512
    STRETCH_BYTES = 512       # of a column, at least: memory is slow to jump
    Z_ROWS = 520              # PANEL_ROWS and a group of padding, in whole cache lines
    FLUSH = 512
    ALIGNMENT = 64

cdef struct Pass:
    Kind kind
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_coefs
    Py_ssize_t row_stride                # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    const double* y                      # (n_samples,)
    const double* sample_weight          # (n_samples,), or NULL: all one
    const double* curvature              # (n_coefs, n_samples), for PRODUCT
    const double* coef                   # (n_coefs, n_features)
    const double* intercept              # (n_coefs,)
    double* decision                     # out (n_coefs, n_samples), or NULL
    double* loss                         # out (n_coefs,), sums
    double* gradient                     # out (n_coefs, n_features), sums
    double* intercept_gradient           # out (n_coefs,), sums
    bint single_link                     # the link of short rows of float32 compute
    bint by_bytes                        # this pass takes the way of bytes.pxd
    char* coef_registers                 # in the workspace, as are the parts
    char* parts

cdef struct Part:
    char* gradient_registers
    double* gradient                     # (n_coefs, n_features)
    double* loss                         # (n_coefs,)
    double* intercept_gradient           # (n_coefs,)
    double* z                            # (n_coefs, Z_ROWS), of the new block
    double* factor                       # (n_coefs, Z_ROWS), of the old one
    double* block_loss                   # (Z_ROWS,)
    char* z_registers                    # (n_coefs, Z_ROWS) in the compute type, by columns
    char* factor_registers


cdef inline Pass new_pass(
    Kind kind, Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_coefs,
    Py_ssize_t row_stride, Py_ssize_t column_stride, int n_parts
) noexcept nogil:
    """A pass of this shape; every pointer is still NULL."""
    cdef Pass task
    memset(&task, 0, sizeof(task))
    task.kind = kind
    task.n_parts = n_parts
    task.n_samples = n_samples
    task.n_features = n_features
    task.n_coefs = n_coefs
    task.row_stride = row_stride
    task.column_stride = column_stride
    return task


cdef inline Py_ssize_t aligned(Py_ssize_t n_bytes) noexcept nogil:
    return (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline Py_ssize_t registers_bytes(const Pass* task) noexcept nogil:
    """One coefficient vector in registers: at most 8 bytes an element, padded to a whole one."""
    return aligned(task.n_features * sizeof(double) + ALIGNMENT)


cdef inline Py_ssize_t part_bytes(const Pass* task) noexcept nogil:
    """What a Part points into."""
    return (task.n_coefs * registers_bytes(task)
            + aligned(task.n_coefs * task.n_features * sizeof(double))
            + 2 * aligned(task.n_coefs * sizeof(double))
            + (4 * task.n_coefs + 1) * Z_ROWS * sizeof(double))


cdef inline Py_ssize_t workspace_bytes(const Pass* task) noexcept nogil:
    """Scratch memory of a pass, with room to align it."""
    return ALIGNMENT + task.n_coefs * registers_bytes(task) + task.n_parts * part_bytes(task)


cdef inline void use_workspace(Pass* task, char* workspace) noexcept nogil:
    """Lay the registers and the parts out in workspace_bytes() bytes."""
    cdef Py_ssize_t registers = task.n_coefs * registers_bytes(task)
    task.coef_registers = workspace + (-<uintptr_t>workspace) % ALIGNMENT
    task.parts = task.coef_registers + registers
    memset(task.coef_registers, 0, registers + task.n_parts * part_bytes(task))


cdef inline Part part_at(const Pass* task, int index) noexcept nogil:
    """Where part `index` keeps its sums."""
    cdef Part part
    cdef char* here = task.parts + index * part_bytes(task)
    part.gradient_registers = here
    here += task.n_coefs * registers_bytes(task)
    part.gradient = <double*>here
    here += aligned(task.n_coefs * task.n_features * sizeof(double))
    part.loss = <double*>here
    here += aligned(task.n_coefs * sizeof(double))
    part.intercept_gradient = <double*>here
    here += aligned(task.n_coefs * sizeof(double))
    part.z = <double*>here
    part.factor = part.z + task.n_coefs * Z_ROWS
    part.z_registers = <char*>(part.factor + task.n_coefs * Z_ROWS)
    part.factor_registers = part.z_registers + task.n_coefs * Z_ROWS * sizeof(double)
    part.block_loss = <double*>(part.factor_registers + task.n_coefs * Z_ROWS * sizeof(double))
    return part


cdef inline void to_registers(
    const double* values, Py_ssize_t n_features, vec_t* out
) noexcept nogil:
    """Write n_features numbers in the compute type; the padding stays as it is."""
    cdef Py_ssize_t j
    for j in range(n_features):
        if vec_t is vec32:
            (<float*>out)[j] = <float>values[j]
        else:
            (<double*>out)[j] = values[j]


cdef inline void flush(vec_t* registers, Py_ssize_t n_features, double* out) noexcept nogil:
    """Add the registers to the float64 sums, and clear them."""
    cdef Py_ssize_t j
    for j in range(n_features):
        if vec_t is vec32:
            out[j] += (<float*>registers)[j]
            (<float*>registers)[j] = 0
        else:
            out[j] += (<double*>registers)[j]
            (<double*>registers)[j] = 0


cdef inline void finish_forward(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, double* z
) noexcept nogil:
    """From z = X w of n_rows rows from `begin` to what their backward half multiplies them with."""
    cdef const double* sample_weight = task.sample_weight
    cdef Py_ssize_t i
    if sample_weight != NULL:
        sample_weight += begin
    for i in range(n_rows):
        z[i] += task.intercept[k]
    if task.decision != NULL:
        for i in range(n_rows):
            task.decision[k * task.n_samples + begin + i] = z[i]
    if task.kind == LOSS or task.kind == GRADIENT:
        part.loss[k] += loss_of_block(
            z, task.y + begin, sample_weight, n_rows, part.block_loss, task.single_link)
    elif task.kind == PRODUCT:
        weigh(z, task.curvature + k * task.n_samples + begin, n_rows)
    if task.kind >= GRADIENT:
        part.intercept_gradient[k] += sum_of(z, n_rows)
        memset(z + n_rows, 0, GROUP * sizeof(double))


cdef inline void flush_part(const Pass* task, Part* part, vec_t* gradient) noexcept nogil:
    """Empty the registers of every coefficient vector into the part's float64 sums."""
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef Py_ssize_t k
    for k in range(task.n_coefs):
        if task.by_bytes:
            flush_bytes(<float*>(gradient + k * registers), task.n_features,
                        part.gradient + k * task.n_features)
        else:
            flush(gradient + k * registers, task.n_features, part.gradient + k * task.n_features)


cdef inline void sweep_blocks(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z, const Pass* task
) noexcept nogil:
    """The backward half of an old block of rows, the forward half of a new one."""
    if storage_t is uint8_t:
        if task.by_bytes:
            sweep_byte_rows(old, n_old, factor, <float*>gradient, new, n_new, <const char*>coef, z,
                            task.row_stride, task.n_features)
            return
    sweep_rows(old, n_old, factor, gradient, new, n_new, coef, z, task.row_stride,
               task.n_features)


cdef inline void pass_rows(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* coef
) noexcept nogil:
    """Rows begin to end: a block's forward half together with the backward half of the last."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t block_rows = GROUP * max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes) // GROUP)
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, k, unflushed = 0
    cdef vec_t* gradient = <vec_t*>part.gradient_registers
    cdef double* z = part.z
    cdef double* factor = part.factor
    while first < end or n_old > 0:
        n_new = min(block_rows, end - first)
        for k in range(task.n_coefs):
            sweep_blocks(
                X + (first - n_old) * task.row_stride, n_old, factor + k * Z_ROWS,
                gradient + k * registers,
                X + first * task.row_stride, n_new, coef + k * registers, z + k * Z_ROWS, task)
            finish_forward(task, part, k, first, n_new, z + k * Z_ROWS)
        first += n_new
        unflushed += n_old
        n_old = n_new if task.kind >= GRADIENT else 0
        z, factor = factor, z
        if unflushed >= FLUSH * GROUP:
            unflushed = 0
            flush_part(task, part, gradient)
    flush_part(task, part, gradient)


cdef inline void sweep_panel(
    const storage_t* old, Py_ssize_t n_old, const vec_t* factor,
    const storage_t* new, Py_ssize_t n_new, vec_t* z_registers, double* z,
    const Pass* task, Py_ssize_t k, Part* part
) noexcept nogil:
    """One sweep over the columns, moving z to float64 now and then."""
    cdef Py_ssize_t groups = groups_in(task.n_features)
    cdef Py_ssize_t first = 0, last
    memset(z, 0, Z_ROWS * sizeof(double))
    while first < groups:
        last = min(groups, first + FLUSH // GROUP)
        sweep_columns(
            old, n_old, factor, part.gradient + k * task.n_features,
            new, n_new, task.coef + k * task.n_features, z_registers,
            task.column_stride, task.n_features, first, last)
        flush(z_registers, n_new, z)
        first = last


cdef inline void pass_columns(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* kind
) noexcept nogil:
    """As pass_rows, for a Fortran-ordered X, in panels of rows; kind only names the type."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t panel_rows = UNIT * (max(
        <Py_ssize_t>STRETCH_BYTES // <Py_ssize_t>sizeof(storage_t),
        min(PANEL_ROWS, PANEL_BYTES // row_bytes)) // UNIT)
    cdef Py_ssize_t registers = Z_ROWS * sizeof(double) // sizeof(vec_t)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, k
    cdef vec_t* z = <vec_t*>part.z_registers
    cdef vec_t* factor = <vec_t*>part.factor_registers
    while first < end or n_old > 0:
        n_new = min(panel_rows, end - first)
        for k in range(task.n_coefs):
            sweep_panel(X + first - n_old, n_old, factor + k * registers,
                        X + first, n_new, z + k * registers, part.z, task, k, part)
            finish_forward(task, part, k, first, n_new, part.z)
            # The old factors have served; the new ones take their place.
            to_registers(part.z, n_new, factor + k * registers)
        first += n_new
        n_old = n_new if task.kind >= GRADIENT else 0


cdef inline void pass_lines(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* coef
) noexcept nogil:
    if task.column_stride != 1:
        pass_columns(X, task, begin, end, part, coef)
    else:
        pass_rows(X, task, begin, end, part, coef)


cdef inline void pass_part(
    const storage_t* X, const Pass* task, int index, Py_ssize_t step, Py_ssize_t step_rows
) noexcept nogil:
    """Step `step` of part `index`."""
    cdef Part part = part_at(task, index)
    cdef Py_ssize_t begin = part_begin(task.n_samples, task.n_parts, index) + step * step_rows
    cdef Py_ssize_t end = min(
        begin + step_rows, part_begin(task.n_samples, task.n_parts, index + 1))
    if storage_t is double:
        pass_lines(X, task, begin, end, &part, <vec64*>task.coef_registers)
    else:
        pass_lines(X, task, begin, end, &part, <vec32*>task.coef_registers)


cdef inline void clear(double* values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        values[i] = 0


cdef inline void add_to(const double* values, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += values[i]


cdef inline void begin_sums(const storage_t* X, Pass* task) noexcept nogil:
    """Coefficients into registers in the compute type, all sums to zero."""
    cdef Py_ssize_t k
    cdef int index
    cdef Part part
    task.single_link = (
        storage_t is not double and task.n_features <= NARROW_REGISTERS * VEC32_LANES)
    task.by_bytes = bytes_serve(
        X, task.coef, task.n_coefs, task.n_features, task.column_stride)
    for k in range(task.n_coefs):
        if task.by_bytes:
            to_slices(task.coef + k * task.n_features, task.n_features,
                      task.coef_registers + k * registers_bytes(task))
        elif storage_t is double:
            to_registers(task.coef + k * task.n_features, task.n_features,
                         <vec64*>(task.coef_registers + k * registers_bytes(task)))
        else:
            to_registers(task.coef + k * task.n_features, task.n_features,
                         <vec32*>(task.coef_registers + k * registers_bytes(task)))
    for index in range(task.n_parts):
        part = part_at(task, index)
        clear(part.loss, task.n_coefs)
        clear(part.intercept_gradient, task.n_coefs)
        if task.kind >= GRADIENT:
            clear(part.gradient, task.n_coefs * task.n_features)


cdef inline void end_sums(Pass* task) noexcept nogil:
    """Add the parts in order."""
    cdef int index
    cdef Part part
    if task.kind == DECISION:
        return
    if task.kind != PRODUCT:
        clear(task.loss, task.n_coefs)
    if task.kind >= GRADIENT:
        clear(task.gradient, task.n_coefs * task.n_features)
        clear(task.intercept_gradient, task.n_coefs)
    for index in range(task.n_parts):
        part = part_at(task, index)
        if task.kind != PRODUCT:
            add_to(part.loss, task.n_coefs, task.loss)
        if task.kind >= GRADIENT:
            add_to(part.gradient, task.n_coefs * task.n_features, task.gradient)
            add_to(part.intercept_gradient, task.n_coefs, task.intercept_gradient)


cdef inline int run_pass(const storage_t* X, Pass* task) except -1 nogil:
    """One pass. Looks for signals (Ctrl-C) between steps."""
    cdef Py_ssize_t rows = rows_in_step(task.n_features * sizeof(storage_t), task.n_parts)
    cdef Py_ssize_t step
    cdef int index
    begin_sums(X, task)
    for step in range(steps_in(task.n_samples, task.n_parts, rows)):
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            pass_part(X, task, index, step, rows)
        with gil:
            PyErr_CheckSignals()
    end_sums(task)
    return 0
