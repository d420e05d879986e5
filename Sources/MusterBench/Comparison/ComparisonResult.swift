/// What a comparison found out: every raw value, and what follows from them.
package struct ComparisonResult: Sendable {
  /// A peer that was not there.
  package struct Skip: Sendable, Equatable {
    package var peer: Peer
    package var reason: String

    package init(peer: Peer, reason: String) {
      self.peer = peer
      self.reason = reason
    }
  }

  /// A load that was more than a peer could take.
  package struct Saturation: Sendable, Hashable {
    package var peer: Peer
    package var section: String

    package init(peer: Peer, section: String) {
      self.peer = peer
      self.section = section
    }
  }

  package let figures: [ComparisonFigure]
  package var versions: [Peer: String] = [:]
  package var skipped: [Skip] = []
  package var saturated: Set<Saturation> = []
  /// What went wrong, in sentences.
  package var troubles: [String] = []
  /// The values of each figure of each peer, in the order of the rounds.
  package private(set) var values: [Peer: [String: [Double]]] = [:]

  package init(figures: [ComparisonFigure]) {
    self.figures = figures
  }

  /// Those with any values, in the order of `Peer.allCases`.
  package var peers: [Peer] { Peer.allCases.filter { values[$0] != nil } }

  /// Adds one round of one peer.
  package mutating func add(_ round: [String: Double], of peer: Peer) {
    for (key, value) in round { values[peer, default: [:]][key, default: []].append(value) }
  }

  /// The figure of a peer over all rounds; `nil` when there is none.
  package func spread(_ key: String, of peer: Peer) -> Spread? {
    values[peer]?[key].flatMap { Spread($0) }
  }

  /// How a peer's median stands to that of the floor; `nil` when one of them is missing or the floor's is 0.
  package func ratio(_ key: String, of peer: Peer) -> Double? {
    guard let own = spread(key, of: peer)?.median, let floor = spread(key, of: .floor)?.median, floor > 0 else { return nil }
    return own / floor
  }

  /// Whether a figure is of a server at its limit.
  package func isSaturated(_ figure: ComparisonFigure, of peer: Peer) -> Bool {
    saturated.contains(.init(peer: peer, section: figure.section))
  }
}

/// Several measurements of one thing.
package struct Spread: Sendable, Equatable {
  package let median: Double
  package let min: Double
  package let max: Double
  package let count: Int

  /// Of an even number the lower of the two in the middle: a value that was measured.
  ///
  /// - Returns: `nil` for no values.
  package init?(_ values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    median = sorted[(sorted.count - 1) / 2]
    (min, max, count) = (first, last, sorted.count)
  }
}
