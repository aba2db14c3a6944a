"""Products of lines with one vector, both in float64 registers with zeros behind, from cache.

As in tiles.pxd; but with one vector alone it takes more lines at a time for as many sums.
"""

from cython_kernels.registers.vector cimport (
    VEC64_LANES, fill, load_some, muladd, sums_at_once, sums_of_many, vec64,
)

cdef enum:
    LINES = 8


cdef inline void dot_some(
    const double* first, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n_registers,
    const vec64* vector, double* out
) noexcept nogil:
    """out[i] += line i . vector, of LINES lines or fewer."""
    cdef vec64 sums[LINES]
    cdef vec64 totals[LINES]
    cdef vec64 x
    cdef Py_ssize_t at_once = sums_at_once(vector)
    cdef Py_ssize_t i, r
    for i in range(LINES):
        fill(0.0, &sums[i])
    for r in range(n_registers):
        for i in range(n_lines):
            load_some(first + i * line_stride + r * VEC64_LANES, 0, &x)
            sums[i] = muladd(x, vector[r], sums[i])
    for i in range(LINES // at_once):
        sums_of_many(sums + i * at_once, totals + i * at_once // VEC64_LANES)
    for i in range(n_lines):
        out[i] += (<double*>totals)[i]


cdef inline void dot_with_one(
    const double* first, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n_registers,
    const vec64* vector, double* out
) noexcept nogil:
    """out[i] += line i . vector."""
    cdef Py_ssize_t i = 0
    while i + LINES <= n_lines:
        dot_some(first + i * line_stride, line_stride, LINES, n_registers, vector, out + i)
        i += LINES
    if i < n_lines:
        dot_some(first + i * line_stride, line_stride, n_lines - i, n_registers, vector, out + i)
