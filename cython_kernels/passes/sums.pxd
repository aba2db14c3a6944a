"""Sums of a pass: from float64 into registers and back, and over its parts."""

from libc.string cimport memset

from cython_kernels.bytes.bytes cimport SlicedCoef, flush_bytes, slice_coef
from cython_kernels.passes.task cimport (
    DECISION, GRADIENT, PRODUCT, SHORT_BYTES, TILES, Pass,
)
from cython_kernels.passes.workspace cimport (
    Part, clear_rows, part_at, registers_bytes, shift_registers, unit_registers,
)
from cython_kernels.registers.vector cimport fill, lanes, vec32, vec64, vec_t


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


cdef inline void flush_part(
    const Pass* task, Part* part, vec_t* gradient, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Empty the registers of columns begin to end into the part's float64 sums."""
    if task.verb < GRADIENT:
        return
    gradient += begin // lanes(gradient)
    if task.plan.way == SHORT_BYTES:
        flush_bytes(<float*>gradient, end - begin, part.gradient + begin)
    else:
        flush(gradient, end - begin, part.gradient + begin)


cdef inline void clear(double* values, Py_ssize_t n) noexcept nogil:
    memset(values, 0, n * sizeof(double))


cdef inline void add_to(const double* values, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += values[i]


cdef inline void begin_units(const Pass* task) noexcept nogil:
    """Units, and shifts = -center unit, of centred features into registers."""
    cdef double* shift = <double*>shift_registers(task)
    cdef Py_ssize_t j
    to_registers(task.unit, task.n_features, <vec64*>unit_registers(task))
    to_registers(task.center, task.n_features, <vec64*>shift)
    for j in range(task.n_features):
        shift[j] *= -task.unit[j]


cdef inline void begin_coef(const Pass* task, vec_t* registers) noexcept nogil:
    """Coefficients into registers; where columns are shared, each part does its own."""
    cdef Py_ssize_t k
    if task.plan.way == SHORT_BYTES:
        slice_coef(task.coef, task.n_features, <SlicedCoef*>registers)
    elif task.plan.way == TILES or not task.plan.columns_shared:
        for k in range(task.n_coefs):
            to_registers(task.coef + k * task.n_features, task.n_features,
                         registers + k * (registers_bytes(task) // <Py_ssize_t>sizeof(vec_t)))


cdef inline void begin_sums(Pass* task, vec_t* registers) noexcept nogil:
    """Coefficients into registers of the compute type, all sums to zero."""
    cdef int index
    cdef Part part
    if task.unit != NULL:
        begin_units(task)
        begin_coef(task, <vec64*>registers)
    else:
        begin_coef(task, registers)
    for index in range(task.n_parts):
        part = part_at(task, index)
        clear(part.loss, task.n_coefs)
        clear(part.intercept_gradient, task.n_coefs)
        if task.plan.way == TILES:
            continue
        clear_rows(&part)
        if task.verb >= GRADIENT and not task.plan.columns_shared:
            memset(part.gradient_registers, 0, task.n_coefs * registers_bytes(task))
            clear(part.gradient, task.n_coefs * task.n_features)


cdef inline void end_sums(const Pass* task) noexcept nogil:
    """Add the parts in order."""
    cdef Py_ssize_t n_sums = 0 if task.plan.columns_shared else task.n_coefs * task.n_features
    cdef Py_ssize_t n_losses = 1 if task.softmax else task.n_coefs
    cdef int index
    cdef Part part
    if task.verb == DECISION:
        return
    if task.verb != PRODUCT:
        clear(task.loss, n_losses)
    if task.verb >= GRADIENT:
        clear(task.intercept_gradient, task.n_coefs)
        clear(task.gradient, n_sums)
    for index in range(task.n_parts):
        part = part_at(task, index)
        if task.verb != PRODUCT:
            add_to(part.loss, n_losses, task.loss)
        if task.verb >= GRADIENT:
            add_to(part.intercept_gradient, task.n_coefs, task.intercept_gradient)
            add_to(part.gradient, n_sums, task.gradient)
