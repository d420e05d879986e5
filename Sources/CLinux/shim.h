// The calls of Linux that Swift's Glibc module does not show.
//
// Headers only: nothing is compiled or linked for it.

#ifndef MUSTER_CLINUX_SHIM_H
#define MUSTER_CLINUX_SHIM_H

// No header that Swift's Glibc module has as well: its declarations would belong to this module too, and a file that imports only
// Glibc would see them or not, as the order of the build has it.
#include <asm/unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

// Hidden by the C library unless _GNU_SOURCE is defined before its first header, which a module cannot do for others.
struct sockaddr;
int accept4(int socket, struct sockaddr *address, unsigned int *length, int flags);
int pthread_setname_np(unsigned long thread, const char *name);
// Of glibc alone: gives freed memory back to the system.
int malloc_trim(unsigned long keep);

// Gives the free memory of the allocator back to the system, so that a process' memory is what it uses.
static inline void muster_trim_memory(void) {
  int malloc_trim(unsigned long keep);
  malloc_trim(0);
}

// Starting a program with what `posix_spawn` cannot do: a processor of its own, and an end with whoever started it. The calls
// are declared where they are used, so that they do not become this module's.

// Lets the calling thread run on one processor only, the first being 0, or on all when it is negative; 0, or −1 with errno.
static inline int muster_pin(int processor) {
  long syscall(long number, ...);
  unsigned long set[16] = {0};
  int bits = 8 * sizeof set[0];
  if (processor >= 16 * bits) return -1;
  for (int word = 0; word < 16; word++) set[word] = processor < 0 ? ~0ul : 0;
  if (processor >= 0) set[processor / bits] = 1ul << processor % bits;
  return (int)syscall(__NR_sched_setaffinity, 0, sizeof set, set);
}

// Starts a program in a process group of its own, which the kernel kills when the thread that started it ends, however that
// comes about. `processor` is the only one it may run on; negative, it may run on all, also when whoever starts it may not. Between fork and exec there are only calls that a
// signal handler may make. The result is its id, or −1 with errno.
static inline int muster_spawn(
    const char *path, char *const *arguments, char *const *environment, int input, int output, int error, int processor) {
  int fork(void);
  int setpgid(int process, int group);
  int dup2(int from, int to);
  int prctl(int option, ...);
  int execve(const char *path, char *const arguments[], char *const environment[]);
  void _exit(int status) __attribute__((__noreturn__));
  int child = fork();
  if (child != 0) return child;
  setpgid(0, 0);
  prctl(1 /* PR_SET_PDEATHSIG */, 9 /* SIGKILL */, 0, 0, 0);
  muster_pin(processor);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) _exit(126);
  execve(path, arguments, environment);
  _exit(127);
}

#endif
