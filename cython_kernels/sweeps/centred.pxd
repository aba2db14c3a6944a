"""Sweeps along lines of features (x - center) unit in float64, whatever X is stored as.

Where columns have means that are large for their spread, or units far from one, sums of x itself
lose the digits that tell rows apart. Here each element is widened, and centred and brought to a
common unit in the register, before it is multiplied: as x unit + shift with shift = -center unit.
unit is a power of two, so that shift is exact and the one rounding of that multiply-add is the
feature's own.
"""

from libc.stdint cimport uintptr_t

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    VEC64_LANES, fill, load_some, muladd, prefetch_far, sums_of_four, vec64,
)
from cython_kernels.sweeps.lines cimport CACHE_LINE, GROUP


cdef inline vec64 feature(
    const storage_t* x, Py_ssize_t count, vec64 unit, vec64 shift
) noexcept nogil:
    """A register of features, of which the first count are meant; of all if it is 0."""
    cdef vec64 result
    load_some(x, count, &result)
    return muladd(result, unit, shift)


cdef inline void add_register(
    const storage_t** lines, Py_ssize_t r, Py_ssize_t count, const vec64* unit, const vec64* shift,
    bint by_line, const vec64* factors, vec64* target
) noexcept nogil:
    """Register r of add_lines, of which the first count elements are meant; all if it is 0."""
    cdef vec64 sum = target[r]
    cdef Py_ssize_t i, u
    for i in range(GROUP):
        u = i if by_line else r
        sum = muladd(feature(lines[i] + r * VEC64_LANES, count, unit[u], shift[u]), factors[i],
                     sum)
    target[r] = sum


cdef inline void add_lines(
    const storage_t** lines, Py_ssize_t n, const vec64* unit, const vec64* shift, bint by_line,
    const vec64* factors, vec64* target, Py_ssize_t ahead
) noexcept nogil:
    """target += sum_i factors[i] features of line i, asking for those `ahead` elements on, if any.

    Lines are rows, whose registers each have a unit and a shift, or (by_line) columns.
    """
    cdef Py_ssize_t in_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * VEC64_LANES)
    cdef Py_ssize_t whole = n // VEC64_LANES
    cdef Py_ssize_t i, r
    for r in range(whole):
        if ahead and r % in_line == 0:
            for i in range(GROUP):
                prefetch_far(<const char*>(
                    <uintptr_t>lines[i] + (r * VEC64_LANES + ahead) * sizeof(storage_t)))
        add_register(lines, r, 0, unit, shift, by_line, factors, target)
    if n % VEC64_LANES:
        add_register(lines, whole, n % VEC64_LANES, unit, shift, by_line, factors, target)


cdef inline void dot_register(
    const storage_t** lines, Py_ssize_t r, Py_ssize_t count, const vec64* unit, const vec64* shift,
    bint by_line, const vec64* weight, vec64* sums
) noexcept nogil:
    """Register r of dot_lines, likewise."""
    cdef Py_ssize_t i, u
    for i in range(GROUP):
        u = i if by_line else r
        sums[i] = muladd(feature(lines[i] + r * VEC64_LANES, count, unit[u], shift[u]), weight[r],
                         sums[i])


cdef inline void dot_lines(
    const storage_t** lines, Py_ssize_t n, const vec64* unit, const vec64* shift, bint by_line,
    const vec64* weight, double* out
) noexcept nogil:
    """out[i] = features of line i times weight, which is zero past the n-th."""
    cdef Py_ssize_t whole = n // VEC64_LANES
    cdef vec64 sums[GROUP]
    cdef Py_ssize_t i, r
    for i in range(GROUP):
        fill(0.0, &sums[i])
    for r in range(whole):
        dot_register(lines, r, 0, unit, shift, by_line, weight, sums)
    if n % VEC64_LANES:
        dot_register(lines, whole, n % VEC64_LANES, unit, shift, by_line, weight, sums)
    sums_of_four(sums, out)
