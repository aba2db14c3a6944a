/* The size of the second cache of a core, as the operating system tells it. */
#ifndef FUSEDLOGIT_CACHES_H
#define FUSEDLOGIT_CACHES_H

#include <stddef.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__unix__)
#include <unistd.h>
#endif

/* Taken where it is not told: processors of the last years have at least as much. */
enum { USUAL_SECOND_CACHE = 512 << 10 };

static inline ptrdiff_t ask_second_cache(void) {
#if defined(__APPLE__)
    long long bytes = 0;
    size_t size = sizeof bytes;
    if (sysctlbyname("hw.l2cachesize", &bytes, &size, NULL, 0) == 0 && bytes > 0)
        return (ptrdiff_t)bytes;
#elif defined(_SC_LEVEL2_CACHE_SIZE)
    long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0) return bytes;
#endif
    return USUAL_SECOND_CACHE;
}

/* Asked for once. Threads that ask at the same time find the same. */
static inline ptrdiff_t second_cache(void) {
    static ptrdiff_t known = 0;
    if (known == 0) known = ask_second_cache();
    return known;
}

#endif
