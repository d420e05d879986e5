#if os(Linux)
  import CLinux
  import Glibc
  import MusterEngine
  import MusterWire
  import Testing

  @testable import MusterReactor

  @Suite("What a heartbeat costs")
  struct BeatCostTests {
    /// In a process of its own: the switch that counts is not made for threads that are in the middle of something.
    @Test("a heartbeat with reply allocates nothing and counts no reference")
    func numbered() async {
      await #expect(processExitsWith: .success) { try measure(#","id":12345"#) }
    }

    @Test("a heartbeat without an id allocates nothing and counts no reference")
    func bare() async {
      await #expect(processExitsWith: .success) { try measure("") }
    }
  }

  /// Counts what heartbeats cost; traps when it is too much.
  private func measure(_ id: String) throws {
    let harness = try EdgeHarness()
    let clients = try (0..<50).map { try harness.login("u\($0)") }
    let frame = RawSocket.frame(.text, Array(#"{"op":"beat"\#(id)}"#.utf8))
    // Whatever happens for the first time has happened then.
    beat(harness, clients, frame, rounds: 3)
    let before = harness.counters
    guard let few = RuntimeCounts.during({ beat(harness, clients, frame, rounds: 1) }),
      let many = RuntimeCounts.during({ beat(harness, clients, frame, rounds: 11) })
    else { preconditionFailure("this runtime cannot be counted") }
    precondition(harness.counters.beats - before.beats == 12 * 50, "\(harness.counters)")
    precondition(harness.counters.sends - before.sends == (id.isEmpty ? 0 : 12 * 50), "\(harness.counters)")
    // A round may cost something, unoptimised; the 500 heartbeats of ten more rounds must not.
    precondition(many.allocations - few.allocations < 10 * 5, "one round: \(few); eleven: \(many)")
    // Unoptimised code counts references wherever it looks at an object.
    #if !DEBUG
      precondition(many.retains - few.retains < 10 * 20, "one round: \(few); eleven: \(many)")
      precondition(many.releases - few.releases < 10 * 20, "one round: \(few); eleven: \(many)")
    #endif
  }

  /// Rounds in which each of some clients sends one heartbeat and gets its reply; nothing else happens.
  private func beat(_ harness: EdgeHarness, _ clients: [RawSocket], _ frame: [UInt8], rounds: Int) {
    guard let shard = harness.edge.shard else { preconditionFailure("the edge is not connected") }
    let (edge, now) = (harness.edge, harness.now)
    let descriptors = clients.map(\.descriptor)
    shard.assumeIsolated { shard in
      var reply = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
      for _ in 0..<rounds {
        for client in descriptors { frame.withUnsafeBytes { _ = send(client, $0.baseAddress, $0.count, 0) } }
        edge.handle(events: edge.wait(milliseconds: 0), now: now, with: shard)
        edge.settle(now: now, with: shard)
        withUnsafeMutableBytes(of: &reply) { reply in
          for client in descriptors { _ = recv(client, reply.baseAddress, reply.count, Int32(MSG_DONTWAIT)) }
        }
      }
    }
  }
#endif
