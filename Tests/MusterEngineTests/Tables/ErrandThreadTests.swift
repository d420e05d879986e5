import MusterThreads
import Testing

@Suite("ErrandThread")
struct ErrandThreadTests {
  @Test("errands run in their order on another thread; with too many waiting, another one is dropped")
  func order() {
    let thread = ErrandThread()
    let isOpen = Monitor(false)
    let done = Monitor<[Int]>([])
    // The first one holds up the others until all have been asked for.
    thread.run {
      done.change { $0.append(-1) }
      isOpen.wait { $0 ? () : nil }
    }
    done.wait { $0.isEmpty ? nil : () }
    for number in 0..<ErrandThread.errandsMax + 10 { thread.run { done.change { $0.append(number) } } }
    isOpen.change { $0 = true }
    let all = done.wait { $0.count > ErrandThread.errandsMax ? $0 : nil }
    #expect(all == [-1] + Array(0..<ErrandThread.errandsMax))
    thread.run { done.change { $0.append(1_000) } }
    let last = done.wait { $0.last == 1_000 ? $0 : nil }
    #expect(last.count == ErrandThread.errandsMax + 2)
  }
}
