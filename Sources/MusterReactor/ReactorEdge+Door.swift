#if os(Linux)
  import CLinux
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterModel
  import MusterWire

  // The front door: sockets come in, and stay or go elsewhere.
  extension ReactorEdge {
    /// How many sockets are accepted before others are read again.
    private static let acceptsMax = 64
    /// How long accepting rests when there are no descriptors left.
    private static let acceptPause: UInt64 = 100_000_000

    /// Begins to accept.
    func listen(on socket: ListeningSocket) {
      listening = socket
      watchListener()
    }

    /// Lets go of the listening socket.
    func stopAccepting() {
      guard let socket = listening else { return }
      table.poll.remove(socket.descriptor)
      listening = nil
    }

    private func watchListener() {
      guard let socket = listening else { return }
      if !table.poll.add(socket.descriptor, .listener, [.readable, .exclusive]) {
        common.notice(.cannotAccept(ReactorError("epoll_ctl")))
      }
    }

    /// Accepts what is waiting, up to a limit; the rest is reported again.
    func acceptSome(with shard: isolated ConnectionShard) {
      guard let socket = listening, acceptingPausedUntil == 0 else { return }
      for _ in 0..<Self.acceptsMax {
        var address = sockaddr_storage()
        guard let descriptor = accept(socket.descriptor, &address) else {
          if errno == EINTR || errno == ECONNABORTED { continue }
          return cannotAccept(ReactorError("accept4"))
        }
        table.counters.accepted &+= 1
        guard common.admission.open() else {
          Glibc.close(descriptor)
          continue
        }
        if let other = door.balance.lighter(than: door.index) {
          door.balance.hand(.accepted(descriptor), to: other)
        } else {
          door.balance.add(door.index)
          enter(descriptor, from: address, with: shard)
        }
      }
    }

    /// Accepts one socket, with the address of its peer.
    ///
    /// - Returns: Its descriptor; `nil` when there is none, and `errno` says why.
    static func acceptSocket(_ listener: Int32, _ address: inout sockaddr_storage) -> Int32? {
      PeerAddress.filling(&address) { accept4(listener, $0, $1, Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)) }
    }

    private func cannotAccept(_ error: ReactorError) {
      switch error.code {
      case EAGAIN, EWOULDBLOCK: break
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        common.notice(.outOfDescriptors(error))
        acceptingPausedUntil = now &+ Self.acceptPause
        if let socket = listening { table.poll.remove(socket.descriptor) }
      // The listener was shut down; the word that it is over is on its way.
      case EINVAL, EBADF: stopAccepting()
      default: common.notice(.cannotAccept(error))
      }
    }

    /// Goes on accepting after a pause.
    func resumeAccepting() {
      guard acceptingPausedUntil != 0, now >= acceptingPausedUntil else { return }
      acceptingPausedUntil = 0
      watchListener()
    }

    /// Takes in a socket that another thread had.
    func take(_ arrival: Arrival, now: UInt64) {
      self.now = now
      guard let shard else { return abandon(arrival) }
      shard.assumeIsolated { shard in
        switch arrival {
        case .accepted(let descriptor): enter(descriptor, from: nil, with: shard)
        case .adopted(let socket): adopt(socket, with: shard)
        }
      }
    }

    // MARK: Looking

    /// What the first bytes of a socket say.
    private enum Look {
      case upgrade(UpgradeHead)
      /// Nothing has come yet.
      case nothing
      case elsewhere
      case ended
    }

    /// Looks at the first bytes without taking them.
    // SAFETY: at most `bytesMax` bytes of the input are written, and nothing refers to them once the head has been read.
    private func look(at descriptor: Int32) -> Look {
      let bytesMax = min(table.input.count, common.limits.headerBytesMax)
      let count = recv(descriptor, table.input.baseAddress, bytesMax, Int32(MSG_PEEK))
      guard count > 0 else { return count < 0 && SocketTable.isTemporary(errno) ? .nothing : .ended }
      let bytes = UnsafeRawBufferPointer(rebasing: table.input[..<count]).bytes
      return UpgradeHead.read(bytes, path: UpgradeJudge.path, bytesMax: bytesMax).map { .upgrade($0) } ?? .elsewhere
    }

    /// Takes in a fresh socket: most have sent their request by the time they are accepted.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - address: Its peer, if that was told when it was accepted; otherwise the system is asked when it matters.
    ///   - shard: That of this plane.
    private func enter(_ descriptor: Int32, from address: sockaddr_storage?, with shard: isolated ConnectionShard) {
      switch look(at: descriptor) {
      case .upgrade(let head):
        let address = address.map { PeerAddress($0) } ?? PeerAddress(of: descriptor)
        guard let peer = admit(head, from: address) else { return giveAway(descriptor) }
        guard let slot = table.add(descriptor) else { return turnOut(descriptor) }
        upgrade(slot, head, peer, with: shard)
      case .nothing:
        guard let slot = table.add(descriptor) else { return turnOut(descriptor) }
        requestDeadlines.arm(table.tag(of: slot), now: now)
      case .elsewhere: giveAway(descriptor)
      case .ended: turnOut(descriptor)
      }
    }

    /// Looks at a fresh socket that has become readable.
    func look(at slot: Slot, with shard: isolated ConnectionShard) {
      let descriptor = table.rows[slot].descriptor
      switch look(at: descriptor) {
      case .upgrade(let head):
        if let peer = admit(head, from: PeerAddress(of: descriptor)) { return upgrade(slot, head, peer, with: shard) }
        giveAway(table.remove(slot), isWatched: true)
      case .nothing: break
      case .elsewhere: giveAway(table.remove(slot), isWatched: true)
      case .ended: remove(slot)
      }
    }

    /// Decides about a sound request whose bytes stand in the input.
    private func admit(_ head: UpgradeHead, from address: PeerAddress) -> (peer: Peer, key: AddressKey)? {
      // SAFETY: the head was found in these bytes, and nothing is read into the input before the judge has answered.
      let bytes = UnsafeRawBufferPointer(rebasing: table.input[..<head.bytes]).bytes
      return common.judge.admit(head, in: bytes, from: address.text).map { ($0, address.key) }
    }

    /// Closes a socket that has no row.
    private func turnOut(_ descriptor: Int32) {
      door.balance.remove(door.index)
      Arrival.accepted(descriptor).abandon(common.admission)
    }

    /// Hands a socket on, as if nobody had looked at it.
    private func giveAway(_ descriptor: Int32, isWatched: Bool = false) {
      guard let listening else { return turnOut(descriptor) }
      if isWatched { table.poll.remove(descriptor) }
      door.balance.remove(door.index)
      common.admission.close(.http)
      listening.elsewhere(descriptor)
    }

    // MARK: Upgrading

    /// Makes a WebSocket of a row: takes the request from the socket and answers it.
    // SAFETY: the key is used up before the input is read into, and a head is never longer than the input.
    private func upgrade(
      _ slot: Slot, _ head: UpgradeHead, _ peer: (peer: Peer, key: AddressKey), with shard: isolated ConnectionShard
    ) {
      let accept = UnsafeRawBufferPointer(rebasing: table.input[head.key.range]).bytes
      let answer = UpgradeAnswer(accept: WebSocketHandshake.accept(key: accept), hasSubprotocol: head.offersSubprotocol)
      // Exactly the head: frames that came with it stay where they are, and are reported again.
      guard recv(table.rows[slot].descriptor, table.input.baseAddress, head.bytes, 0) == head.bytes else { return remove(slot) }
      table.counters.upgraded &+= 1
      current = slot
      let piece = table.arena.write(room: UpgradeAnswer.bytesMax) { answer.write(into: $0) }
      table.enqueue(piece, to: slot)
      let overload = common.admission.upgrade(peer.key)
      if overload == nil {
        table.rows[slot].flags.insert(.admitted)
        table.rows[slot].address = peer.key
      }
      open(slot, peer.peer, overload.map { Refusal(.overloaded, $0) }, with: shard)
      current = .none
      flush(slot)
    }

    /// Makes a row of a socket that somebody else has upgraded.
    private func adopt(_ socket: AdoptedSocket, with shard: isolated ConnectionShard) {
      // Whoever had it before may have waited for it in another way.
      _ = fcntl(socket.descriptor, F_SETFL, O_NONBLOCK)
      guard let slot = table.add(socket.descriptor) else { return abandon(.adopted(socket)) }
      if case .webSocket(let address) = socket.place {
        table.rows[slot].flags.insert(.admitted)
        table.rows[slot].address = address
      }
      table.rows[slot].state = GatewayConnection(speaking: socket.grant.subprotocol)
      current = slot
      // SAFETY: the pointer is used inside the closure only; the arena copies.
      table.enqueue(Array(socket.grant.response.utf8).withUnsafeBytes { table.arena.write($0) }, to: slot)
      // It could not become a WebSocket where it comes from, so it still counts as HTTP: there were too many.
      let refusal = table.rows[slot].flags.contains(.admitted) ? nil : Refusal(.overloaded)
      open(slot, socket.grant.peer, refusal, with: shard)
      var leftover = socket.leftover
      leftover.withUnsafeMutableBytes { takeSteps(slot, $0, from: 0, with: shard) }
      current = .none
      flush(slot)
    }

    /// Makes a new WebSocket known to the engine, or refuses it.
    private func open(_ slot: Slot, _ peer: Peer, _ refusal: Refusal?, with shard: isolated ConnectionShard) {
      table.rows[slot].phase = .webSocket
      if let refusal { return turnAway(slot, peer, refusal) }
      guard let connection = shard.open(remote: peer.address) else {
        return turnAway(slot, peer, Refusal(.overloaded, "This data-plane thread holds as many connections as it may."))
      }
      if table.rows[slot].state.isRelay {
        guard shard.beginRelay(connection) else {
          shard.closed(connection, .lost)
          return turnAway(slot, peer, Refusal(.drain))
        }
      } else {
        peers[slot] = peer
      }
      table.connect(slot, to: connection)
    }

    private func turnAway(_ slot: Slot, _ peer: Peer, _ refusal: Refusal) {
      common.notice(.turnedAway(address: peer.address, refusal))
      if !table.rows[slot].state.isRelay { reply(.refused(refusal), to: .none, on: slot) }
      close(slot, refusal)
    }
  }
#endif
