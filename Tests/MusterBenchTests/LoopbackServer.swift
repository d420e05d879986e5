import CLinux
import Glibc
import MusterJSON
import MusterModel
import MusterThreads
import MusterWire
import Synchronization

/// A tiny server of `muster.v1` on a free port of the loopback, with faults on demand.
///
/// Real sockets and the real codec, but no engine: what the load tool is tested against has to be simpler than the tool. One
/// thread owns everything; it ends with ``stop()``, which every test calls.
final class LoopbackServer: Sendable {
  /// What it does wrong.
  enum Fault: Sendable, Equatable {
    case none
    /// The upgrade is answered with 503 and an error of Muster.
    case refusesUpgrade
    /// The hello is answered with an error.
    case refusesHello
    /// Nothing is ever said after the upgrade.
    case staysSilent
    /// Every n-th heartbeat is answered with an error.
    case limitsBeats(Int)
    /// Every n-th heartbeat is answered with a close frame.
    case kicksOnBeat(Int)
    /// Every n-th heartbeat is not answered at all.
    case ignoresBeats(Int)
    /// Counts are one too many.
    case miscounts
    /// Observers are told every n-th change only.
    case conflates(Int)
    /// Observers are told nothing.
    case tellsNobody
    /// Close frames are not answered.
    case ignoresGoodbyes
    /// What is sent is no frame.
    case sendsGarbage
  }

  let url: String
  private let shared: Shared
  private let thread: SystemThread

  /// What the thread and the tests both see.
  fileprivate final class Shared: Sendable {
    let isStopped = Atomic<Bool>(false)
    let pongs = Atomic<Int>(0)
    let goodbyes = Atomic<Int>(0)
    let fault: Fault
    let listener: Int32

    init(fault: Fault, listener: Int32) {
      self.fault = fault
      self.listener = listener
    }
  }

  /// How many pongs came; each connection is pinged once.
  var pongs: Int { shared.pongs.load(ordering: .relaxed) }

  /// How many connections were closed by their client with code 1000.
  var goodbyes: Int { shared.goodbyes.load(ordering: .relaxed) }

  init(_ fault: Fault = .none) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0)
      }
    }
    url = "ws://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/v1/connect"
    shared = Shared(fault: fault, listener: listener)
    thread = .needed { [shared] in LoopbackServer.serve(shared) }
  }

  /// Ends the thread; all connections are closed.
  func stop() {
    shared.isStopped.store(true, ordering: .relaxed)
    thread.join()
  }

  private static func serve(_ shared: Shared) {
    var state = LoopbackState(shared)
    while !shared.isStopped.load(ordering: .relaxed) {
      var waits = [pollfd(fd: shared.listener, events: Int16(POLLIN), revents: 0)]
      waits += state.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&waits, nfds_t(waits.count), 5) > 0 else { continue }
      if waits[0].revents != 0 {
        while case let descriptor = accept(shared.listener, nil, nil), descriptor >= 0 { state.open(descriptor) }
      }
      for wait in waits.dropFirst() where wait.revents != 0 { state.read(wait.fd) }
    }
    for descriptor in state.descriptors { close(descriptor) }
    close(shared.listener)
  }
}

/// Everything that the thread of a ``LoopbackServer`` owns.
private struct LoopbackState {
  private struct Connection {
    var head: [UInt8] = []
    var isUpgraded = false
    var decoder = WebSocketDecoder(role: .server)
    var unread: [UInt8] = []
    var user = ""
  }

  private struct Channel {
    var members: [String: [UInt8]] = [:]
    var observers: [Int32] = []
    var seq = 0
    var told = 0
  }

  private let shared: LoopbackServer.Shared
  private var connections: [Int32: Connection] = [:]
  private var channels: [String: Channel] = [:]
  private var beats = 0
  private var updates = 0

  init(_ shared: LoopbackServer.Shared) {
    self.shared = shared
  }

  private var fault: LoopbackServer.Fault { shared.fault }

  var descriptors: [Int32] { Array(connections.keys) }

  mutating func open(_ descriptor: Int32) {
    connections[descriptor] = Connection()
  }

  mutating func read(_ descriptor: Int32) {
    guard var connection = connections[descriptor] else { return }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return drop(descriptor) }
    bytes.removeLast(bytes.count - count)
    if !connection.isUpgraded {
      connection.head += bytes
      connections[descriptor] = connection
      guard connection.head.suffix(4) == [13, 10, 13, 10] else { return }
      return upgrade(descriptor)
    }
    bytes = connection.unread + bytes
    var messages: [WebSocketEvent] = []
    var offset = 0
    bytes.withUnsafeMutableBytes {
      var span = $0.mutableBytes
      while true {
        let event = connection.decoder.next(in: &span, at: &offset)
        if case .needs = event { return }
        if case .ended = event { return }
        messages.append(event)
      }
    }
    connection.unread = Array(bytes[offset...])
    connections[descriptor] = connection
    for event in messages {
      switch event {
      case .text(let range): answer(Array(bytes[range]), descriptor)
      case .pong: shared.pongs.add(1, ordering: .relaxed)
      case .close(let code, _):
        // Counted before it is answered, so that whoever has the answer finds it counted.
        if code == 1000 { shared.goodbyes.add(1, ordering: .relaxed) }
        if fault == .ignoresGoodbyes { continue }
        send([0x88, 2, 3, 232], to: descriptor)
        drop(descriptor)
      default: drop(descriptor)
      }
    }
  }

  private mutating func drop(_ descriptor: Int32) {
    guard let connection = connections.removeValue(forKey: descriptor) else { return }
    close(descriptor)
    for name in channels.keys {
      channels[name]?.members[connection.user] = nil
      channels[name]?.observers.removeAll { $0 == descriptor }
    }
  }

  private mutating func upgrade(_ descriptor: Int32) {
    if fault == .refusesUpgrade {
      let body = #"{"error":{"code":4003,"name":"overloaded","message":"Full."}}"#
      send(Array("HTTP/1.1 503 Service Unavailable\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8), to: descriptor)
      return
    }
    let head = String(decoding: connections[descriptor]?.head ?? [], as: UTF8.self)
    let line = head.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") }
    let accept = WebSocketHandshake.accept(key: String(line?.dropFirst(19) ?? ""))
    connections[descriptor]?.isUpgraded = true
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
    // A ping follows in the same segment, as an impatient server's might.
    send(Array(answer.utf8) + (fault == .staysSilent ? [] : [0x89, 2, 104, 105]), to: descriptor)
  }

  private mutating func answer(_ text: [UInt8], _ descriptor: Int32) {
    if fault == .staysSilent { return }
    guard let (id, request) = try? MessageDecoder().decode(text.span.bytes) else { return drop(descriptor) }
    switch request {
    case .hello(let hello):
      if fault == .refusesHello { return refuse(id, "session_limit", descriptor) }
      if case .user(let user) = hello.credentials { connections[descriptor]?.user = String(decoding: user.utf8, as: UTF8.self) }
      reply(id, #"{"heartbeat_interval_ms":25000}"#, descriptor)
    case .beat: beat(id, descriptor)
    case .join(let name, _, _):
      channels[key(name), default: Channel()].members[connections[descriptor]?.user ?? ""] = []
      reply(id, #"{"seq":0}"#, descriptor)
    case .observe(let name, _):
      channels[key(name), default: Channel()].observers.append(descriptor)
      reply(id, #"{"seq":0}"#, descriptor)
    case .leave(let name):
      channels[key(name)]?.members[connections[descriptor]?.user ?? ""] = nil
      reply(id, #"{"changed":true}"#, descriptor)
    case .count(let name):
      let count = (channels[key(name)]?.members.count ?? 0) + (fault == .miscounts ? 1 : 0)
      reply(id, #"{"occupancy":{"users":\#(count),"guests":0,"sessions":\#(count)}}"#, descriptor)
    case .update(let name, let patch): update(id, key(name), patch.json, descriptor)
    default: refuse(id, "unsupported_op", descriptor)
    }
  }

  private mutating func beat(_ id: RequestID, _ descriptor: Int32) {
    beats += 1
    switch fault {
    case .limitsBeats(let every) where beats % every == 0: refuse(id, "rate_limited", descriptor)
    case .kicksOnBeat(let every) where beats % every == 0:
      send([0x88, 8, 0x11, 0x97] + Array("kicked".utf8), to: descriptor)
      drop(descriptor)
    case .ignoresBeats(let every) where beats % every == 0: break
    case .sendsGarbage: send([0xf1, 0xff, 0, 0], to: descriptor)
    default: reply(id, #"{"server_time_ms":1}"#, descriptor)
    }
  }

  private mutating func update(_ id: RequestID, _ name: String, _ patch: [UInt8], _ descriptor: Int32) {
    guard var channel = channels[name] else { return refuse(id, "not_joined", descriptor) }
    channel.seq += 1
    updates += 1
    reply(id, #"{"seq":\#(channel.seq)}"#, descriptor)
    defer { channels[name] = channel }
    if fault == .tellsNobody { return }
    // A hole: the number before the one that is told was never told.
    if case .conflates(let every) = fault, updates % every != 0 { return }
    let previous = channel.seq - 1
    let meta = String(decoding: patch, as: UTF8.self)
    let diff =
      #"{"ev":"diff","channel":"\#(name)","epoch":"e","prev":\#(previous),"seq":\#(channel.seq),"#
      + #""updates":[{"meta":\#(meta)}]}"#
    for observer in channel.observers { send(frame(diff), to: observer) }
  }

  private func key(_ name: ChannelName) -> String { String(decoding: name.utf8, as: UTF8.self) }

  private func reply(_ id: RequestID, _ body: String, _ descriptor: Int32) {
    guard case .integer(let number) = id else { return }
    send(frame(#"{"re":\#(number),"ok":\#(body)}"#), to: descriptor)
  }

  private func refuse(_ id: RequestID, _ name: String, _ descriptor: Int32) {
    guard case .integer(let number) = id else { return }
    send(frame(#"{"re":\#(number),"error":{"code":1,"name":"\#(name)","message":"No."}}"#), to: descriptor)
  }

  private func frame(_ text: String) -> [UInt8] {
    var buffer = OutputBuffer()
    WebSocketEncoder.append(.text, Array(text.utf8).span.bytes, to: &buffer)
    return buffer.copyBytes()
  }

  private func send(_ bytes: [UInt8], to descriptor: Int32) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
