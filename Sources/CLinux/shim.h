// The calls of Linux that Swift's Glibc module does not show.
//
// Headers only: nothing is compiled or linked for it.

#ifndef MUSTER_CLINUX_SHIM_H
#define MUSTER_CLINUX_SHIM_H

// No header that Swift's Glibc module has as well: its declarations would belong to this module too, and a file that imports only
// Glibc would see them or not, as the order of the build has it.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

// Hidden by the C library unless _GNU_SOURCE is defined before its first header, which a module cannot do for others.
struct sockaddr;
int accept4(int socket, struct sockaddr *address, unsigned int *length, int flags);
int pthread_setname_np(unsigned long thread, const char *name);

#endif
