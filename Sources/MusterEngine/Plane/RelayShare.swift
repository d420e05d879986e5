package import MusterModel

/// The entries of a relay's batch that are one shard's.
package struct RelayShare: Sendable {
  package enum Work: Sendable {
    case heartbeats([SessionID])
    case opens([RelayLogin])
    case closes([RelayClose])
  }

  package var work = Work.heartbeats([])
  /// Where in the batch each entry stood.
  package var positions: [UInt32] = []
}

/// A login of a relay on its way to the shard that owns the user: a guest has an id by now.
package struct RelayLogin: Sendable {
  package var login: Login
  package var device: Device
  package var idleTTLMilliseconds: Int?
}

/// What became of a ``RelayShare``.
package struct RelayOutcome: Sendable {
  /// Where in the batch entries stood whose sessions are not known.
  package var unknown: [UInt32] = []
  package var opened: [(position: UInt32, result: Result<SessionID, ErrorCode>)] = []
}
