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

// Has the system give memory to a range before anybody touches it. No byte changes, and nothing happens to what is not mapped.
//
// Without effect where the system cannot: Linux before 5.14, and everything else.
static inline void muster_populate(void *address, unsigned long bytes) {
#if defined(__linux__)
  int madvise(void *address, unsigned long bytes, int advice);
  madvise(address, bytes, 23 /* MADV_POPULATE_WRITE */);
#else
  (void)address;
  (void)bytes;
#endif
}

// Gives back what `muster_map_large` has mapped.
static inline void muster_unmap_large(void *address, unsigned long bytes) {
  int munmap(void *address, unsigned long bytes);
  munmap(address, bytes);
}

#endif
