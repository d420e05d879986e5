// fallocate(2), which fcntl.h shows only with _GNU_SOURCE.

#ifndef MUSTER_CLINUX_FALLOCATE_H
#define MUSTER_CLINUX_FALLOCATE_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int muster_fallocate(int descriptor, int64_t offset, int64_t count) {
  return (int)syscall(SYS_fallocate, descriptor, 0, offset, count);
}

#endif
