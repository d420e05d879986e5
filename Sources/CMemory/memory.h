// What Swift has no words for about memory: to ask for it ahead of time, in the cache and from the system, and to have it in large pages.
//
// One header without includes, for every Unix that clang compiles for. The calls are declared where they are used, so that they do
// not become this module's.

#ifndef MUSTER_CMEMORY_H
#define MUSTER_CMEMORY_H

// Brings the cache line of an address on its way to the first-level cache, and does not wait for it.
//
// Nothing is read as far as the program can tell: any address will do, also one that may not be read.
static inline __attribute__((__always_inline__)) void muster_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
}

// Maps zeroed memory that begins at a multiple of its page size, 2 MiB, and asks for large pages; `bytes` is a multiple of it too.
// Null when there is none.
static inline void *muster_map_large(unsigned long bytes) {
  void *mmap(void *address, unsigned long bytes, int protection, int flags, int file, long offset);
  int munmap(void *address, unsigned long bytes);
  const unsigned long page = 2ul << 20;
#if defined(__linux__)
  const int flags = 0x02 | 0x20;  // MAP_PRIVATE | MAP_ANONYMOUS
#else
  const int flags = 0x0002 | 0x1000;  // the same for Darwin and the BSDs
#endif
  // More than is needed, and what sticks out at both ends is given back.
  char *mapped = mmap(0, bytes + page, 0x1 | 0x2 /* PROT_READ | PROT_WRITE */, flags, -1, 0);
  if (mapped == (char *)-1) return 0;
  unsigned long before = (page - (unsigned long)mapped % page) % page;
  if (before != 0) munmap(mapped, before);
  munmap(mapped + before + bytes, page - before);
#if defined(__linux__)
  // A wish: where the system has no large pages, the memory serves as well, and a little slower.
  int madvise(void *address, unsigned long bytes, int advice);
  madvise(mapped + before, bytes, 14 /* MADV_HUGEPAGE */);
#endif
  return mapped + before;
}

// Gives the memory of a range of whole pages back and keeps the addresses: it reads as zero from now on.
static inline void muster_release(void *address, unsigned long bytes) {
#if defined(__linux__)
  int madvise(void *address, unsigned long bytes, int advice);
  madvise(address, bytes, 4 /* MADV_DONTNEED */);
#else
  void *mmap(void *address, unsigned long bytes, int protection, int flags, int file, long offset);
  mmap(address, bytes, 0x1 | 0x2, 0x0002 | 0x1000 | 0x0010 /* MAP_FIXED */, -1, 0);
#endif
}

#endif
