// The calls of Linux that Swift's Glibc module does not show.
//
// Headers only: nothing is compiled or linked for it.

#ifndef MUSTER_CLINUX_SHIM_H
#define MUSTER_CLINUX_SHIM_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <pthread.h>

// Hidden by the C library unless _GNU_SOURCE is defined before its first header, which a module cannot do for others.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);

#endif
