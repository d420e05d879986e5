// The CRC-32C instruction of the processor, where there is one.
//
// Header only. `muster_crc32c_is_hardware` decides at run time; without the instruction the Swift side has a table.

#ifndef MUSTER_CLINUX_CRC32C_H
#define MUSTER_CLINUX_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static inline uint32_t muster_crc32c(uint32_t crc, const void *bytes, size_t count) {
  const unsigned char *p = (const unsigned char *)bytes;
  uint64_t state = crc;
  for (; count >= 8; count -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  uint32_t low = (uint32_t)state;
  for (; count > 0; count--, p++) low = __builtin_ia32_crc32qi(low, *p);
  return low;
}

static inline int muster_crc32c_is_hardware(void) {
  uint32_t eax = 1, ebx, ecx = 0, edx;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ecx >> 20) & 1;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

static inline uint32_t muster_crc32c(uint32_t crc, const void *bytes, size_t count) {
  const unsigned char *p = (const unsigned char *)bytes;
  for (; count >= 8; count -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __builtin_arm_crc32cd(crc, word);
  }
  for (; count > 0; count--, p++) crc = __builtin_arm_crc32cb(crc, *p);
  return crc;
}

static inline int muster_crc32c_is_hardware(void) { return 1; }

#else

static inline uint32_t muster_crc32c(uint32_t crc, const void *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

static inline int muster_crc32c_is_hardware(void) { return 0; }

#endif

#endif
