/// One column of a table: the same field of every row, in pages that never move.
///
/// A table of ten million rows must not be copied to hold one row more, and a heartbeat must reach its field without a
/// retain, a copy or a hash. So rows live in pages of 4,096, and growth adds a page. Only the directory of pages is ever
/// copied: 8 bytes for each page, 20 KB at ten million rows.
///
/// Which rows are in use is not known here; that is what ``SlotAllocator`` is for. A row keeps its value until someone
/// writes to it, also when it goes from one owner to the next.
///
/// - Invariant: I1. Every row below ``rows`` is initialised, and no row above.
/// - Invariant: I2. A row has the same address for as long as the column lives.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its pages.
package struct Column<Element>: ~Copyable {
  /// How many rows one page holds.
  package static var pageRows: Int { 1 << pageBits }
  private static var pageBits: UInt32 { 12 }

  // SAFETY: only a name; see `pages`.
  private typealias Page = UnsafeMutablePointer<Element>

  private let initial: Element
  // SAFETY: the directory and its pages are owned by this value alone and freed in `deinit`.
  private var pages: UnsafeMutablePointer<Page>
  private var pagesRoom = 4
  private var pagesCount = 0

  /// An empty column whose rows will begin with `initial`.
  ///
  /// The first page comes with the first row.
  package init(repeating initial: Element) {
    self.initial = initial
    pages = .allocate(capacity: pagesRoom)
  }

  deinit {
    // SAFETY: I1: each page below `pagesCount` was allocated and initialised in full by `addPage()`, and nobody else frees it.
    for page in 0..<pagesCount {
      pages[page].deinitialize(count: Self.pageRows)
      pages[page].deallocate()
    }
    pages.deallocate()
  }

  /// The number of rows that can be used: a multiple of ``pageRows``.
  package var rows: Int { pagesCount << Self.pageBits }

  /// The memory of all pages, in bytes; not what the elements themselves refer to.
  package var bytesReserved: Int { rows * MemoryLayout<Element>.stride }

  /// Makes the column at least `rows` long.
  ///
  /// - Complexity: O(1) when it is; otherwise O(rows added), which is one page for a table that grows row by row.
  @inline(__always)
  package mutating func grow(toHold rows: Int) {
    if rows > self.rows { addPages(toHold: rows) }
  }

  @inline(never)
  private mutating func addPages(toHold rows: Int) {
    while self.rows < rows { addPage() }
  }

  private mutating func addPage() {
    // SAFETY: the old directory holds `pagesCount` initialised pointers, which are trivial: they move, and what they point to
    // stays (I2). The new page is initialised in full before it is counted (I1).
    if pagesCount == pagesRoom {
      let roomier = UnsafeMutablePointer<Page>.allocate(capacity: pagesRoom * 2)
      roomier.moveInitialize(from: pages, count: pagesCount)
      pages.deallocate()
      pages = roomier
      pagesRoom *= 2
    }
    let page = Page.allocate(capacity: Self.pageRows)
    page.initialize(repeating: initial, count: Self.pageRows)
    (pages + pagesCount).initialize(to: page)
    pagesCount += 1
  }

  /// The field of one row, in place: reading copies only what is read, writing writes only what is written.
  ///
  /// - Precondition: The slot is below ``rows``. Checked in debug builds only; this is the path of every heartbeat.
  /// - Complexity: O(1), two loads.
  package subscript(slot: Slot) -> Element {
    // SAFETY: the address is that of an initialised row (I1) that does not move (I2). The compiler holds `self` for reading or
    // writing for as long as it uses the address, and the pages are freed only with `self`.
    @inline(__always)
    unsafeAddress { UnsafePointer(address(of: slot)) }
    @inline(__always)
    unsafeMutableAddress { address(of: slot) }
  }

  @inline(__always)
  private func address(of slot: Slot) -> UnsafeMutablePointer<Element> {
    let row = Int(slot.rawValue)
    assert(row < rows, "row \(row) is outside of a column of \(rows) rows")
    // SAFETY: the row is below `rows` (asserted above, the caller's duty in release builds), so its page is in the directory.
    return pages[row &>> Int(Self.pageBits)] + row & (Self.pageRows - 1)
  }
}

extension Column {
  /// Checks the numbered invariants as far as a program can; traps on a violation.
  ///
  /// - Complexity: O(pages log pages).
  package func checkInvariants() {
    precondition(pagesCount <= pagesRoom, "I1: the directory counts \(pagesCount) pages and has room for \(pagesRoom)")
    // SAFETY: only the addresses are compared, nothing is read through them.
    let addresses = (0..<pagesCount).map { UInt(bitPattern: pages[$0]) }.sorted()
    let pageBytes = UInt(Self.pageRows * MemoryLayout<Element>.stride)
    for (page, next) in zip(addresses, addresses.dropFirst()) {
      precondition(next - page >= pageBytes, "I2: two pages share memory")
    }
  }
}
