import MusterEngine

/// A timing wheel as one would write it without a thought of speed: a list sorted by the tick of firing.
struct SortedTimers {
  struct Timer {
    let handle: Slot
    /// The deadline, or the hand when it had passed already.
    let tick: Tick
  }

  private(set) var timers: [Timer] = []

  mutating func arm(_ handle: Slot, at deadline: Tick, hand: Tick) {
    disarm(handle)
    guard deadline != .never else { return }
    let tick = max(deadline, hand)
    let place = timers.firstIndex { $0.tick > tick } ?? timers.endIndex
    timers.insert(Timer(handle: handle, tick: tick), at: place)
  }

  mutating func disarm(_ handle: Slot) {
    timers.removeAll { $0.handle == handle }
  }

  /// Takes out a handle that has fired: one of the earliest, or something is wrong.
  mutating func fire(_ handle: Slot) throws -> Tick {
    guard let index = timers.firstIndex(where: { $0.handle == handle }) else {
      throw Violation("handle \(handle.rawValue) fired and was not armed")
    }
    try require(
      timers[index].tick == timers[0].tick,
      "handle \(handle.rawValue), due at \(timers[index].tick.rawValue), fired before one due at \(timers[0].tick.rawValue)")
    return timers.remove(at: index).tick
  }

  func isArmed(_ handle: Slot) -> Bool {
    timers.contains { $0.handle == handle }
  }
}
