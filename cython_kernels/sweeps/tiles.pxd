"""Products of many lines with many vectors, from cache: the inner loops of a pass for several.

Lines are rows of a C-ordered X or columns of a Fortran-ordered one, as they are stored or in the
compute type. As in lines.pxd one half multiplies them with vectors (dot_lines), the other adds them
up (add_lines); but each element that is loaded serves several vectors, and each vector several
lines, so that the multiply-adds set the pace. A sum is computed in the same order whatever other
vectors there are.
"""

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    fill, held, inlined, lanes, load_some, muladd, prefetch_far, sums_at_once, sums_of_many, vec32,
    vec_t,
)
from cython_kernels.sweeps.lines cimport CACHE_LINE, GROUP, groups_in, name_lines

cdef extern from *:
    """
    /* Sums that are registers: GROUP lines by DOT_VECTORS, ADD_VECTORS by ADD_REGISTERS. */
    enum {
        DOT_VECTORS = VEC_REGISTERS < 32 ? 3 : 4,
        DOT_SUMS = 16,
        ADD_VECTORS = 6,
        ADD_REGISTERS = VEC_REGISTERS / 8,
        ADD_SUMS = ADD_VECTORS * ADD_REGISTERS
    };
    """
    enum:
        DOT_VECTORS
        DOT_SUMS        # in whole turns of sums_of_many
        ADD_VECTORS
        ADD_REGISTERS
        ADD_SUMS

cdef enum:
    STRETCH = 4096          # bytes of a line, and of a vector, that lie in the nearest cache
    NEAR_VECTORS = 8        # that lie there while all lines go by
    NEAR_LINES = 128        # whose ADD_REGISTERS lie there while all vectors go by


cdef inline inlined dot_register(
    const storage_t** lines, Py_ssize_t offset, Py_ssize_t count, const vec_t* vectors,
    Py_ssize_t vector_stride, Py_ssize_t n_vectors, vec_t* sums
) noexcept nogil:
    """sums[v, i] += lines[i] vectors[v] for a register from `offset` on, count as load_some."""
    cdef vec_t weight[DOT_VECTORS]
    cdef vec_t x
    cdef Py_ssize_t i, v
    for v in range(n_vectors):
        weight[v] = held(vectors[v * vector_stride])
    for i in range(GROUP):
        load_some(lines[i] + offset, count, &x)
        x = held(x)
        for v in range(n_vectors):
            sums[v * GROUP + i] = muladd(x, weight[v], sums[v * GROUP + i])


cdef inline inlined dot_vectors(
    const storage_t** lines, Py_ssize_t n_lines, Py_ssize_t n, const vec_t* vectors,
    Py_ssize_t vector_stride, Py_ssize_t n_vectors, double* out, Py_ssize_t out_stride,
    Py_ssize_t out_step
) noexcept nogil:
    """out[v, i] += line i . vector v for a group of lines, of which n_lines are meant."""
    cdef vec_t sums[DOT_SUMS]
    cdef vec_t totals[DOT_SUMS]
    cdef Py_ssize_t whole = n // lanes(vectors), rest = n % lanes(vectors)
    cdef Py_ssize_t r, v, i
    for i in range(DOT_SUMS):
        fill(0.0, &sums[i])
    for r in range(whole):
        dot_register(lines, r * lanes(vectors), 0, vectors + r, vector_stride, n_vectors, sums)
    if rest:
        dot_register(lines, whole * lanes(vectors), rest, vectors + whole, vector_stride,
                     n_vectors, sums)
    for i in range((n_vectors * GROUP + sums_at_once(vectors) - 1) // sums_at_once(vectors)):
        sums_of_many(sums + i * sums_at_once(vectors),
                     totals + i * sums_at_once(vectors) // lanes(vectors))
    for v in range(n_vectors):
        for i in range(n_lines):
            if vec_t is vec32:
                out[v * out_stride + i * out_step] += (<float*>totals)[v * GROUP + i]
            else:
                out[v * out_stride + i * out_step] += (<double*>totals)[v * GROUP + i]


cdef inline void dot_group(
    const storage_t** lines, Py_ssize_t n_lines, Py_ssize_t n, const vec_t* vectors,
    Py_ssize_t vector_stride, Py_ssize_t n_vectors, double* out, Py_ssize_t out_stride,
    Py_ssize_t out_step
) noexcept nogil:
    """dot_vectors, compiled for each number of vectors, so that sums are registers indeed."""
    if n_vectors == DOT_VECTORS and n_lines == GROUP:
        dot_vectors(lines, GROUP, n, vectors, vector_stride, DOT_VECTORS, out, out_stride,
                    out_step)
    elif n_vectors == DOT_VECTORS:
        dot_vectors(lines, n_lines, n, vectors, vector_stride, DOT_VECTORS, out, out_stride,
                    out_step)
    elif n_vectors == 3 and DOT_VECTORS > 3:
        dot_vectors(lines, n_lines, n, vectors, vector_stride, 3, out, out_stride, out_step)
    elif n_vectors == 2 and DOT_VECTORS > 2:
        dot_vectors(lines, n_lines, n, vectors, vector_stride, 2, out, out_stride, out_step)
    else:
        dot_vectors(lines, n_lines, n, vectors, vector_stride, 1, out, out_stride, out_step)


cdef inline void dot_stretch(
    const storage_t** lines, Py_ssize_t n_lines, Py_ssize_t n, const vec_t* vectors,
    Py_ssize_t vector_stride, Py_ssize_t n_vectors, double* out, Py_ssize_t out_stride,
    Py_ssize_t out_step
) noexcept nogil:
    """A stretch of a group of lines with any number of vectors."""
    cdef Py_ssize_t turns = (n_vectors + DOT_VECTORS - 1) // DOT_VECTORS
    cdef Py_ssize_t turn, v, end
    for turn in range(turns):
        v = n_vectors * turn // turns
        end = n_vectors * (turn + 1) // turns
        dot_group(lines, n_lines, n, vectors + v * vector_stride, vector_stride, end - v,
                  out + v * out_stride, out_stride, out_step)


cdef inline void dot_near(
    const storage_t* first, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* vectors, Py_ssize_t vector_stride, Py_ssize_t n_vectors,
    double* out, Py_ssize_t out_stride
) noexcept nogil:
    """dot_lines of few vectors; lines of a group come from all quarters, as in rows.pxd."""
    cdef const storage_t* lines[GROUP]
    cdef Py_ssize_t stretch = STRETCH * lanes(vectors) // <Py_ssize_t>sizeof(vec_t)
    cdef Py_ssize_t n_groups = groups_in(n_lines)
    cdef Py_ssize_t group, j
    for group in range(n_groups):
        j = 0
        while j < n:
            name_lines(first + j, line_stride, group, n_groups, GROUP, n_lines, lines)
            dot_stretch(lines, (n_lines - group + n_groups - 1) // n_groups, min(n - j, stretch),
                        vectors + j // lanes(vectors), vector_stride, n_vectors, out + group,
                        out_stride, n_groups)
            j += stretch


cdef inline void dot_lines(
    const storage_t* first, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* vectors, Py_ssize_t vector_stride, Py_ssize_t n_vectors,
    double* out, Py_ssize_t out_stride
) noexcept nogil:
    """out[k, i] += line i . vector k; vectors are zero past their n-th number."""
    cdef Py_ssize_t v = 0
    while v < n_vectors:
        dot_near(first, line_stride, n_lines, n, vectors + v * vector_stride, vector_stride,
                 min(n_vectors - v, <Py_ssize_t>NEAR_VECTORS), out + v * out_stride, out_stride)
        v += NEAR_VECTORS


cdef inline const vec_t* number_at(const vec_t* registers, Py_ssize_t j) noexcept nogil:
    """The j-th number, not that of a whole register."""
    if vec_t is vec32:
        return <const vec_t*>(<const float*>registers + j)
    else:
        return <const vec_t*>(<const double*>registers + j)


cdef inline void fill_by(const vec_t* numbers, Py_ssize_t j, vec_t* out) noexcept nogil:
    """Every lane of out is the j-th of these numbers."""
    if vec_t is vec32:
        fill((<const float*>numbers)[j], out)
    else:
        fill((<const double*>numbers)[j], out)


cdef inline inlined ask_for(const char* ahead, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Ask for the lines of cache that begin among these bytes."""
    cdef Py_ssize_t at = (begin + CACHE_LINE - 1) & -<Py_ssize_t>CACHE_LINE
    while at < end:
        prefetch_far(ahead + at)
        at += CACHE_LINE


cdef inline inlined add_registers(
    const storage_t* line, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n_registers,
    Py_ssize_t count, const vec_t* factors, Py_ssize_t factor_stride, Py_ssize_t n_vectors,
    vec_t* target, Py_ssize_t target_stride, const char* ahead, Py_ssize_t step
) noexcept nogil:
    """target[v] += sum_i factors[v, i] line i for n_registers, of the last of which count.

    Meanwhile it asks, line by line, for `step` bytes from `ahead` on, unless that is NULL.
    """
    cdef vec_t sums[ADD_SUMS]
    cdef vec_t x[ADD_REGISTERS]
    cdef vec_t factor
    cdef Py_ssize_t i, v, r
    for v in range(n_vectors):
        for r in range(n_registers):
            sums[v * n_registers + r] = target[v * target_stride + r]
        prefetch_far(target + v * target_stride + n_registers)      # those of the next lines
    for i in range(n_lines):
        for r in range(n_registers):
            load_some(line + r * lanes(target), count, &x[r])
        for v in range(n_vectors):
            fill_by(factors, v * factor_stride + i, &factor)
            for r in range(n_registers):
                sums[v * n_registers + r] = muladd(x[r], factor, sums[v * n_registers + r])
        if ahead != NULL:
            ask_for(ahead, i * step, (i + 1) * step)
        line += line_stride
    for v in range(n_vectors):
        for r in range(n_registers):
            target[v * target_stride + r] = sums[v * n_registers + r]


cdef inline void add_vectors(
    const storage_t* line, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n_registers,
    Py_ssize_t count, const vec_t* factors, Py_ssize_t factor_stride, Py_ssize_t n,
    vec_t* target, Py_ssize_t target_stride, const char* ahead, Py_ssize_t step
) noexcept nogil:
    """add_registers, compiled for each number of vectors."""
    if n == 6:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 6,
                      target, target_stride, ahead, step)
    elif n == 5:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 5,
                      target, target_stride, ahead, step)
    elif n == 4:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 4,
                      target, target_stride, ahead, step)
    elif n == 3:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 3,
                      target, target_stride, ahead, step)
    elif n == 2:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 2,
                      target, target_stride, ahead, step)
    else:
        add_registers(line, line_stride, n_lines, n_registers, count, factors, factor_stride, 1,
                      target, target_stride, ahead, step)


cdef inline void add_stretch(
    const storage_t* line, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* factors, Py_ssize_t factor_stride, Py_ssize_t n_vectors,
    vec_t* target, Py_ssize_t target_stride, const char* ahead, Py_ssize_t ahead_size
) noexcept nogil:
    """The n next elements of add_lines, which are ADD_REGISTERS or fewer than a register."""
    cdef Py_ssize_t turns = (n_vectors + ADD_VECTORS - 1) // ADD_VECTORS
    cdef Py_ssize_t step = (n * ahead_size + turns - 1) // turns
    cdef Py_ssize_t turn, v, end
    for turn in range(turns):
        v = n_vectors * turn // turns
        end = n_vectors * (turn + 1) // turns
        if n == ADD_REGISTERS * lanes(target):
            add_vectors(line, line_stride, n_lines, ADD_REGISTERS, 0,
                        number_at(factors, v * factor_stride), factor_stride, end - v,
                        target + v * target_stride, target_stride, ahead, step)
        else:
            add_vectors(line, line_stride, n_lines, 1, n % lanes(target),
                        number_at(factors, v * factor_stride), factor_stride, end - v,
                        target + v * target_stride, target_stride, ahead, step)
        if ahead != NULL:
            ahead += n_lines * step


cdef inline void add_lines(
    const storage_t* first, Py_ssize_t line_stride, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* factors, Py_ssize_t factor_stride, Py_ssize_t n_vectors,
    vec_t* target, Py_ssize_t target_stride, const char* ahead, Py_ssize_t ahead_size
) noexcept nogil:
    """target[k] += sum_i factors[k, i] line i; see add_registers."""
    cdef Py_ssize_t i = 0, j, count, width
    while i < n_lines:
        count = min(n_lines - i, <Py_ssize_t>NEAR_LINES)
        j = 0
        while j < n:
            width = ADD_REGISTERS * lanes(target)
            if width > n - j:
                width = min(n - j, lanes(target))
            add_stretch(first + i * line_stride + j, line_stride, count, width,
                        number_at(factors, i), factor_stride, n_vectors,
                        target + j // lanes(target), target_stride, ahead, ahead_size)
            if ahead != NULL:
                ahead += count * width * ahead_size
            j += width
        i += NEAR_LINES
