#if os(Linux)
  import MusterEdge
  import Synchronization

  /// Spreads sockets over the loops of a transport.
  ///
  /// Whoever is woken for a new socket accepts it, and hands it on when its own loop is ahead; so the threads share the work of
  /// accepting and upgrading, and no loop ends up with all the sockets of a quiet hour.
  ///
  /// ### Isolation
  /// Callable from any thread. The counts may be a moment old, which costs nothing but evenness.
  final class LoopBalance: Sendable {
    private final class Count: Sendable {
      let sockets = Atomic<Int>(0)
    }

    /// How many sockets a loop may be ahead before it hands one on: handing on costs a wake-up.
    static let lead = 16

    private let loops: [ReactorLoop]
    private let counts: [Count]

    init(loops: [ReactorLoop]) {
      self.loops = loops
      counts = (0..<max(1, loops.count)).map { _ in Count() }
    }

    /// The loop with the fewest sockets.
    var lightest: Int {
      var lightest = 0
      for index in loops.indices.dropFirst() where load(of: index) < load(of: lightest) { lightest = index }
      return lightest
    }

    /// The loop to which a socket should go that another has accepted; `nil` when it may stay.
    func lighter(than index: Int) -> Int? {
      guard loops.count > 1 else { return nil }
      let lightest = lightest
      guard load(of: lightest) + Self.lead < load(of: index), loops[lightest].takesSockets else { return nil }
      return lightest
    }

    /// Gives a socket to a loop, and counts it there.
    func hand(_ arrival: Arrival, to index: Int) {
      add(index)
      loops[index].post(.socket(arrival))
    }

    /// Counts a socket.
    func add(_ index: Int) {
      counts[index].sockets.add(1, ordering: .relaxed)
    }

    /// Counts a socket that has gone.
    func remove(_ index: Int) {
      counts[index].sockets.subtract(1, ordering: .relaxed)
    }

    /// How many sockets a loop has, or is about to have.
    func load(of index: Int) -> Int { counts[index].sockets.load(ordering: .relaxed) }
  }

  /// The place of one loop among the others.
  struct LoopDoor: Sendable {
    let balance: LoopBalance
    let index: Int
  }
#endif
