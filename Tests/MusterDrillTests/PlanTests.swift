import Testing

@testable import MusterDrill

@Suite("A seed plans a drill")
struct PlanTests {
  @Test("the same seed plans the same rounds, another seed others")
  func rounds() {
    func plan(_ seed: UInt64) -> [KillUnderLoad.Round] {
      var random = SeededRandom(seed: seed)
      return (0..<50).map { _ in KillUnderLoad.plan(&random) }
    }
    #expect(plan(7) == plan(7))
    #expect(plan(7) != plan(8))
    for round in plan(9) {
      #expect((.milliseconds(50) ... .milliseconds(1500)).contains(round.killAfter))
      #expect(round.snapshotAfter.map { $0 >= .zero && $0 <= round.killAfter } ?? true)
    }
    // Among so many there are rounds with a snapshot and rounds without.
    #expect(Set(plan(9).map { $0.snapshotAfter == nil }).count == 2)
  }

  @Test("the same seed plans the same steps; a step fits what the session is")
  func steps() {
    func plan(_ seed: UInt64) -> [Step] {
      var worker = Worker(index: 0, random: SeededRandom(seed: seed))
      worker.ledger.add(SessionEntry(session: "s", token: "", user: "drill-0-0", label: "l"))
      return (0..<300).compactMap { number in
        guard let entry = worker.ledger[session: "s"] else { return nil }
        let step = worker.planStep(for: entry, number: Int64(number))
        switch step {
        case .join(let channel, _): #expect(entry.memberships[channel]?.expected ?? .outside == .outside)
        case .leave(let channel), .update(let channel, _):
          #expect(entry.memberships[channel]?.expected ?? .outside != .outside)
        case .data(_, _, let version): #expect(version ?? entry.data.settled.version == entry.data.settled.version)
        case .status: break
        }
        let ticket = worker.ledger.nextTicket()
        worker.ledger.send(step, of: "s", ticket)
        worker.ledger.acknowledge(step, of: "s", ticket, data: worker.ledger[session: "s"]?.data.expected)
        return step
      }
    }
    #expect(plan(3) == plan(3))
    #expect(plan(3) != plan(4))
  }

  @Test("branches of one seed draw differently")
  func branches() {
    let root = SeededRandom(seed: 1)
    var seen: Set<UInt64> = []
    for index in 0..<1000 {
      var branch = root.branch(index)
      seen.insert(branch.next())
    }
    #expect(seen.count == 1000)
  }

  @Test("bit-flip: every byte once, and a few behind the last one that was written", arguments: [1, 2, 3] as [UInt64])
  func flips(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let flips = BitFlip.plan([(used: 10, size: 10), (used: 100, size: 1 << 26), (used: 0, size: 0)], &random)
    #expect(Set(flips.map { [$0.file, $0.offset] }).count == flips.count)
    #expect(flips.filter { $0.file == 0 }.map(\.offset).sorted() == Array(0..<10))
    #expect(flips.filter { $0.file == 1 }.map(\.offset).sorted() == Array(0..<164))
    #expect(flips.allSatisfy { $0.bit < 8 })
    #expect(flips.map(\.offset) != flips.map(\.offset).sorted(), "a run that is cut short would see the beginnings only")
  }

  @Test("torn-tail: cuts lie behind what was acknowledged, and all kinds of rests come up")
  func cuts() {
    var random = SeededRandom(seed: 5)
    let cuts = (0..<200).map { _ in TornTail.plan(from: 5000, to: 9000, &random) }
    #expect(cuts.allSatisfy { (5000...9000).contains($0.offset) && $0.garbage.isEmpty == ($0.rest != .garbage) })
    #expect(Set(cuts.map(\.rest)) == Set(TornTail.Rest.allCases))
    #expect(cuts.count { $0.offset >= 8400 } > 80)
    #expect(TornTail.plan(from: 70, to: 70, &random).offset == 70)
  }

  @Test("settings out of their bounds are refused by the name of their flag")
  func settings() {
    func refusal(_ change: (inout DrillSettings) -> Void) -> String? {
      var settings = DrillSettings(binary: "/bin/sh", seed: 1)
      change(&settings)
      do throws(DrillError) {
        try settings.check()
        return nil
      } catch {
        return error.description
      }
    }
    #expect(refusal { _ in } == nil)
    #expect(refusal { $0.seconds = 0 }?.contains("--seconds") == true)
    #expect(refusal { $0.rounds = 0 }?.contains("--rounds") == true)
    #expect(refusal { $0.workers = 65 }?.contains("--workers") == true)
    #expect(refusal { $0.sessions = 0 }?.contains("--sessions") == true)
    #expect(refusal { $0.binary = "/nowhere/muster" }?.contains("--binary") == true)
    #expect(refusal { $0.parent = "/nowhere" }?.contains("--directory") == true)
  }
}
