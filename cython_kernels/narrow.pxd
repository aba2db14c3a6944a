"""Sweeps over short rows: coefficients and gradient stay in registers for a whole block.

A row of at most NARROW_REGISTERS registers leaves too little work between the loads and stores of
the gradient, whose chain of additions would then set the pace. Here each row of a group has a
gradient of its own, added up at the end of the block.
"""

from libc.stdint cimport uintptr_t

from cython_kernels.lines cimport CACHE_LINE, GROUP
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport (
    add, fill, lanes, load, load_first, muladd, prefetch, sums_of_four, vec_t,
)

cdef enum:
    NARROW_REGISTERS = 4


cdef inline void load_row(
    const storage_t* row, Py_ssize_t n_registers, Py_ssize_t rest, vec_t* out
) noexcept nogil:
    """A row in n_registers registers, the last of which holds `rest` elements (0: is whole)."""
    cdef Py_ssize_t width = lanes(out)
    cdef Py_ssize_t j
    for j in range(n_registers - 1):
        load(row + j * width, &out[j])
    if rest:
        load_first(row + (n_registers - 1) * width, rest, &out[n_registers - 1])
    else:
        load(row + (n_registers - 1) * width, &out[n_registers - 1])


cdef inline void prefetch_half(
    const storage_t* group, Py_ssize_t row_stride, Py_ssize_t odd
) noexcept nogil:
    """Ask for every second cache line of a group of rows to come; it may lie outside of X.

    The forward half of a block asks for one half of the next block, its backward half for the
    other, so that memory is busy throughout.
    """
    cdef Py_ssize_t n_bytes = GROUP * row_stride * sizeof(storage_t)
    cdef Py_ssize_t offset = odd * CACHE_LINE
    while offset < n_bytes:
        prefetch(<const void*>(<uintptr_t>group + offset))
        offset += 2 * CACHE_LINE


cdef inline void narrow_forward(
    const storage_t* block, Py_ssize_t n_rows, const storage_t* ahead, Py_ssize_t row_stride,
    Py_ssize_t n_registers, Py_ssize_t rest, const vec_t* coef, double* z
) noexcept nogil:
    """z = block coef."""
    cdef vec_t weights[NARROW_REGISTERS]
    cdef vec_t x[NARROW_REGISTERS]
    cdef vec_t sums[GROUP]
    cdef Py_ssize_t first = 0, i, j
    for j in range(n_registers):
        weights[j] = coef[j]
    while first < n_rows:
        for i in range(GROUP):
            load_row(block + min(first + i, n_rows - 1) * row_stride, n_registers, rest, x)
            fill(0.0, &sums[i])
            for j in range(n_registers):
                sums[i] = muladd(x[j], weights[j], sums[i])
        sums_of_four(sums, z + first)
        prefetch_half(ahead, row_stride, 1)
        ahead = <const storage_t*>(<uintptr_t>ahead + GROUP * row_stride * sizeof(storage_t))
        first += GROUP


cdef inline void narrow_backward(
    const storage_t* block, Py_ssize_t n_rows, const storage_t* ahead, Py_ssize_t row_stride,
    Py_ssize_t n_registers, Py_ssize_t rest, const double* factor, vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor; factor is zero past the end of the block."""
    cdef vec_t sums[GROUP * NARROW_REGISTERS]
    cdef vec_t x[NARROW_REGISTERS]
    cdef vec_t weight
    cdef Py_ssize_t first = 0, i, j
    for i in range(GROUP * n_registers):
        fill(0.0, &sums[i])
    while first < n_rows:
        for i in range(GROUP):
            load_row(block + min(first + i, n_rows - 1) * row_stride, n_registers, rest, x)
            fill(factor[first + i], &weight)
            for j in range(n_registers):
                sums[i * n_registers + j] = muladd(x[j], weight, sums[i * n_registers + j])
        prefetch_half(ahead, row_stride, 0)
        ahead = <const storage_t*>(<uintptr_t>ahead + GROUP * row_stride * sizeof(storage_t))
        first += GROUP
    for j in range(n_registers):
        for i in range(GROUP):
            gradient[j] = add(gradient[j], sums[i * n_registers + j])


cdef inline void narrow_sweep(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_registers, Py_ssize_t rest
) noexcept nogil:
    """Both halves, one after the other: blocks of short rows lie in cache anyway."""
    cdef const storage_t* ahead = <const storage_t*>(
        <uintptr_t>new + n_new * row_stride * sizeof(storage_t))
    narrow_backward(old, n_old, ahead, row_stride, n_registers, rest, factor, gradient)
    narrow_forward(new, n_new, ahead, row_stride, n_registers, rest, coef, z)


cdef inline void sweep_narrow_rows(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_features
) noexcept nogil:
    """As rows.sweep_rows, for 1 <= n_features <= NARROW_REGISTERS registers.

    Compiled once for each number of registers, so that they are registers indeed.
    """
    cdef Py_ssize_t rest = n_features % lanes(coef)
    cdef Py_ssize_t n_registers = n_features // lanes(coef) + (1 if rest else 0)
    if n_registers == 1:
        narrow_sweep(old, n_old, factor, gradient, new, n_new, coef, z, row_stride, 1, rest)
    elif n_registers == 2:
        narrow_sweep(old, n_old, factor, gradient, new, n_new, coef, z, row_stride, 2, rest)
    elif n_registers == 3:
        narrow_sweep(old, n_old, factor, gradient, new, n_new, coef, z, row_stride, 3, rest)
    else:
        narrow_sweep(old, n_old, factor, gradient, new, n_new, coef, z, row_stride, 4, rest)
