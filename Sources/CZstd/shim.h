// The zstd library of the system, 1.5 or newer, as a Swift module.
//
// Only the stable API is taken in; ZSTD_STATIC_LINKING_ONLY stays undefined.

#ifndef MUSTER_CZSTD_SHIM_H
#define MUSTER_CZSTD_SHIM_H

#include <zstd.h>

#if ZSTD_VERSION_NUMBER < 10500
#error "Muster needs zstd 1.5 or newer (Debian and Ubuntu: apt-get install libzstd-dev)"
#endif

#endif
