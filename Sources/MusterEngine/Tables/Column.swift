private import CMemory

/// One column of a table: the same field of every row, in pages that never move.
///
/// A table of ten million rows must not be copied to hold one row more, and a heartbeat must reach its field without a
/// retain, a copy or a hash. So rows live in pages of 4,096, and growth adds to the last page or begins another. Only the
/// directory of pages is ever copied: 8 bytes for each page, 20 KB at ten million rows.
///
/// A page is brought to life 256 rows at a time. The first touch of memory is what costs (a fault for each 4 KiB), and a table
/// grows all its columns in the same turn: whole pages would be dozens to hundreds of faults in one call.
///
/// From ``largeRows`` on, pages come in runs that lie in ``LargeMemory``: then a fault is for 2 MiB at once, and rare. What the next
/// rows will be in is made ready ahead, by another thread.
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
  @inlinable @inline(__always) static var pageBits: Int { 12 }
  /// So many rows are in pages of their own, and as many in each run of pages behind them.
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
    // SAFETY: the run that the last rows are in, which the directory owns, and the one that comes behind it, which this object owns
    // until its first page is in the directory.
    private var run: UnsafeMutableRawPointer?
    private var nextRun: UnsafeMutableRawPointer?
    /// How many bytes of `run` are ready, or are being made ready.
    private var runBytesReady = 0

    var pagesCount: Int { (rows + pageRows - 1) >> pageBits }

    init(_ initial: Element) {
      self.initial = initial
      pages = .allocate(capacity: pagesRoom)
    }

    deinit {
      for page in 0..<pagesCount { pages[page].deinitialize(count: min(pageRows, rows - page << pageBits)) }
      for page in 0..<min(pagesCount, Self.pagesOfRun) { pages[page].deallocate() }
      for page in stride(from: Self.pagesOfRun, to: pagesCount, by: Self.pagesOfRun) {
        LargeMemory.free(pages[page], bytes: Self.bytesOfRun)
      }
      if let nextRun { LargeMemory.free(nextRun, bytes: Self.bytesOfRun) }
      pages.deallocate()
    }

    /// Brings the next rows to life.
    func addRows() {
      let inPage = rows & (pageRows - 1)
      if inPage == 0 { addPage() }
      (pages[rows >> pageBits] + inPage).initialize(repeating: initial, count: stepRows)
      rows += stepRows
      if rows > largeRows - Self.rowsAhead { prepareAhead() }
    }

    /// Has the memory made ready that the next rows will be in.
    private func prepareAhead() {
      if rows > largeRows, let run, runBytesReady < Self.bytesOfRun {
        let used = rows % largeRows * MemoryLayout<Element>.stride
        guard used + LargeMemory.pageBytes > runBytesReady else { return }
        // SAFETY: runs have whole pages, so the next one begins and ends in it.
        LargeMemory.prepare(run + runBytesReady, bytes: LargeMemory.pageBytes)
        runBytesReady += LargeMemory.pageBytes
      } else if nextRun == nil {
        let run = LargeMemory.allocate(bytes: Self.bytesOfRun)
        LargeMemory.prepare(run, bytes: LargeMemory.pageBytes)
        nextRun = run
      }
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

    /// So many rows before the first run is needed, its beginning is made ready.
    private static var rowsAhead: Int { 1 << 15 }
    private static var pagesOfRun: Int { largeRows >> pageBits }
    private static var bytesOfRun: Int { largeRows * MemoryLayout<Element>.stride }

    /// A page of its own, the first of a run, or the next of it.
    private func makePage(_ number: Int) -> Page {
      if number < Self.pagesOfRun { return .allocate(capacity: pageRows) }
      if number % Self.pagesOfRun != 0 { return pages[number - 1] + pageRows }
      // SAFETY: the run is aligned to 2 MiB and has room for all its rows, nobody else knows it, and the first page owns it.
      let run = nextRun ?? LargeMemory.allocate(bytes: Self.bytesOfRun)
      runBytesReady = nextRun == nil ? 0 : LargeMemory.pageBytes
      (self.run, nextRun) = (run, nil)
      return run.bindMemory(to: Element.self, capacity: largeRows)
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
