#if os(Linux)
  import Glibc

  /// The system's monotonic clock, in nanoseconds.
  ///
  /// For the timeouts of sockets and the rhythm of turns; nothing of presence depends on it.
  enum ReactorClock {
    /// The present moment; costs no system call on current kernels.
    static func read() -> UInt64 {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
  }
#endif
