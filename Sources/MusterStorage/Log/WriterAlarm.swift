import CLinux

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the writer's thread sleeps on: a signal that comes before it sleeps is not lost.
///
/// ### Isolation
/// ``signal()`` from any thread; everything else on the writer's thread.
final class WriterAlarm: Sendable {
  private let reading: Int32
  private let writing: Int32
  /// Ticks at the interval of syncs; -1 when there is none.
  private let timer: Int32

  /// What woke it.
  struct Wake: OptionSet {
    let rawValue: Int
    static let signal = Wake(rawValue: 1)
    static let tick = Wake(rawValue: 2)
  }

  /// Makes an alarm that also ticks at an interval, if one is given.
  init(interval: Duration?) throws(DiskError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw DiskError(.io, "make", "a pipe", errno: errno) }
    (reading, writing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    guard let interval else {
      timer = -1
      return
    }
    timer = timerfd_create(CLOCK_MONOTONIC, Int32(O_NONBLOCK) | Int32(O_CLOEXEC))
    let (seconds, attoseconds) = interval.components
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    var setting = itimerspec(it_interval: time, it_value: time)
    guard timer >= 0, timerfd_settime(timer, 0, &setting, nil) == 0 else {
      throw DiskError(.io, "make", "a timer", errno: errno)
    }
  }

  deinit {
    close(reading)
    close(writing)
    if timer >= 0 { close(timer) }
  }

  /// Wakes the thread.
  ///
  /// The caller sees to it that there is at most one signal at a time.
  func signal() {
    var byte: UInt8 = 0
    while write(writing, &byte, 1) < 0, errno == EINTR {}
  }

  /// Sleeps until there is a signal or a tick, or so many milliseconds are over; -1 for ever.
  func wait(milliseconds: Int32) -> Wake {
    var descriptors = [
      pollfd(fd: reading, events: Int16(POLLIN), revents: 0), pollfd(fd: timer, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&descriptors, timer >= 0 ? 2 : 1, milliseconds) > 0 else { return [] }
    var wake: Wake = []
    if descriptors[0].revents != 0 {
      var bytes: UInt64 = 0
      _ = read(reading, &bytes, 8)
      wake.insert(.signal)
    }
    if timer >= 0, descriptors[1].revents != 0 {
      var ticks: UInt64 = 0
      _ = read(timer, &ticks, 8)
      wake.insert(.tick)
    }
    return wake
  }
}
