private import CMemory

/// One column of a table: the same field of every row, in pages that never move.
///
/// A table of ten million rows must not be copied to hold one row more, and a heartbeat must reach its field without a
/// retain, a copy or a hash. So rows live in pages of 2,048, and growth adds to the last page or begins another. Only the
/// directory of pages is ever copied: 8 bytes for each page, 40 KB at ten million rows.
///
/// A page is brought to life 256 rows at a time. The first touch of memory is what costs (a fault for each 4 KiB), and a table
/// grows all its columns in the same turn: whole pages would be dozens to hundreds of faults in one call.
///
/// From ``largeRows`` on, as many pages as fit share one of ``LargePages``, which has been touched ahead, by another thread.
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
  @inlinable @inline(__always) package static var pageRows: Int { 1 << pageBits }
  /// How many rows are brought to life at once.
  package static var stepRows: Int { 256 }
  @inlinable @inline(__always) static var pageBits: Int { 11 }
  /// So many rows are in pages of their own, and those behind them in large pages.
  package static var largeRows: Int { 1 << 19 }

  // SAFETY: only a name; see `pages`.
  @usableFromInline typealias Page = UnsafeMutablePointer<Element>

  private let owner: Owner
  // SAFETY: the owner's directory, kept here so that a row is reached without a look at the owner. It is valid as long as the
  // owner, which lives as long as this value, and is replaced whenever the owner replaces it.
  @usableFromInline var pages: UnsafeMutablePointer<Page>
  /// The number of rows that can be used: a multiple of ``stepRows``.
  package private(set) var rows = 0

  /// An empty column whose rows will begin with `initial`.
  ///
  /// The first page comes with the first row.
  package init(repeating initial: Element) {
    owner = Owner(initial)
    pages = owner.pages
  }

  /// The memory of all rows, in bytes; not what the elements themselves refer to.
  package var bytesReserved: Int { rows * MemoryLayout<Element>.stride }

  /// Makes the column at least `rows` long.
  ///
  /// - Complexity: O(1) when it is; otherwise O(rows added), which is ``stepRows`` for a table that grows row by row.
  @inline(__always)
  package mutating func grow(toHold rows: Int) {
    if rows > self.rows { addRows(toHold: rows) }
  }

  @inline(never)
  private mutating func addRows(toHold rows: Int) {
    while self.rows < rows {
      owner.addRows()
      pages = owner.pages
      self.rows = owner.rows
    }
  }

  /// The field of one row, in place: reading copies only what is read, writing writes only what is written.
  ///
  /// - Precondition: The slot is below ``rows``. Checked in debug builds only; this is the path of every heartbeat.
  /// - Complexity: O(1), two loads.
  @inlinable
  package subscript(slot: Slot) -> Element {
    // SAFETY: the address is that of an initialised row (I1) that does not move (I2). The compiler holds `self` for reading or
    // writing for as long as it uses the address, and the pages are freed only with `self`, by its owner.
    @inlinable @inline(__always)
    unsafeAddress { UnsafePointer(address(of: slot)) }
    @inlinable @inline(__always)
    unsafeMutableAddress { address(of: slot) }
  }

  /// Asks for the first bytes of a row, without waiting for them.
  ///
  /// Any slot may be asked for; one that is no row is passed over.
  ///
  /// - Complexity: O(1); one or two lines of the cache are on their way then.
  @inline(__always)
  func prefetch(_ slot: Slot, bytes: Int) {
    guard Int(slot.rawValue) < rows else { return }
    // SAFETY: nothing is read; both addresses are within the row.
    let address = UnsafeRawPointer(address(of: slot))
    muster_prefetch(address)
    muster_prefetch(address + (bytes - 1))
  }

  @inlinable @inline(__always)
  func address(of slot: Slot) -> UnsafeMutablePointer<Element> {
    let row = Int(slot.rawValue)
    assert(row < rows, "row \(row) is outside of a column of \(rows) rows")
    // SAFETY: the row is below `rows` (asserted above, the caller's duty in release builds), so its page is in the directory.
    return pages[row &>> Self.pageBits] + row & (Self.pageRows - 1)
  }
}

extension Column {
  /// Owns the memory of a column, and frees it.
  ///
  /// A class, although a `deinit` of the column itself would do: Swift 6.3 leaves out the `deinit` of a *generic* `~Copyable`
  /// struct that is destroyed in another file than its own, unless the whole module is optimised at once, so debug builds would
  /// leak. Nothing but growth looks at it.
  // SAFETY: the pages that hold the rows below `rows` are allocated, and these rows initialised; all are freed only here. The
  // directory holds as many initialised pointers, which are trivial.
  private final class Owner {
    let initial: Element
    var pages: UnsafeMutablePointer<Page>
    var pagesRoom = 4
    var rows = 0
    var pagesCount: Int { (rows + pageRows - 1) >> pageBits }

    init(_ initial: Element) {
      self.initial = initial
      pages = .allocate(capacity: pagesRoom)
    }

    deinit {
      for page in 0..<pagesCount { pages[page].deinitialize(count: min(pageRows, rows - page << pageBits)) }
      for page in 0..<pagesCount {
        switch Self.place(of: page) {
        case nil: pages[page].deallocate()
        case 0: LargePages.shared.give(UnsafeMutableRawPointer(pages[page]))
        default: break
        }
      }
      pages.deallocate()
    }

    /// Brings the next rows to life.
    func addRows() {
      let inPage = rows & (pageRows - 1)
      if inPage == 0 { addPage() }
      (pages[rows >> pageBits] + inPage).initialize(repeating: initial, count: stepRows)
      rows += stepRows
      if rows == Self.rowsBeforeLarge { LargePages.shared.warm() }
    }

    /// Adds a page without rows; the directory moves when it is full, the pages stay (I2).
    private func addPage() {
      let count = pagesCount
      if count == pagesRoom {
        let roomier = UnsafeMutablePointer<Page>.allocate(capacity: pagesRoom * 2)
        roomier.moveInitialize(from: pages, count: count)
        pages.deallocate()
        pages = roomier
        pagesRoom *= 2
      }
      (pages + count).initialize(to: makePage(count))
    }

    /// When large pages are to be made ready: several columns of a table will take their first ones in the same turn.
    private static var rowsBeforeLarge: Int { largeRows / 2 }
    /// How many pages of rows a large page holds.
    private static var pagesOfLarge: Int { LargePages.pageBytes / (MemoryLayout<Element>.stride << pageBits) }

    /// Where in its large page a page of rows lies; `nil` for one that has memory of its own.
    private static func place(of page: Int) -> Int? {
      let first = largeRows >> pageBits
      return page < first || pagesOfLarge == 0 ? nil : (page - first) % pagesOfLarge
    }

    // SAFETY: a large page has room for all rows that are placed in it, is aligned for any, and belongs to the first page in it.
    private func makePage(_ number: Int) -> Page {
      switch Self.place(of: number) {
      case nil: .allocate(capacity: pageRows)
      case 0: LargePages.shared.take().bindMemory(to: Element.self, capacity: Self.pagesOfLarge << pageBits)
      default: pages[number - 1] + pageRows
      }
    }
  }
}

extension Column {
  /// Checks the numbered invariants as far as a program can; traps on a violation.
  ///
  /// - Complexity: O(pages log pages).
  package func checkInvariants() {
    precondition(
      pages == owner.pages && rows == owner.rows && rows % Self.stepRows == 0,
      "I1: the column counts \(rows) rows, its owner \(owner.rows)")
    let pagesCount = owner.pagesCount
    precondition(pagesCount <= owner.pagesRoom, "I1: \(pagesCount) pages in a directory for \(owner.pagesRoom)")
    // SAFETY: only the addresses are compared, nothing is read through them.
    let addresses = (0..<pagesCount).map { UInt(bitPattern: pages[$0]) }.sorted()
    let pageBytes = UInt(Self.pageRows * MemoryLayout<Element>.stride)
    for (page, next) in zip(addresses, addresses.dropFirst()) {
      precondition(next - page >= pageBytes, "I2: two pages share memory")
    }
  }
}
