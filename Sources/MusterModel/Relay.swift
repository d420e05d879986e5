/// What a backend that keeps the sockets of its clients itself asks for many sessions at once.
package enum RelayRequest: Sendable, Hashable {
  /// These sessions were heard.
  case heartbeats([SessionID])
  case opens([RelayOpen])
  case closes([RelayClose])

  /// The most entries of one request.
  package static let entriesMax = 10_000

  /// The kind, which the reply names as well.
  package var kind: RelayKind {
    switch self {
    case .heartbeats: .heartbeats
    case .opens: .opens
    case .closes: .closes
    }
  }

  /// How many sessions it is about.
  package var count: Int {
    switch self {
    case .heartbeats(let sessions): sessions.count
    case .opens(let opens): opens.count
    case .closes(let closes): closes.count
    }
  }
}

/// A login that a backend has seen.
package struct RelayOpen: Sendable, Hashable {
  /// `nil` for a guest, who gets an id.
  package var user: UserID?
  package var device: Device
  /// Milliseconds, clamped to configured bounds; `nil` takes the configured value.
  package var idleTTLMilliseconds: Int?

  package init(user: UserID?, device: Device, idleTTLMilliseconds: Int? = nil) {
    self.user = user
    self.device = device
    self.idleTTLMilliseconds = idleTTLMilliseconds
  }
}

/// The end of a session's last socket.
package struct RelayClose: Sendable, Hashable {
  package enum How: UInt8, Sendable, CaseIterable {
    /// The user is gone at once; the session can be resumed.
    case leave = 0
    /// The session ends.
    case logout = 1
  }

  package var session: SessionID
  package var how: How

  package init(session: SessionID, how: How) {
    self.session = session
    self.how = how
  }
}

/// What became of a ``RelayRequest``.
package enum RelayReply: Sendable, Hashable {
  /// Renewed, but for the entries at these positions, whose sessions are not known; ascending.
  case heartbeats(unknown: [UInt32])
  /// The session of each entry, in their order, or why there is none.
  case opens([Result<SessionID, ErrorCode>])
  /// Done, but for the entries at these positions, whose sessions are not known; ascending.
  case closes(unknown: [UInt32])
  /// Nothing was done.
  case refused(ErrorCode)
}

/// The kinds of batches, by the byte that names them.
package enum RelayKind: UInt8, Sendable, CaseIterable {
  case heartbeats = 1
  case opens = 2
  case closes = 3
}
