/* The team of OpenMP threads that walks through a parallel region: one where there is none. */
#ifndef FUSEDLOGIT_TEAM_H
#define FUSEDLOGIT_TEAM_H

#ifdef _OPENMP

#include <omp.h>

static inline int team_rank(void) { return omp_get_thread_num(); }
static inline int team_size(void) { return omp_get_num_threads(); }
static inline double team_seconds(void) { return omp_get_wtime(); }

/* Until every thread of the team has come here. */
static inline void team_wait(void) {
#if defined(_MSC_VER) && !defined(__clang__)
    __pragma(omp barrier)
#else
    _Pragma("omp barrier")
#endif
}

#else

static inline int team_rank(void) { return 0; }
static inline int team_size(void) { return 1; }
static inline double team_seconds(void) { return 0; }   /* no clock that all systems have */
static inline void team_wait(void) {}

#endif

#endif
