// fallocate(2), which fcntl.h shows only with _GNU_SOURCE. See shim.h for why no header of the C library is included.

#ifndef MUSTER_CLINUX_FALLOCATE_H
#define MUSTER_CLINUX_FALLOCATE_H

// 64 bits wide on every platform; `fallocate` is only where `off_t` is.
int fallocate64(int descriptor, int mode, long long offset, long long count);

static inline int muster_fallocate(int descriptor, long long offset, long long count) {
  return fallocate64(descriptor, 0, offset, count);
}

#endif
