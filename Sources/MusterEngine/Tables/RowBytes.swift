extension SessionState {
  /// The bytes of one row of each table, and of one entry of the structures around them.
  ///
  /// What a session or a membership costs is the sum of its parts. Compared with recorded values, so that a field is not added
  /// unnoticed.
  package static var rowBytes: [String: Int] {
    [
      "session": MemoryLayout<SessionRow>.stride,
      "session-parts": MemoryLayout<SessionParts>.stride,
      "user": MemoryLayout<UserRow>.stride,
      "attachment": MemoryLayout<AttachmentRow>.stride,
      "membership": MemoryLayout<MembershipRow>.stride,
      "place": MemoryLayout<PlaceRow>.stride,
      "timer": MemoryLayout<TimingWheel.Link>.stride,
      "bucket": MemoryLayout<BucketTable.Bucket>.stride,
      "row-state": MemoryLayout<SlotAllocator.RowState>.stride,
    ]
  }
}

extension ConnectionState {
  /// The bytes of one row of each table.
  package static var rowBytes: [String: Int] {
    [
      "connection": MemoryLayout<ConnectionRow>.stride,
      "edge": MemoryLayout<EdgeRow>.stride,
      "watch": MemoryLayout<WatchRow>.stride,
    ]
  }
}
