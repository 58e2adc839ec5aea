// Copyright 2026 viam_session_bridge contributors
// SPDX-License-Identifier: Apache-2.0
//
// A wall clock that can be stepped for one process: preloaded, it adds the seconds written in the
// file WALL_CLOCK_STEP (a double, mapped) to what the C library says about the time of day. The
// machine's clock is not touched. Waits until a time of day are given to the kernel in its own.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile double *step;

__attribute__((constructor)) static void open_step(void) {
  const char *path = getenv("WALL_CLOCK_STEP");
  int file = path ? open(path, O_RDONLY) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) step = memory;
  close(file);
}

static time_t seconds(void) { return step ? (time_t)*step : 0; }

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *out) {
  REAL(clock_gettime);
  int result = real(clock, out);
  if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    out->tv_sec += seconds();
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  REAL(gettimeofday);
  int result = real(out, zone);
  if (!result) out->tv_sec += seconds();
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

static struct timespec in_kernels_time(const struct timespec *until) {
  struct timespec moved = *until;
  moved.tv_sec -= seconds();
  return moved;
}

// glibc keeps the clock of a condition in bit 1 of this word; 0 is the wall clock.
static int waits_by_wall(pthread_cond_t *condition) {
  return !(condition->__data.__wrefs & 2);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  REAL(pthread_cond_timedwait);
  struct timespec moved = in_kernels_time(until);
  return real(condition, mutex, waits_by_wall(condition) ? &moved : until);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict until) {
  REAL(pthread_cond_clockwait);
  struct timespec moved = in_kernels_time(until);
  return real(condition, mutex, clock, clock == CLOCK_REALTIME ? &moved : until);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                            const struct timespec *restrict until) {
  REAL(pthread_mutex_timedlock);
  struct timespec moved = in_kernels_time(until);
  return real(mutex, &moved);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  REAL(sem_timedwait);
  struct timespec moved = in_kernels_time(until);
  return real(semaphore, &moved);
}
