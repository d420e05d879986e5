import CLinux
import Glibc

/// Waits for sockets and for a moment, whichever comes first.
///
/// `epoll_wait` alone counts in milliseconds, too coarse for ten thousand sends a second, so a `timerfd` wakes it.
///
/// ### Ownership
/// Owns its two descriptors.
struct Poller: ~Copyable {
  /// What happened to one connection.
  struct Event {
    let row: Int
    let isReadable: Bool
    let isWritable: Bool
    /// The other side is gone or the connection has failed; reading tells which.
    let isBroken: Bool
  }

  /// How many events one wait returns at most.
  private static let batchMax = 512
  /// The row that stands for the timer.
  private static let timerRow = UInt64.max
  /// A wait for less than this spins: arming a timer and sleeping would take longer.
  private static let spinMax: UInt64 = 15_000
  /// No wait is longer, so that a stop or the end of another thread is seen.
  private static let waitMax: UInt64 = 100_000_000

  private let epoll: Int32
  private let timer: Int32
  private var batch = Array(repeating: epoll_event(), count: batchMax)
  private var armedFor = MonotonicTime.never

  init() throws(LoadError) {
    let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw .system("epoll_create1") }
    let timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
    guard timer >= 0 else {
      let error = LoadError.system("timerfd_create")
      close(epoll)
      throw error
    }
    self.epoll = epoll
    self.timer = timer
    // Edge-triggered: arming it anew is enough, nobody has to read it empty.
    var event = epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: Self.timerRow))
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event)
  }

  deinit {
    close(timer)
    close(epoll)
  }

  /// Begins to watch a descriptor; closing it ends the watch.
  ///
  /// - Returns: Whether the kernel took it.
  func add(_ descriptor: Int32, row: Int, writable: Bool) -> Bool {
    control(EPOLL_CTL_ADD, descriptor, row: row, writable: writable)
  }

  /// Changes whether room for writing is reported too.
  @discardableResult
  func change(_ descriptor: Int32, row: Int, writable: Bool) -> Bool {
    control(EPOLL_CTL_MOD, descriptor, row: row, writable: writable)
  }

  /// Sleeps until a socket has news or a moment has come, at most 100 ms.
  ///
  /// - Returns: How many events can be read with ``event(at:)``.
  mutating func wait(until moment: MonotonicTime, now: MonotonicTime) -> Int {
    let left = moment.nanoseconds(since: now)
    var timeout = Int32(Self.waitMax / 1_000_000)
    if left <= Self.spinMax {
      timeout = 0
    } else if left < Self.waitMax, armedFor != moment {
      var setting = itimerspec()
      setting.it_value.tv_sec = Int(moment.nanoseconds / 1_000_000_000)
      setting.it_value.tv_nsec = Int(moment.nanoseconds % 1_000_000_000)
      timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &setting, nil)
      armedFor = moment
    }
    var count = Int(epoll_wait(epoll, &batch, Int32(Self.batchMax), timeout))
    if count <= 0 { return 0 }
    // The timer's own event carries no news; the last one takes its place.
    for index in 0..<count where batch[index].data.u64 == Self.timerRow {
      armedFor = .never
      count -= 1
      batch[index] = batch[count]
      break
    }
    return count
  }

  /// One event of the last wait.
  func event(at index: Int) -> Event {
    let event = batch[index]
    return Event(
      row: Int(event.data.u64), isReadable: event.events & EPOLLIN.rawValue != 0,
      isWritable: event.events & EPOLLOUT.rawValue != 0,
      isBroken: event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0)
  }

  private func control(_ operation: Int32, _ descriptor: Int32, row: Int, writable: Bool) -> Bool {
    let interest = EPOLLIN.rawValue | (writable ? EPOLLOUT.rawValue : 0)
    var event = epoll_event(events: interest, data: epoll_data_t(u64: UInt64(row)))
    return epoll_ctl(epoll, operation, descriptor, &event) == 0
  }
}
