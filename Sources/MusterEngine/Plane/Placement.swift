package import MusterModel

/// Which plane holds what.
///
/// The same in every process with as many planes.
package struct Placement: Sendable, Hashable {
  /// How many planes there are.
  package let planes: Int

  package init(planes: Int) {
    precondition((1...1022).contains(planes), "\(planes) planes; a connection id has room for 1 to 1022")
    self.planes = planes
  }

  /// The number behind the last plane: replies to the control plane go there.
  package var desk: Int { planes }

  package func plane(of user: UserID) -> Int { plane(ofBits: user.placement) }

  /// The plane of a user, or of a session, with these placement bits.
  package func plane(ofBits bits: UInt16) -> Int { Int(bits) % planes }

  package func plane(of session: SessionID) -> Int { Int(session.placement) % planes }

  package func plane(of login: Login) -> Int { Int(login.placement) % planes }

  package func plane(of channel: ChannelName) -> Int { Int(channel.placement % UInt64(planes)) }
}
