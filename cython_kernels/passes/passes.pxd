"""What passes over X have in common: what they are asked for, where they keep their sums.

Each row comes from memory once and serves the forward and the backward half. A pass walks its rows
in blocks that stay in cache: decision values z of the block, then the link (loss and residuals, or
curvature), then the gradient of the same rows, swept together with the decision values of the next
block (blocks.pxd). The work is split into parts, one a thread: each takes rows of its own
(own_rows.pxd) or columns of its own (own_columns.pxd). What the parts add up is added in order, so
the same n_parts gives the same bits whatever number of threads the machine really provides.

What float32 compute adds up in float32 is moved to float64 every FLUSH additions. Loss and
intercept are float64 throughout. Extra memory: n_parts * n_coefs * n_features * 16 bytes (once, not
n_parts times, where parts are columns), and 8 * n_features bytes for the coefficients, centers and
units each.

Several coefficient vectors (n_coefs > 1) share the pass: the rows of a block serve one after the
other from cache.
"""

from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memset

from cython_kernels.bytes.bytes cimport (
    HAS_BYTE_KERNELS, MOST_COLUMNS, SlicedCoef, flush_bytes, slice_coef, slices_suit,
)
from cython_kernels.sweeps.lines cimport GROUP
from cython_kernels.link.link cimport real
from cython_kernels.link.link_blocks cimport loss_of_block, sum_of, weigh
from cython_kernels.sweeps.narrow cimport NARROW_REGISTERS, NARROW_ROWS
from cython_kernels.passes.partition cimport UNIT
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.link.targets cimport Targets, copy_targets
from cython_kernels.registers.vector cimport VEC32_LANES, fill, lanes, vec32, vec64, vec_t

cdef enum Kind:
    DECISION    # z alone
    LOSS        # and the log loss
    GRADIENT    # and its gradient
    PRODUCT     # X^T (curvature * z) instead: a Hessian-vector product

cdef enum:
    NEAR_BYTES = 1572864      # what one core keeps of a block: most of its L2
    FAR_BYTES = 33554432      # what the last cache keeps of a block, as a rule
    NEAR_STRETCH_BYTES = 512  # of a column in a panel, at least: memory is slow to jump
    MAX_ROWS = 1024           # of a block; of a panel, most_panel_rows
    Z_ROWS = 1040             # MAX_ROWS and a group of padding, in whole cache lines
    ROW_REGISTERS_BYTES = 4 * Z_ROWS
    FLUSH = 512
    ALIGNMENT = 64
    GUARD = 64                # bytes behind each buffer that nobody writes to, as tests see
    MIN_BYTES = 33            # columns of uint8 that integer arithmetic serves, to MOST_COLUMNS
    TILE_BYTES = NARROW_ROWS * NARROW_REGISTERS * ALIGNMENT

cdef struct Pass:
    Kind kind
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t n_coefs
    Py_ssize_t row_stride                # in elements; one of the two strides is 1
    Py_ssize_t column_stride
    Targets y                            # (n_samples,)
    const double* sample_weight          # (n_samples,), or NULL: all one
    const double* curvature              # (n_coefs, n_samples), for PRODUCT
    const double* center                 # (n_features,): features are (x - center) unit in
    const double* unit                   # float64 (centred.pxd), or both NULL: x as it is
    const double* coef                   # (n_coefs, n_features)
    const double* intercept              # (n_coefs,)
    double* decision                     # out (n_coefs, n_samples), or NULL
    double* loss                         # out (n_coefs,), sums
    double* gradient                     # out (n_coefs, n_features), sums
    double* intercept_gradient           # out (n_coefs,), sums
    bint single_link                     # the link of short rows of float32 compute
    bint by_bytes                        # this pass takes the way of bytes.pxd
    bint columns_shared                  # parts are columns, else rows
    char* coef_registers                 # in the workspace, as are the parts
    char* parts

cdef struct Part:
    char* gradient_registers             # where parts are columns, one for all,
    double* gradient                     # (n_coefs, n_features), and this is the result
    double* loss                         # (n_coefs,)
    double* intercept_gradient           # (n_coefs,)
    double* z                            # (2, n_coefs, Z_ROWS), of the new block and the last
    double* factor                       # (n_coefs, Z_ROWS), of the old block
    double* block_loss                   # (Z_ROWS,)
    double* y                            # (Z_ROWS,)
    char* z_registers                    # (n_coefs, ROW_REGISTERS_BYTES) in the compute type
    char* factor_registers
    char* tile                           # of short rows: (NARROW_ROWS, NARROW_REGISTERS) registers
    char* end


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


cdef inline Py_ssize_t most_panel_rows(const storage_t* kind) noexcept nogil:
    """Rows of a panel that ROW_REGISTERS_BYTES have room for; the argument only names the type."""
    cdef Py_ssize_t size = sizeof(double) if storage_t is double else sizeof(float)
    return min(<Py_ssize_t>MAX_ROWS, ROW_REGISTERS_BYTES // size // UNIT * UNIT)


cdef inline char* take(uintptr_t* here, Py_ssize_t n_bytes) noexcept nogil:
    """The next n_bytes of the workspace; a guard lies behind them."""
    cdef uintptr_t taken = here[0]
    here[0] += aligned(n_bytes) + GUARD
    return <char*>taken


cdef inline Part part_from(const Pass* task, uintptr_t here) noexcept nogil:
    """The buffers of a part that begins here."""
    cdef Part part
    cdef Py_ssize_t values = task.n_coefs * sizeof(double)
    cdef bint narrow = task.n_features <= NARROW_REGISTERS * VEC32_LANES
    part.gradient_registers = take(&here, task.n_coefs * registers_bytes(task))
    part.gradient = <double*>take(&here, task.n_features * values)
    part.loss = <double*>take(&here, values)
    part.intercept_gradient = <double*>take(&here, values)
    part.z = <double*>take(&here, 2 * Z_ROWS * values)
    part.factor = <double*>take(&here, Z_ROWS * values)
    part.z_registers = take(&here, task.n_coefs * ROW_REGISTERS_BYTES)
    part.factor_registers = take(&here, task.n_coefs * ROW_REGISTERS_BYTES)
    part.block_loss = <double*>take(&here, Z_ROWS * sizeof(double))
    part.y = <double*>take(&here, Z_ROWS * sizeof(double))
    part.tile = take(&here, TILE_BYTES if narrow else 0)
    part.end = <char*>here
    return part


cdef inline Py_ssize_t part_bytes(const Pass* task) noexcept nogil:
    """What the buffers of a part take."""
    return <Py_ssize_t><uintptr_t>part_from(task, 0).end


cdef inline Py_ssize_t coef_bytes(const Pass* task) noexcept nogil:
    """What coefficients, units and shifts take in registers, with their guard."""
    return (task.n_coefs + 2) * registers_bytes(task) + GUARD


cdef inline Py_ssize_t workspace_bytes(const Pass* task) noexcept nogil:
    """Scratch memory of a pass, with room to align it."""
    return ALIGNMENT + coef_bytes(task) + task.n_parts * part_bytes(task)


cdef inline void use_workspace(Pass* task, char* workspace) noexcept nogil:
    """Lay registers (coefficients, units, shifts) and parts out in workspace_bytes() bytes."""
    task.coef_registers = workspace + (-<uintptr_t>workspace) % ALIGNMENT
    task.parts = task.coef_registers + coef_bytes(task)


cdef inline Part part_at(const Pass* task, int index) noexcept nogil:
    """Where part `index` keeps its sums."""
    cdef Part part = part_from(task, <uintptr_t>(task.parts + index * part_bytes(task)))
    if task.columns_shared:
        part.gradient_registers = task.parts
        part.gradient = task.gradient
    return part


cdef inline void clear_up_to(void* begin, void* next) noexcept nogil:
    """Zeros from the beginning of one buffer to the guard before the next."""
    memset(begin, 0, <char*>next - <char*>begin - GUARD)


cdef inline void clear_rows(Part* part) noexcept nogil:
    """What a part keeps of its blocks."""
    clear_up_to(part.z, part.factor)
    clear_up_to(part.factor, part.z_registers)
    clear_up_to(part.z_registers, part.factor_registers)
    clear_up_to(part.factor_registers, part.block_loss)
    clear_up_to(part.block_loss, part.y)
    clear_up_to(part.y, part.tile)
    clear_up_to(part.tile, part.end)


cdef inline void to_registers(
    const double* values, Py_ssize_t n_features, vec_t* out
) noexcept nogil:
    """Write n_features numbers in the compute type, and pad them to a whole register."""
    cdef Py_ssize_t j
    if n_features % lanes(out):
        fill(0.0, &out[n_features // lanes(out)])
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


cdef inline void add_intercept(
    const Pass* task, Py_ssize_t k, double* z, Py_ssize_t n_rows
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n_rows):
        z[i] += task.intercept[k]


cdef inline void finish_forward(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, real* z
) noexcept nogil:
    """From z = X w + b of n_rows rows from `begin` to the factors of their backward half."""
    cdef const double* sample_weight = task.sample_weight
    cdef Py_ssize_t i
    if sample_weight != NULL:
        sample_weight += begin
    if task.decision != NULL:
        for i in range(n_rows):
            task.decision[k * task.n_samples + begin + i] = z[i]
    if task.kind == LOSS or task.kind == GRADIENT:
        copy_targets(task.y, begin, n_rows, <real*>part.y)
        part.loss[k] += loss_of_block(
            z, <real*>part.y, sample_weight, n_rows, <real*>part.block_loss, task.single_link)
    elif task.kind == PRODUCT:
        weigh(z, task.curvature + k * task.n_samples + begin, n_rows)
    if task.kind >= GRADIENT:
        part.intercept_gradient[k] += sum_of(z, n_rows)
        for i in range(GROUP):
            z[n_rows + i] = 0


cdef inline void flush_part(
    const Pass* task, Part* part, vec_t* gradient, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Empty the registers of columns begin to end into the part's float64 sums."""
    cdef Py_ssize_t width = lanes(gradient)
    cdef Py_ssize_t k
    cdef double* out
    if task.kind < GRADIENT:
        return
    for k in range(task.n_coefs):
        out = part.gradient + k * task.n_features + begin
        if task.by_bytes:
            flush_bytes(<float*>(gradient + begin // width), end - begin, out)
        else:
            flush(gradient + begin // width, end - begin, out)
        gradient += registers_bytes(task) // sizeof(vec_t)


cdef inline void clear(double* values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        values[i] = 0


cdef inline void add_to(const double* values, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += values[i]


cdef inline bint columns_are_shared(const storage_t* kind, const Pass* task) noexcept nogil:
    """Whether parts are columns: a block of whole rows would leave the cache, or rows are few."""
    cdef Py_ssize_t n_bytes = task.n_features * sizeof(storage_t)
    if task.n_samples == 0 or task.n_features < 16 * UNIT * task.n_parts:
        return False
    if task.n_samples < GROUP * task.n_parts:
        return True
    if task.column_stride != 1:         # an old panel and a new one
        return 2 * task.n_features * NEAR_STRETCH_BYTES > NEAR_BYTES
    return GROUP * n_bytes > NEAR_BYTES


cdef inline bint bytes_serve(const storage_t* X, const Pass* task) noexcept nogil:
    """Whether a pass goes by integer arithmetic."""
    cdef Py_ssize_t k
    if storage_t is uint8_t:
        if (not HAS_BYTE_KERNELS or task.column_stride != 1
                or not MIN_BYTES <= task.n_features <= MOST_COLUMNS):
            return False
        for k in range(task.n_coefs):
            if not slices_suit(task.coef + k * task.n_features, task.n_features):
                return False
        return True
    else:
        return False


cdef inline void begin_sums(const storage_t* X, Pass* task) noexcept nogil:
    """Choose the way; coefficients into registers in the compute type, all sums to zero."""
    cdef Py_ssize_t k
    cdef int index
    cdef Part part
    cdef bint centred = task.unit != NULL
    task.columns_shared = not centred and columns_are_shared(X, task)
    task.single_link = (
        storage_t is not double and not centred
        and task.n_features <= NARROW_REGISTERS * VEC32_LANES)
    task.by_bytes = not centred and bytes_serve(X, task)
    for k in range(task.n_coefs):
        if centred:
            to_registers(task.coef + k * task.n_features, task.n_features,
                         <vec64*>(task.coef_registers + k * registers_bytes(task)))
        elif task.by_bytes:
            slice_coef(task.coef + k * task.n_features, task.n_features,
                       <SlicedCoef*>(task.coef_registers + k * registers_bytes(task)))
        elif task.columns_shared:
            continue                    # each part does its own
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
        clear_rows(&part)
        if task.kind >= GRADIENT and not task.columns_shared:
            memset(part.gradient_registers, 0, task.n_coefs * registers_bytes(task))
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
        clear(task.intercept_gradient, task.n_coefs)
        if not task.columns_shared:
            clear(task.gradient, task.n_coefs * task.n_features)
    for index in range(task.n_parts):
        part = part_at(task, index)
        if task.kind != PRODUCT:
            add_to(part.loss, task.n_coefs, task.loss)
        if task.kind >= GRADIENT:
            add_to(part.intercept_gradient, task.n_coefs, task.intercept_gradient)
            if not task.columns_shared:
                add_to(part.gradient, task.n_coefs * task.n_features, task.gradient)
