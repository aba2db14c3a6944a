/* Which instruction-set level the processor and the operating system both support.
 *
 * Compiled without architecture flags. cpuid tells what the processor can do; xgetbv whether the
 * operating system saves the wide registers, without which their use would crash.
 */
#ifndef FUSEDLOGIT_CPU_H
#define FUSEDLOGIT_CPU_H

enum { LEVEL_BASELINE = 0, LEVEL_AVX2 = 1, LEVEL_AVX512 = 2 };

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER)
#include <intrin.h>
static void cpuid(int leaf, int subleaf, unsigned r[4]) { __cpuidex((int *)r, leaf, subleaf); }
static unsigned saved_state(void) { return (unsigned)_xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(int leaf, int subleaf, unsigned r[4]) {
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
}
static unsigned saved_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

static int bits_set(unsigned value, unsigned wanted) { return (value & wanted) == wanted; }

static int cpu_level(void) {
    enum { EBX = 1, ECX = 2 };
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    const unsigned avx2 = 1u << 5;
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned avx512_vnni = 1u << 11;
    const unsigned ymm_saved = 0x06, zmm_saved = 0xe6;
    unsigned r[4];
    cpuid(0, 0, r);
    if (r[0] < 7) return LEVEL_BASELINE;
    cpuid(1, 0, r);
    if (!bits_set(r[ECX], fma | osxsave | avx | f16c)) return LEVEL_BASELINE;
    if (!bits_set(saved_state(), ymm_saved)) return LEVEL_BASELINE;
    cpuid(7, 0, r);
    if (!bits_set(r[EBX], avx2)) return LEVEL_BASELINE;
    if (!bits_set(r[EBX], avx512) || !bits_set(r[ECX], avx512_vnni)) return LEVEL_AVX2;
    return bits_set(saved_state(), zmm_saved) ? LEVEL_AVX512 : LEVEL_AVX2;
}

#else

static int cpu_level(void) { return LEVEL_BASELINE; }

#endif

#endif
