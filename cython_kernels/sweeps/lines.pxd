"""The inner loop of every pass: a sweep along four lines of X at a time.

A line is a row of a C-ordered X or (a stretch of) a column of a Fortran-ordered one. One sweep
does two things, either of which may be left out:

    target += sum_i factor[i] added[i]      lines scaled and added: rows into the gradient
    out[i]  = dotted[i] . weight            lines multiplied: rows with the coefficients

Four lines share every load of weight and every load and store of target. The lines to add lie in
cache, those to multiply come from memory (for columns the other way round): doing both in one
loop keeps memory busy all the time, not in every second loop only. A group of fewer lines names
one of them several times. weight and target are whole registers, padded with zeros, in the
precision the pass computes in.
"""

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    fill, lanes, load_some, muladd, prefetch, prefetch_far, sums_of_four, vec_t,
)

cdef enum:
    GROUP = 4
    CACHE_LINE = 64

cdef enum Fetch:            # where memory ahead is asked into
    NEAR                    # the nearest cache
    FAR                     # the second one
    NOWHERE                 # it comes as the processor sees fit


cdef inline Py_ssize_t groups_in(Py_ssize_t n_lines) noexcept nogil:
    return (n_lines + GROUP - 1) // GROUP


cdef inline void name_lines(
    const storage_t* first, Py_ssize_t stride, Py_ssize_t begin, Py_ssize_t count,
    Py_ssize_t n_lines, const storage_t** lines
) noexcept nogil:
    """Point at `count` lines from `begin` on; past the end, at the last again."""
    cdef Py_ssize_t i
    for i in range(count):
        lines[i] = first + min(begin + i, n_lines - 1) * stride


cdef inline void name_group(
    const storage_t* first, Py_ssize_t stride, Py_ssize_t group, Py_ssize_t n_lines,
    const storage_t** lines
) noexcept nogil:
    """Point at the lines of a group."""
    name_lines(first, stride, group * GROUP, GROUP, n_lines, lines)


cdef inline void add_register(
    const storage_t** lines, Py_ssize_t n_lines, const vec_t* factor, Py_ssize_t offset,
    Py_ssize_t count, vec_t* target
) noexcept nogil:
    """target += sum_i factor[i] lines[i] for a register from `offset` on, count as load_some."""
    cdef vec_t x
    cdef vec_t sum = target[0]
    cdef Py_ssize_t i
    for i in range(n_lines):
        load_some(lines[i] + offset, count, &x)
        sum = muladd(x, factor[i], sum)
    target[0] = sum


cdef inline void dot_register(
    const storage_t** lines, Py_ssize_t n_lines, const vec_t* weight, Py_ssize_t offset,
    Py_ssize_t count, vec_t* sums
) noexcept nogil:
    """sums[i] += lines[i] weight, likewise."""
    cdef vec_t x
    cdef Py_ssize_t i
    for i in range(n_lines):
        load_some(lines[i] + offset, count, &x)
        sums[i] = muladd(x, weight[0], sums[i])


cdef inline void sweep_register(
    const storage_t** added, const vec_t* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, vec_t* sums,
    Py_ssize_t offset, Py_ssize_t count, bint adding, bint dotting
) noexcept nogil:
    """One register of a sweep; the flags are constants where this is inlined."""
    if adding:
        add_register(added, GROUP, factor, offset, count, target)
    if dotting:
        dot_register(dotted, GROUP, weight, offset, count, sums)


cdef inline void ask(const storage_t** ahead, Py_ssize_t offset, Fetch fetch) noexcept nogil:
    """Ask for a cache line of every line."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        if fetch == NEAR:
            prefetch(ahead[i] + offset)
        elif fetch == FAR:
            prefetch_far(ahead[i] + offset)


cdef inline void sweep(
    const storage_t** added, const double* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, double* out,
    const storage_t** ahead, Fetch fetch, Py_ssize_t n, bint adding, bint dotting
) noexcept nogil:
    """A sweep over n elements, asking for the memory at `ahead` on the way."""
    cdef Py_ssize_t width = lanes(target)
    cdef Py_ssize_t in_cache_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * width)
    cdef Py_ssize_t n_whole = n // width
    cdef Py_ssize_t rest = n % width
    cdef Py_ssize_t c, j, i
    cdef vec_t factors[GROUP]
    cdef vec_t sums[GROUP]
    for i in range(GROUP):
        fill(0.0, &sums[i])
        fill(factor[i] if adding else 0.0, &factors[i])
    for c in range(n_whole // in_cache_line):
        ask(ahead, c * in_cache_line * width, fetch)
        for j in range(c * in_cache_line, (c + 1) * in_cache_line):
            sweep_register(added, factors, target + j, dotted, weight + j, sums, j * width, 0,
                           adding, dotting)
    for j in range(n_whole // in_cache_line * in_cache_line, n_whole):
        sweep_register(added, factors, target + j, dotted, weight + j, sums, j * width, 0,
                       adding, dotting)
    if rest:
        sweep_register(added, factors, target + n_whole, dotted, weight + n_whole, sums,
                       n_whole * width, rest, adding, dotting)
    if dotting:
        sums_of_four(sums, out)


cdef inline void sweep_group(
    const storage_t** added, const double* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, double* out,
    const storage_t** ahead, Fetch fetch, Py_ssize_t n, bint adding, bint dotting
) noexcept nogil:
    """A sweep, compiled once for each pair of halves."""
    if adding and dotting:
        sweep(added, factor, target, dotted, weight, out, ahead, fetch, n, True, True)
    elif adding:
        sweep(added, factor, target, dotted, weight, out, ahead, fetch, n, True, False)
    elif dotting:
        sweep(added, factor, target, dotted, weight, out, ahead, fetch, n, False, True)
