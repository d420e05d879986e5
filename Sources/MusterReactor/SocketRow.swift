#if os(Linux)
  import MusterEdge
  import MusterEngine
  import MusterModel

  /// What a socket is, as far as anybody knows.
  enum SocketPhase: UInt8 {
    /// Nothing has come from it yet.
    case fresh
    /// A WebSocket, until it is gone.
    case webSocket
  }

  /// What holds for a socket at the moment.
  struct SocketFlags: OptionSet {
    var rawValue: UInt16

    /// It is in the list of rows to be written out with the round.
    static let urgent = SocketFlags(rawValue: 1 << 0)
    /// It is in the queue of rows to be written out slice by slice.
    static let bulk = SocketFlags(rawValue: 1 << 1)
    /// The engine is to be told how its queue is.
    static let noted = SocketFlags(rawValue: 1 << 2)
    /// What the engine was last told of it.
    static let congested = SocketFlags(rawValue: 1 << 3)
    /// The engine wants nothing more from it.
    static let paused = SocketFlags(rawValue: 1 << 4)
    /// It did not take all that it was sent; the rest is in a queue.
    static let pushingBack = SocketFlags(rawValue: 1 << 5)
    /// The engine knows it; `connection` is its name.
    static let connected = SocketFlags(rawValue: 1 << 6)
    /// It counts as a WebSocket of its address; otherwise as an HTTP socket.
    static let admitted = SocketFlags(rawValue: 1 << 7)
    /// Once everything is written, the outgoing direction ends.
    static let finishing = SocketFlags(rawValue: 1 << 8)
    /// The outgoing direction has ended.
    static let shut = SocketFlags(rawValue: 1 << 9)
    /// The beginning of a long frame is kept in memory of its own.
    static let longFrame = SocketFlags(rawValue: 1 << 10)
    /// The beginning of a short frame is kept as `partial`.
    static let shortFrame = SocketFlags(rawValue: 1 << 11)
    /// The beginning of a frame is kept, of whatever length.
    static let anyFrame = SocketFlags(rawValue: 1 << 10 | 1 << 11)
  }

  /// One socket, in 56 bytes.
  ///
  /// What only few sockets have at a time is in tables beside: who is behind it before it has said hello, a queue, a partial frame.
  struct SocketRow {
    var descriptor: Int32 = -1
    var flags: SocketFlags = []
    var phase = SocketPhase.fresh
    /// Valid while `connected`.
    var connection = ConnectionID(rawValue: 0)
    /// What is to be sent with the next flush.
    var chain = OutputChain()
    /// Everything that has not left yet: the chain and the queue.
    var unsentBytes: UInt32 = 0
    /// The beginning of a short frame.
    var partial = BlobRef.none
    /// Valid once `admitted`.
    var address = AddressKey.other
    var state = GatewayConnection()
  }
#endif
