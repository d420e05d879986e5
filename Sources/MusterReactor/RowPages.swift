#if os(Linux)
  import MusterEngine

  /// The rows of a table of one thread, in pages that never move.
  ///
  /// What a ``Column`` is to the engine. That one is generic and another module's, so each look at a row would be a call of code that
  /// knows nothing of the row's type; a heartbeat looks at rows a dozen times, and here it costs two loads.
  ///
  /// - Invariant: I1. Every row below ``rows`` is initialised, and no row above.
  /// - Invariant: I2. A row has the same address until ``deallocate()``.
  /// ### Ownership
  /// Copies name the same memory. It belongs to the table that made it, which calls ``deallocate()`` once, at its end. Not a `~Copyable`
  /// value with a `deinit`: Swift 6.3 leaves that out when a generic one is destroyed in another file.
  // SAFETY: the directory and its pages are allocated by `addRows` and freed by `deallocate` alone. A slot is below `rows` (asserted,
  // the caller's duty in release builds), so its page is in the directory and its row initialised.
  struct RowPages<Row> {
    private static var pageBits: Int { 12 }
    private static var pageRows: Int { 1 << pageBits }
    /// How many rows are brought to life at once, so that no turn pays for a whole page.
    private static var stepRows: Int { 256 }

    private let blank: Row
    private var pages: UnsafeMutablePointer<UnsafeMutablePointer<Row>>
    private var pagesRoom = 4
    /// The number of rows that can be used.
    private(set) var rows = 0

    init(repeating blank: Row) {
      self.blank = blank
      pages = .allocate(capacity: pagesRoom)
    }

    /// Frees everything; the last that happens to the pages.
    func deallocate() {
      for row in stride(from: 0, to: rows, by: Self.pageRows) {
        let page = pages[row >> Self.pageBits]
        page.deinitialize(count: min(Self.pageRows, rows - row))
        page.deallocate()
      }
      pages.deallocate()
    }

    /// Makes the table at least so long.
    ///
    /// - Complexity: O(1) when it is; otherwise O(rows added).
    @inline(__always)
    mutating func grow(toHold count: Int) {
      while rows < count { addRows() }
    }

    @inline(never)
    private mutating func addRows() {
      let inPage = rows & (Self.pageRows - 1)
      let page = rows >> Self.pageBits
      if inPage == 0 {
        if page == pagesRoom {
          let roomier = UnsafeMutablePointer<UnsafeMutablePointer<Row>>.allocate(capacity: pagesRoom * 2)
          roomier.moveInitialize(from: pages, count: page)
          pages.deallocate()
          pages = roomier
          pagesRoom *= 2
        }
        (pages + page).initialize(to: .allocate(capacity: Self.pageRows))
      }
      (pages[page] + inPage).initialize(repeating: blank, count: Self.stepRows)
      rows += Self.stepRows
    }

    /// One row, in place.
    subscript(slot: Slot) -> Row {
      @inline(__always)
      unsafeAddress { UnsafePointer(address(of: slot)) }
      @inline(__always)
      nonmutating unsafeMutableAddress { address(of: slot) }
    }

    /// Where a row is, for as long as the table lives.
    @inline(__always)
    func address(of slot: Slot) -> UnsafeMutablePointer<Row> {
      let row = Int(slot.rawValue)
      assert(row < rows, "row \(row) is outside of a table of \(rows) rows")
      return pages[row &>> Self.pageBits] + row & (Self.pageRows - 1)
    }
  }

  extension Slot {
    /// The same as a comparison with ``Slot/none``, which would be a call.
    @inline(__always)
    var isNone: Bool { rawValue == .max }
  }
#endif
