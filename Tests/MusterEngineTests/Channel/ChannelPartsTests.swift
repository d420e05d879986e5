import MusterModel
import Testing

@testable import MusterEngine

/// Random numbers from a seed: SplitMix64 (Steele, Lea, Flood 2014).
struct ChannelRandom: RandomNumberGenerator {
  private var state: UInt64

  /// Seeds are mixed first: the sequences of neighbouring states are one sequence, a number apart.
  init(seed: UInt64) {
    state = Self.mix(seed &+ 1)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(state)
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}

@Suite("Parts of a channel")
struct ChannelPartsTests {
  @Test("the order of members equals a sorted array after any joins and leaves", arguments: 0..<10)
  func memberOrder(seed: Int) {
    var random = ChannelRandom(seed: UInt64(seed))
    var order = MemberOrder()
    var oracle: [MemberOrder.Entry] = []
    for step in 0..<4_000 {
      // Long phases of growth and of shrinking, so that blocks fill, empty and merge.
      let grows = Int.random(in: 0..<10, using: &random) < (step / 1_000 % 2 == 0 ? 8 : 2)
      if grows || oracle.isEmpty {
        let slot = Slot(UInt32(step))
        oracle.append(MemberOrder.Entry(ordinal: order.append(slot), slot: slot))
      } else {
        order.remove(oracle.remove(at: Int.random(in: oracle.indices, using: &random)).ordinal)
      }
      guard step % 50 == 0 else { continue }
      #expect(order.blocks.flatMap { $0 } == oracle, "seed \(seed), step \(step)")
      let from = UInt64.random(in: 0...order.nextOrdinal, using: &random)
      let expected = oracle.filter { $0.ordinal >= from }
      let page = order.page(from: from, limit: 7)
      #expect(page.slots == expected.prefix(7).map(\.slot), "seed \(seed), step \(step)")
      #expect(page.next == expected.dropFirst(7).first?.ordinal, "seed \(seed), step \(step)")
    }
    #expect(order.count == oracle.count)
  }

  @Test("blocks of the order are never empty nor small beside each other, so memory follows the members")
  func memberOrderShrinks() {
    var order = MemberOrder()
    let ordinals = (0..<UInt32(10_000)).map { order.append(Slot($0)) }
    #expect(order.blocks.count == 40)
    for ordinal in ordinals where ordinal % 50 != 0 { order.remove(ordinal) }
    #expect(order.count == 200)
    #expect(order.blocks.count <= 3)
    #expect(order.blocks.allSatisfy { !$0.isEmpty })
  }

  @Test("a circular queue equals an array after any appends and removals", arguments: 0..<10)
  func circularQueue(seed: Int) {
    var random = ChannelRandom(seed: UInt64(seed))
    var queue = CircularQueue<Int>()
    var oracle: [Int] = []
    for step in 0..<1_000 {
      if Int.random(in: 0..<9, using: &random) < (step / 100 % 2 == 0 ? 6 : 3) {
        queue.append(step)
        oracle.append(step)
      } else {
        #expect(queue.popFirst() == (oracle.isEmpty ? nil : oracle.removeFirst()), "seed \(seed), step \(step)")
      }
      #expect(queue.count == oracle.count && queue.first == oracle.first, "seed \(seed), step \(step)")
      #expect((0..<queue.count).map { queue[$0] } == oracle, "seed \(seed), step \(step)")
    }
    queue.removeAll()
    #expect(queue.isEmpty && queue.popFirst() == nil)
  }

  @Test("a queue lets go of what was taken out at once")
  func circularQueueReleases() {
    final class Token {}
    var queue = CircularQueue<Token>()
    weak var taken: Token?
    do {
      let token = Token()
      taken = token
      queue.append(token)
      queue.append(Token())
    }
    #expect(taken != nil)
    _ = queue.popFirst()
    #expect(taken == nil)
  }

  @Test("a mode is chosen by occupancy and the mode before", arguments: ChannelMode.allCases)
  func modes(before: ChannelMode) {
    var settings = NamespaceSettings()
    settings.announceMax = 10
    settings.intervalMax = 20
    let policy = ChannelPolicy(settings)
    let modes = [0, 7, 8, 10, 11, 15, 16, 20, 21].map { policy.mode(present: $0, from: before) }
    switch before {
    case .announce:
      #expect(modes == [.announce, .announce, .announce, .announce, .interval, .interval, .interval, .interval, .count])
    case .interval:
      #expect(modes == [.announce, .announce, .interval, .interval, .interval, .interval, .interval, .interval, .count])
    case .count:
      #expect(modes == [.announce, .announce, .interval, .interval, .interval, .interval, .count, .count, .count])
    }
  }
}
