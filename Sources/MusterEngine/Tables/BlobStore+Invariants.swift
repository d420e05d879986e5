extension BlobStore {
  /// Checks the numbered invariants; traps on a violation.
  ///
  /// - Complexity: O(cells touched).
  package func checkInvariants() {
    var cells = 0
    var used = 0
    var reserved = 0
    for row in 0..<slabRows.rows {
      let slab = Slot(UInt32(row))
      guard slabRows.isLive(slab) else {
        precondition(slabs[slab].base == nil, "I3: slab \(row) was given back and has memory")
        continue
      }
      let (live, bytes) = checkCells(of: slab)
      cells += live
      used += bytes
      reserved += slabs[slab].bytes
    }
    precondition(cells == count, "I3: \(cells) byte strings are live, \(count) are counted")
    precondition(used == bytesUsed, "I3: \(used) bytes are live, \(bytesUsed) are counted")
    precondition(reserved == bytesReserved, "I3: slabs have \(reserved) bytes, \(bytesReserved) are counted")
    checkLists()
  }

  private func checkCells(of slot: Slot) -> (live: Int, bytes: Int) {
    let slab = slabs[slot]
    var isFree = [Bool](repeating: false, count: Int(slab.touched))
    var cell = slab.firstFree
    while cell != Slab.noCell {
      precondition(cell < slab.touched, "I1: cell \(cell) is free and was never touched")
      precondition(!isFree[Int(cell)], "I1: cell \(cell) is free twice")
      isFree[Int(cell)] = true
      cell = slab.nextFree(after: cell)
    }
    var live = 0
    var bytes = 0
    for cell in 0..<Int(slab.touched) {
      let length = slab.length(at: slab.address(of: UInt32(cell)))
      precondition((length == 0) == isFree[cell], "I1: cell \(cell) has length \(length) and its place in the list differs")
      if length > 0 { live += 1 }
      bytes += length
    }
    precondition(live == Int(slab.live), "I1: \(live) cells are live, the slab counts \(slab.live)")
    return (live, bytes)
  }

  private func checkLists() {
    var listed: Set<Slot> = []
    for index in 0..<BlobSizeClass.count {
      var previous = Slot.none
      var slab = roomy[index]
      while slab != .none {
        precondition(listed.insert(slab).inserted, "I2: slab \(slab.rawValue) is in the lists twice")
        precondition(slabs[slab].sizeClass?.index == index, "I2: slab \(slab.rawValue) is in the list of another class")
        precondition(slabs[slab].previous == previous, "I2: slab \(slab.rawValue) does not know what stands before it")
        previous = slab
        slab = slabs[slab].next
      }
    }
    for row in 0..<slabRows.rows where slabRows.isLive(Slot(UInt32(row))) {
      let slab = Slot(UInt32(row))
      let shouldBeListed = slabs[slab].sizeClass != nil && slabs[slab].hasRoom
      precondition((listed.remove(slab) != nil) == shouldBeListed, "I2: slab \(row) is listed wrongly")
    }
    precondition(listed.isEmpty, "I2: slabs without memory are listed")
  }
}
