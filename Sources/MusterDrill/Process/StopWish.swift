import Glibc
import Synchronization

/// SIGINT and SIGTERM as a wish to end early: servers are stopped, and what was found so far is reported.
///
/// The second one kills every server that this process started, by its process group, and ends at once.
package enum StopWish {
  private static let wasReceived = Atomic<Int>(0)

  /// Whether somebody wants the drill to end.
  package static var isRaised: Bool { wasReceived.load(ordering: .relaxed) > 0 }

  /// Begins to take the signals, for the rest of the process.
  package static func install() {
    // Touched here once: a first access inside the handler would initialise them there.
    wasReceived.store(0, ordering: .relaxed)
    LiveGroups.touch()
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      guard StopWish.wasReceived.add(1, ordering: .relaxed).newValue > 1 else { return }
      LiveGroups.killAll()
      _exit(130)
    }
    for signal in [SIGINT, SIGTERM] { sigaction(signal, &action, nil) }
  }
}

/// The process groups of the servers that run, eight at most, in a place that a signal handler may read.
enum LiveGroups {
  private static let places = Places()

  private struct Places: ~Copyable, Sendable {
    let p0 = Atomic<Int32>(0), p1 = Atomic<Int32>(0), p2 = Atomic<Int32>(0), p3 = Atomic<Int32>(0)
    let p4 = Atomic<Int32>(0), p5 = Atomic<Int32>(0), p6 = Atomic<Int32>(0), p7 = Atomic<Int32>(0)

    borrowing func replace(_ old: Int32, with new: Int32) -> Bool {
      func swap(_ place: borrowing Atomic<Int32>) -> Bool {
        place.compareExchange(expected: old, desired: new, ordering: .sequentiallyConsistent).exchanged
      }
      return swap(p0) || swap(p1) || swap(p2) || swap(p3) || swap(p4) || swap(p5) || swap(p6) || swap(p7)
    }

    borrowing func killAll() {
      func end(_ place: borrowing Atomic<Int32>) {
        let group = place.load(ordering: .sequentiallyConsistent)
        if group > 0 { kill(-group, SIGKILL) }
      }
      end(p0)
      end(p1)
      end(p2)
      end(p3)
      end(p4)
      end(p5)
      end(p6)
      end(p7)
    }
  }

  /// Makes the places, outside of any handler.
  static func touch() { _ = places.replace(-1, with: -1) }

  /// Notes a group that was started; `false` when there is no room, and then it must not go on.
  static func enter(_ group: Int32) -> Bool { places.replace(0, with: group) }

  /// Forgets a group whose leader has been waited for.
  static func leave(_ group: Int32) { _ = places.replace(group, with: 0) }

  /// Ends all of them.
  ///
  /// Safe in a signal handler.
  static func killAll() { places.killAll() }
}
