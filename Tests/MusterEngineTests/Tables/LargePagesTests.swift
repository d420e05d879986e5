import Synchronization
import Testing

@testable import MusterEngine

@Suite("LargePages")
struct LargePagesTests {
  // SAFETY: reads memory of a page that the test has taken.
  private func isZero(_ page: UnsafeMutableRawPointer) -> Bool {
    UnsafeRawBufferPointer(start: page, count: LargePages.pageBytes).allSatisfy { $0 == 0 }
  }

  @Test("a page is zero when it is taken, whatever its last owner left in it")
  func wiped() {
    let large = LargePages()
    let first = (0..<LargePages.readyMax * 2).map { _ in large.take() }
    for page in first {
      #expect(isZero(page))
      page.initializeMemory(as: UInt8.self, repeating: 0xff, count: LargePages.pageBytes)
    }
    for page in first { large.give(page) }
    let again = (0..<LargePages.readyMax * 3).map { _ in large.take() }
    for page in again { #expect(isZero(page)) }
    #expect(Set(again).count == again.count, "nobody shares a page")
    for page in again { large.give(page) }
  }

  @Test("pages are made ready before somebody takes one")
  func ahead() {
    let large = LargePages()
    large.warm()
    let settled = large.settled()
    #expect(settled.ready == LargePages.readyMax)
    #expect(settled.ready + settled.cold == settled.mapped)
  }

  @Test("what was given back is taken again, and nothing more is mapped")
  func reused() {
    let large = LargePages()
    large.warm()
    let most = LargePages.readyMax / 2
    // The first time more may be mapped, so that pages are ready while some are taken.
    for _ in 0..<2 {
      let pages = (0..<most).map { _ in large.take() }
      _ = large.settled()
      for page in pages { large.give(page) }
    }
    let mapped = large.settled().mapped
    for _ in 0..<50 {
      let pages = (0..<most).map { _ in large.take() }
      _ = large.settled()
      for page in pages { large.give(page) }
      #expect(large.settled().mapped == mapped)
    }
  }

  @Test("what is given back beyond what is kept ready goes back to the system and can be taken again")
  func released() {
    let large = LargePages()
    let pages = (0..<LargePages.readyMax * 4).map { _ in large.take() }
    for page in pages {
      page.storeBytes(of: 1, as: UInt8.self)
      large.give(page)
    }
    let settled = large.settled()
    #expect(settled.ready == LargePages.readyMax)
    #expect(settled.ready + settled.cold == settled.mapped)
    for _ in 0..<settled.mapped { #expect(isZero(large.take())) }
  }

  @Test("where the system has no thread, pages are mapped as they are taken and go back to it, and it is asked again")
  func withoutThread() {
    let wishes = Wishes()
    let large = LargePages(beginThread: { _ in wishes.refuse() })
    let pages = (0..<3).map { _ in large.take() }
    #expect(wishes.count == 3)
    for page in pages {
      page.initializeMemory(as: UInt8.self, repeating: 0xff, count: LargePages.pageBytes)
      large.give(page)
    }
    let again = (0..<3).map { _ in large.take() }
    #expect(Set(again) == Set(pages))
    for page in again {
      #expect(isZero(page))
      large.give(page)
    }
  }

  private final class Wishes: Sendable {
    private let wishes = Atomic<Int>(0)
    var count: Int { wishes.load(ordering: .relaxed) }

    func refuse() -> Bool {
      wishes.add(1, ordering: .relaxed)
      return false
    }
  }

  @Test("many threads take and give, and none gets a page that another has")
  func shared() async {
    let large = LargePages()
    await withTaskGroup(of: Bool.self) { group in
      for number in 1...4 {
        group.addTask {
          (0..<100).allSatisfy { _ in
            let page = large.take()
            let mark = UInt64(number) &* 0x0101_0101_0101_0101
            let wasZero = page.load(as: UInt64.self) == 0
            page.storeBytes(of: mark, as: UInt64.self)
            let isMine = page.load(as: UInt64.self) == mark
            large.give(page)
            return wasZero && isMine
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
