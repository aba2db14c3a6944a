"""The inner loop of every pass: a sweep along four lines of X at a time.

A line is a row of a C-ordered X or (a stretch of) a column of a Fortran-ordered one. One sweep
does two things, either of which may be left out:

    target += sum_i factor[i] added[i]      lines scaled and added: rows into the gradient
    out[i]  = dotted[i] . weight            lines multiplied: rows with the coefficients

The lines of a group share every load of weight and every load and store of target. The lines to
add lie in cache, those to multiply come from memory (for columns the other way round): doing both
in one loop keeps memory busy all the time, where the caches hold old lines and new. A sweep of one
half has registers for more lines. A group of fewer lines names one of them several times. weight
and target are whole registers, padded with zeros, in the precision the pass computes in.
"""

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    fill, lanes, load_some, muladd, prefetch, prefetch_far, sums_of_four, vec_t,
)

cdef enum:
    GROUP = 4               # lines of a sweep of both halves
    LARGE_GROUP = 6         # or of one half
    TARGETS = 4             # registers of target at a time, where lines are only added
    CACHE_LINE = 64

cdef enum Fetch:            # where memory ahead is asked into
    NEAR                    # the nearest cache
    FAR                     # the second one
    NOWHERE                 # it comes as the processor sees fit


cdef inline Py_ssize_t groups_in(Py_ssize_t n_lines) noexcept nogil:
    return (n_lines + GROUP - 1) // GROUP


cdef inline void name_lines(
    const storage_t* first, Py_ssize_t stride, Py_ssize_t begin, Py_ssize_t step, Py_ssize_t count,
    Py_ssize_t n_lines, const storage_t** lines
) noexcept nogil:
    """Point at `count` lines, `step` apart, from `begin` on; past the end, at the last again."""
    cdef Py_ssize_t i
    for i in range(count):
        lines[i] = first + min(begin + i * step, n_lines - 1) * stride


cdef inline void add_registers(
    const storage_t** lines, Py_ssize_t n_lines, const vec_t* factor, Py_ssize_t offset,
    Py_ssize_t count, Py_ssize_t n_registers, vec_t* target
) noexcept nogil:
    """target += sum_i factor[i] lines[i] for some registers from `offset` on, count as load_some.

    Side by side: the sum of one is a chain, in which each step waits for the last.
    """
    cdef vec_t x
    cdef vec_t sums[TARGETS]
    cdef Py_ssize_t i, k
    for k in range(n_registers):
        sums[k] = target[k]
    for i in range(n_lines):
        for k in range(n_registers):
            load_some(lines[i] + offset + k * lanes(target), count, &x)
            sums[k] = muladd(x, factor[i], sums[k])
    for k in range(n_registers):
        target[k] = sums[k]


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
    const storage_t** dotted, const vec_t* weight, vec_t* sums, Py_ssize_t n_lines,
    Py_ssize_t offset, Py_ssize_t count, bint adding, bint dotting
) noexcept nogil:
    """One register of a sweep; n_lines and the flags are constants where this is inlined."""
    if adding:
        add_registers(added, n_lines, factor, offset, count, 1, target)
    if dotting:
        dot_register(dotted, n_lines, weight, offset, count, sums)


cdef inline void sweep_cache_line(
    const storage_t** added, const vec_t* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, vec_t* sums, Py_ssize_t n_lines,
    Py_ssize_t offset, Py_ssize_t n_registers, bint adding, bint dotting
) noexcept nogil:
    """The registers that a cache line of X fills, likewise."""
    cdef Py_ssize_t j = 0
    while j < n_registers:
        if adding and not dotting and n_registers >= TARGETS:
            add_registers(added, n_lines, factor, offset + j * lanes(target), 0, TARGETS,
                          target + j)
            j += TARGETS
        else:
            sweep_register(added, factor, target + j, dotted, weight + j, sums, n_lines,
                           offset + j * lanes(target), 0, adding, dotting)
            j += 1


cdef inline void ask(
    const storage_t** ahead, Py_ssize_t n_lines, Py_ssize_t offset, Fetch fetch
) noexcept nogil:
    """Ask for a cache line of every line."""
    cdef Py_ssize_t i
    for i in range(n_lines):
        if fetch == NEAR:
            prefetch(ahead[i] + offset)
        elif fetch == FAR:
            prefetch_far(ahead[i] + offset)


cdef inline void sweep(
    const storage_t** added, const double* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, double* out, Py_ssize_t n_lines,
    const storage_t** ahead, Fetch fetch, Py_ssize_t n, bint adding, bint dotting
) noexcept nogil:
    """A sweep over n elements, asking for the memory at `ahead` on the way."""
    cdef Py_ssize_t width = lanes(target)
    cdef Py_ssize_t in_cache_line = CACHE_LINE // (<Py_ssize_t>sizeof(storage_t) * width)
    cdef Py_ssize_t n_whole = n // width
    cdef Py_ssize_t rest = n % width
    cdef Py_ssize_t c, j, i
    cdef vec_t factors[LARGE_GROUP]
    cdef vec_t sums[2 * GROUP]
    for i in range(2 * GROUP):
        fill(0.0, &sums[i])
    for i in range(n_lines):
        fill(factor[i] if adding else 0.0, &factors[i])
    for c in range(n_whole // in_cache_line):
        j = c * in_cache_line
        ask(ahead, n_lines, j * width, fetch)
        sweep_cache_line(added, factors, target + j, dotted, weight + j, sums, n_lines, j * width,
                         in_cache_line, adding, dotting)
    for j in range(n_whole // in_cache_line * in_cache_line, n_whole):
        sweep_register(added, factors, target + j, dotted, weight + j, sums, n_lines, j * width, 0,
                       adding, dotting)
    if rest:
        sweep_register(added, factors, target + n_whole, dotted, weight + n_whole, sums, n_lines,
                       n_whole * width, rest, adding, dotting)
    if dotting:
        sums_of_four(sums, out)
        if n_lines > GROUP:
            sums_of_four(sums + GROUP, out + GROUP)


cdef inline void sweep_group(
    const storage_t** added, const double* factor, vec_t* target,
    const storage_t** dotted, const vec_t* weight, double* out, Py_ssize_t n_lines,
    const storage_t** ahead, Fetch fetch, Py_ssize_t n, bint adding, bint dotting
) noexcept nogil:
    """A sweep of GROUP or, where one half is left out, of LARGE_GROUP lines; out has room for 8.

    Compiled once for each.
    """
    if adding and dotting:
        sweep(added, factor, target, dotted, weight, out, GROUP, ahead, fetch, n, True, True)
    elif adding and n_lines == GROUP:
        sweep(added, factor, target, dotted, weight, out, GROUP, ahead, fetch, n, True, False)
    elif adding:
        sweep(added, factor, target, dotted, weight, out, LARGE_GROUP, ahead, fetch, n, True,
              False)
    elif n_lines == GROUP:
        sweep(added, factor, target, dotted, weight, out, GROUP, ahead, fetch, n, False, True)
    else:
        sweep(added, factor, target, dotted, weight, out, LARGE_GROUP, ahead, fetch, n, False,
              True)
