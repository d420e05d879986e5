#if os(Linux)
  import CLinux
  import Glibc
  import MusterEngine

  /// Which row a readiness event is for, as the kernel carries it.
  ///
  /// A row's generation travels with its slot, so what was reported for a row that has gone since, even in the same batch,
  /// reaches nobody.
  struct PollTag: Hashable {
    var rawValue: UInt64

    init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    init(slot: Slot, generation: UInt32) {
      rawValue = UInt64(generation) << 32 | UInt64(slot.rawValue)
    }

    // A generation has 31 bits, so no row has a tag with the highest bit set.

    /// The event by which other threads wake the loop.
    static let wakeUp = PollTag(rawValue: 1 << 63)
    /// The listening socket.
    static let listener = PollTag(rawValue: 1 << 63 | 1)

    var slot: Slot { Slot(UInt32(truncatingIfNeeded: rawValue)) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
  }

  /// What a descriptor is watched for.
  struct PollInterest: OptionSet, Hashable {
    var rawValue: UInt32

    static let readable = PollInterest(rawValue: EPOLLIN.rawValue)
    static let writable = PollInterest(rawValue: EPOLLOUT.rawValue)
    /// Told once for each change, so that nothing has to be read.
    static let edge = PollInterest(rawValue: EPOLLET.rawValue)
    /// Of several pollers that watch the same descriptor, not all are woken.
    static let exclusive = PollInterest(rawValue: EPOLLEXCLUSIVE.rawValue)
    /// The connection has failed or is closed both ways; told without being asked for.
    static let broken = PollInterest(rawValue: EPOLLERR.rawValue | EPOLLHUP.rawValue)
  }

  /// The readiness of all descriptors of one loop.
  ///
  /// ### Ownership
  /// Owns the epoll descriptor, not those that it watches. A closed descriptor is no longer watched.
  // SAFETY: `events` is allocated in `init` and freed in `deinit`, by this value alone; the kernel writes at most `batchMax`.
  struct Poll: ~Copyable {
    /// How many events one wait brings at most.
    ///
    /// So much is read and answered before anything else gets its turn.
    static let batchMax = 128

    private let epoll: Int32
    private let events: UnsafeMutablePointer<epoll_event>

    init() throws(ReactorError) {
      epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
      guard epoll >= 0 else { throw ReactorError("epoll_create1") }
      events = .allocate(capacity: Self.batchMax)
      events.initialize(repeating: epoll_event(), count: Self.batchMax)
    }

    deinit {
      events.deallocate()
      close(epoll)
    }

    /// Begins to watch a descriptor.
    ///
    /// - Returns: Whether the kernel took it.
    func add(_ descriptor: Int32, _ tag: PollTag, _ interest: PollInterest) -> Bool {
      control(EPOLL_CTL_ADD, descriptor, tag, interest)
    }

    /// Changes what a descriptor is watched for.
    func change(_ descriptor: Int32, _ tag: PollTag, _ interest: PollInterest) {
      _ = control(EPOLL_CTL_MOD, descriptor, tag, interest)
    }

    /// Ends the watch of a descriptor that lives on.
    func remove(_ descriptor: Int32) {
      _ = control(EPOLL_CTL_DEL, descriptor, PollTag(rawValue: 0), [])
    }

    /// Sleeps until there is news, at most so long.
    ///
    /// - Returns: How many events can be read with ``event(at:)`` until the next wait.
    func wait(milliseconds: Int32) -> Int {
      max(0, Int(epoll_wait(epoll, events, Int32(Self.batchMax), milliseconds)))
    }

    /// One event of the last wait.
    @inline(__always)
    func event(at index: Int) -> (tag: PollTag, readiness: PollInterest) {
      (PollTag(rawValue: events[index].data.u64), PollInterest(rawValue: events[index].events))
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ tag: PollTag, _ interest: PollInterest) -> Bool {
      var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: tag.rawValue))
      return epoll_ctl(epoll, operation, descriptor, &event) == 0
    }
  }
#endif
