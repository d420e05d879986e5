import MusterEngine
import Testing

@Suite("Column")
struct ColumnTests {
  @Test("a new row has the initial value, however the column grew")
  func initialValue() {
    var column = Column(repeating: 7)
    #expect(column.rows == 0)
    column.grow(toHold: 1)
    #expect(column.rows == Column<Int>.stepRows)
    column.checkInvariants()
    column.grow(toHold: 3 * Column<Int>.pageRows + 1)
    #expect(column.rows == 3 * Column<Int>.pageRows + Column<Int>.stepRows)
    for row in 0..<column.rows where column[Slot(UInt32(row))] != 7 { Issue.record("row \(row) has another value") }
    column.checkInvariants()
  }

  @Test("growth keeps every value, moves no row, and never shrinks")
  func growthKeepsRows() {
    var column = Column(repeating: UInt32(0))
    column.grow(toHold: 10_000)
    for row in 0..<10_000 as Range<UInt32> { column[Slot(row)] = row &* 3 }
    let before = withUnsafePointer(to: &column[Slot(5_000)]) { UInt(bitPattern: $0) }
    column.grow(toHold: 1_000_000)
    column.grow(toHold: 10)
    let after = withUnsafePointer(to: &column[Slot(5_000)]) { UInt(bitPattern: $0) }
    #expect(before == after)
    #expect(column.rows >= 1_000_000)
    for row in 0..<10_000 as Range<UInt32> where column[Slot(row)] != row &* 3 { Issue.record("row \(row) has changed") }
    #expect(column[Slot(999_999)] == 0)
    column.checkInvariants()
  }

  @Test("rows in large pages keep their values, also where a page is not full of them")
  func largePages() {
    struct Row: Equatable {
      var number: UInt32 = 0
      var twice: UInt32 = 0
      var thrice: UInt32 = 0

      init(_ number: UInt32) { (self.number, twice, thrice) = (number, number &* 2, number &* 3) }
    }
    let count = UInt32(Column<Row>.largeRows) + 400_000
    for _ in 0..<2 {
      // The second time pages are used again that held rows.
      var column = Column(repeating: Row(1))
      for row in 0..<count {
        column.grow(toHold: Int(row) + 1)
        if column[Slot(row)] != Row(1) { Issue.record("row \(row) begins otherwise") }
        column[Slot(row)] = Row(row)
      }
      for row in 0..<count where column[Slot(row)] != Row(row) { Issue.record("row \(row) has changed") }
      column.checkInvariants()
    }
  }

  @Test("a table that grows row by row brings few rows to life at once")
  func boundedGrowth() {
    var column = Column(repeating: UInt64(1))
    for row in 0..<20_000 as Range<UInt32> {
      let before = column.rows
      column.grow(toHold: Int(row) + 1)
      if column.rows - before > Column<UInt64>.stepRows { Issue.record("row \(row) brought \(column.rows - before) to life") }
      if column[Slot(row)] != 1 { Issue.record("row \(row) begins as \(column[Slot(row)])") }
      column[Slot(row)] = 2
    }
    column.checkInvariants()
  }

  @Test("a collection in a row is changed in place, without a copy")
  func changesInPlace() {
    var column = Column(repeating: [Int]())
    column.grow(toHold: 1)
    let slot = Slot(0)
    column[slot].reserveCapacity(100)
    let before = column[slot].withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    for value in 0..<100 { column[slot].append(value) }
    let after = column[slot].withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    #expect(before == after)
    #expect(column[slot] == Array(0..<100))
    #expect(column[Slot(1)].isEmpty)
  }

  @Test("elements that own something are released: the old one at a write, all of them with the column")
  func releasesElements() {
    final class Token {}
    weak var overwritten: Token?
    weak var kept: Token?
    weak var initial: Token?
    do {
      let first = Token()
      initial = first
      var column = Column<Token>(repeating: first)
      column.grow(toHold: 5_000)
      column[Slot(4_999)] = {
        let token = Token()
        overwritten = token
        return token
      }()
      #expect(overwritten != nil)
      column[Slot(4_999)] = {
        let token = Token()
        kept = token
        return token
      }()
      #expect(overwritten == nil)
      #expect(kept != nil)
    }
    #expect(kept == nil)
    #expect(initial == nil)
  }
}
