import MusterServer

/// What a newcomer is told when a development server is ready.
enum DevelopmentHint {
  /// The addresses, and three lines to paste.
  static func text(_ addresses: ServerAddresses) -> String {
    """

    Muster is ready. Clients: ws://\(addresses.public)/v1/connect   Admin: http://\(addresses.admin)
    This is development mode: whoever says "user":"alice" is alice. Paste the first line into a second terminal (once: pip \
    install websockets), the second into what it opens, and the third into a third terminal:

      python3 -m websockets ws://\(addresses.public)/v1/connect
      {"op":"hello","id":1,"user":"alice"}
      curl http://\(addresses.admin)/v1/users/alice

    """
  }
}
