private import CMemory
private import MusterThreads

/// Pages of 2 MiB for tables of millions of rows, taken from a few that are always ready.
///
/// Whoever visits rows in no order misses the translation of addresses as well as the cache: ten million sessions are 130,000 pages
/// of 4 KiB, and a processor remembers some 2,000. With pages of 2 MiB they are 260. The price is 2 MiB at a time for what was a
/// fault of 4 KiB, so small tables do without.
///
/// The system clears a large page when it is touched first. That takes 0.2 ms, and 8 ms and more where the system is a guest whose
/// host gives memory only then. No turn should wait for it. So a thread of its own maps and touches pages ahead, keeps
/// ``readyMax`` of them, and wipes those that were given back; whoever takes a page or gives one back makes no call of the system that
/// concerns memory. The address space stays mapped, the memory of pages that nobody needs goes back.
///
/// A table that grows faster than the system gives memory finds no page ready and is given one that has not been touched.
///
/// On Linux it depends on `/sys/kernel/mm/transparent_hugepage/enabled`, which is `madvise` or `always` on most machines; where it
/// is `never`, this is memory like any other.
///
/// - Invariant: I1. A page is in exactly one place: ready, given back, cold, with the thread, or with whoever took it.
/// - Invariant: I2. Every byte of a page that is ready or cold is zero.
///
/// ### Isolation
/// Callable from any thread.
/// ### Lifetime
/// The thread begins with the first wish and lives as long as the process; so does whoever makes one. If the system has no thread,
/// it is asked again with the next wish.
// SAFETY: a page belongs to one place at a time (I1), and moves between them under the lock.
final class LargePages: @unchecked Sendable {
  /// The bytes of one page.
  static let pageBytes = 2 << 20
  /// How many pages are kept ready.
  static let readyMax = 8
  /// How many pages are mapped with one call.
  private static let pagesOfRegion = 8

  /// The pages of this process.
  static let shared = LargePages()

  // SAFETY: handed from one place to the next, and touched by whoever has it.
  private struct Page: @unchecked Sendable {
    let address: UnsafeMutableRawPointer
  }

  private struct Pages {
    /// Touched and zero.
    var ready: [Page] = []
    /// As their last owner left them.
    var givenBack: [Page] = []
    /// Mapped and without memory.
    var cold: [Page] = []
    /// How many have been mapped.
    var mapped = 0
    var hasThread = false
    /// The thread has something in hand.
    var isAtWork = false
    /// The system has refused the thread memory, and nobody has got any since.
    var isRefused = false

    /// Takes in what the thread has done with a page.
    mutating func keep(_ page: Page, in place: WritableKeyPath<Pages, [Page]>) {
      self[keyPath: place].append(page)
      isAtWork = false
    }

    /// - Returns: Whether there is no thread, which is the caller's to begin.
    mutating func claimThread() -> Bool {
      defer { hasThread = true }
      return !hasThread
    }
  }

  /// What the thread does next.
  private enum Errand: Sendable {
    case wipe(Page)
    case release(Page)
    case touch(Page)
    case map
  }

  /// Begins a thread, if the system has one.
  typealias Beginning = @Sendable (@escaping @Sendable () -> Void) -> Bool

  private let pages = Monitor(Pages())
  private let beginThread: Beginning

  init(
    beginThread: @escaping Beginning = { body in
      guard let thread = try? SystemThread(named: "muster-pages", body) else { return false }
      thread.detach()
      return true
    }
  ) {
    self.beginThread = beginThread
  }

  /// Has pages made ready, for a table that will soon need its first.
  ///
  /// - Complexity: O(1): takes a lock that is never held for long; the first call makes a thread.
  func warm() {
    if pages.change({ $0.claimThread() }) { begin() }
  }

  /// Takes a page, every byte of which is zero.
  ///
  /// Traps when the system has no memory left, as every allocation in Swift does.
  ///
  /// - Complexity: O(1); maps memory only when no page is ready.
  // SAFETY: the page is the caller's alone until it is given back.
  func take() -> UnsafeMutableRawPointer {
    let (page, isFirst) = pages.change { ($0.ready.popLast() ?? $0.cold.popLast(), $0.claimThread()) }
    if isFirst { begin() }
    if let page { return page.address }
    guard let region = muster_map_large(UInt(Self.pageBytes)) else {
      preconditionFailure("the system has no \(Self.pageBytes) bytes of memory left")
    }
    pages.change { pages in
      pages.mapped += 1
      pages.isRefused = false
    }
    return region
  }

  /// Takes a page back, whatever is in it.
  ///
  /// - Complexity: O(1) amortised.
  // SAFETY: the caller owns the page and forgets it.
  func give(_ page: UnsafeMutableRawPointer) {
    let page = Page(address: page)
    let isLeft = pages.change { pages in
      if pages.hasThread { pages.givenBack.append(page) }
      return pages.hasThread
    }
    if !isLeft { run(.release(page)) }
  }

  /// Waits until nothing is left for the thread to do, and counts pages; for tests, of a pool that has been warmed.
  func settled() -> (ready: Int, cold: Int, mapped: Int) {
    pages.wait { pages in
      let isEnough = pages.ready.count == Self.readyMax || pages.isRefused && pages.cold.isEmpty
      let isDone = !pages.isAtWork && pages.givenBack.isEmpty && isEnough
      return isDone ? (pages.ready.count, pages.cold.count, pages.mapped) : nil
    }
  }

  // MARK: The thread

  private func begin() {
    let hasBegun = beginThread {
      while true {
        let errand = self.pages.wait { pages in
          let errand = Self.next(&pages)
          pages.isAtWork = errand != nil
          return errand
        }
        self.run(errand)
      }
    }
    // Without a thread no page is ready, and each is mapped when it is taken, until there is one.
    if !hasBegun { pages.change { $0.hasThread = false } }
  }

  /// Pages that were given back come first: wiping one is quicker than touching one.
  private static func next(_ pages: inout Pages) -> Errand? {
    let needsMore = pages.ready.count < readyMax
    if let page = pages.givenBack.popLast() { return needsMore ? .wipe(page) : .release(page) }
    guard needsMore else { return nil }
    if let page = pages.cold.popLast() { return .touch(page) }
    return pages.isRefused ? nil : .map
  }

  private func run(_ errand: Errand) {
    switch errand {
    case .wipe(let page):
      page.address.initializeMemory(as: UInt8.self, repeating: 0, count: Self.pageBytes)
      pages.change { $0.keep(page, in: \.ready) }
    case .release(let page):
      muster_release(page.address, UInt(Self.pageBytes))
      pages.change { $0.keep(page, in: \.cold) }
    case .touch(let page):
      // Every 4 KiB, since the system may give no large page. Not by a call that does all of it at once (MADV_POPULATE_WRITE): that
      // holds a lock on the whole address space meanwhile, and everybody else waits who maps memory.
      for offset in stride(from: 0, to: Self.pageBytes, by: 4_096) {
        page.address.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
      }
      pages.change { $0.keep(page, in: \.ready) }
    case .map:
      let region = muster_map_large(UInt(Self.pagesOfRegion * Self.pageBytes)).map(Page.init)
      pages.change { pages in
        pages.isAtWork = false
        guard let region else {
          pages.isRefused = true
          return
        }
        pages.mapped += Self.pagesOfRegion
        for page in 0..<Self.pagesOfRegion { pages.cold.append(Page(address: region.address + page * Self.pageBytes)) }
      }
    }
  }
}
