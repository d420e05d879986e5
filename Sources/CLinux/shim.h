// The calls of Linux that Swift's Glibc module does not show.
//
// Headers only: nothing is compiled or linked for it.

#ifndef MUSTER_CLINUX_SHIM_H
#define MUSTER_CLINUX_SHIM_H

#include <sys/epoll.h>
#include <sys/timerfd.h>

#endif
