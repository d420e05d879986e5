import MusterEdge
import Testing

@Suite("Who is let in, by numbers")
struct AdmissionTests {
  private func admission(_ configure: (inout GatewayLimits) -> Void) -> Admission {
    var limits = GatewayLimits()
    configure(&limits)
    return Admission(limits: limits)
  }

  /// The key of 192.0.2.`host`.
  private func key(_ host: UInt32) -> AddressKey {
    AddressKey(ipv4: 0xc000_0200 | host)
  }

  @Test("sockets that are not WebSockets have a limit of their own, and give their place back")
  func http() {
    let admission = admission { $0.httpConnectionsMax = 2 }
    #expect(admission.open() && admission.open())
    #expect(!admission.open())
    #expect(admission.upgrade(key(1)) == nil)
    #expect(admission.open(), "an upgrade makes room")
    admission.close(.http)
    admission.close(.http)
    #expect(admission.sockets == (webSockets: 1, http: 0))
  }

  @Test("both kinds together keep within what the process may have open")
  func sockets() {
    let admission = admission { $0.socketsMax = 2 }
    #expect(admission.open())
    #expect(admission.upgrade(key(1)) == nil)
    #expect(admission.open())
    #expect(!admission.open())
    admission.close(.webSocket(key(1)))
    #expect(admission.open())
  }

  @Test("one WebSocket too many is told so, and one less makes room")
  func webSockets() {
    let admission = admission { $0.connectionsMax = 1 }
    let address = key(1)
    for _ in 0..<3 { #expect(admission.open()) }
    #expect(admission.upgrade(address) == nil)
    #expect(admission.upgrade(address)?.contains("(1)") == true)
    admission.close(.webSocket(address))
    #expect(admission.upgrade(address) == nil)
  }

  @Test("an address has its own limit: one IPv4 address, one /64 network")
  func addresses() {
    let admission = admission { $0.connectionsPerAddressMax = 1 }
    for _ in 0..<6 { #expect(admission.open()) }
    #expect(admission.upgrade(key(1)) == nil)
    #expect(admission.upgrade(key(1)) != nil)
    #expect(admission.upgrade(AddressKey(ipv6: 0, 0xffff_c000_0201)) != nil, "the same host on a socket for both families")
    #expect(admission.upgrade(key(2)) == nil)
    #expect(admission.upgrade(AddressKey(ipv6: 0x2001_0db8_0000_0000, 1)) == nil)
    #expect(admission.upgrade(AddressKey(ipv6: 0x2001_0db8_0000_0000, 2)) != nil, "the same network")
    #expect(admission.upgrade(AddressKey(ipv6: 0x2001_0db8_0000_0001, 1)) == nil)
    admission.close(.webSocket(key(1)))
    #expect(admission.upgrade(key(1)) == nil)
  }

  @Test("a place is given back once, as what it was last")
  func place() {
    let admission = admission { _ in }
    let first = SocketPlace(admission)
    let second = SocketPlace(admission)
    #expect(admission.open() && admission.open())
    #expect(first.upgrade(key(1)) == nil)
    #expect(admission.sockets == (webSockets: 1, http: 1))
    for place in [first, second, first] { place.close() }
    #expect(admission.sockets == (webSockets: 0, http: 0))
  }

  @Test("a surrendered place is given back by whoever took it, and by nobody else")
  func surrender() {
    let admission = admission { _ in }
    let place = SocketPlace(admission)
    #expect(admission.open())
    #expect(place.upgrade(key(1)) == nil)
    #expect(place.surrender() == .webSocket(key(1)))
    place.close()
    #expect(admission.sockets == (webSockets: 1, http: 0))
    #expect(place.surrender() == nil)
    admission.close(.webSocket(key(1)))
    #expect(admission.sockets == (webSockets: 0, http: 0))
  }
}

@Suite("Deadlines that all lie the same time ahead")
struct DeadlineQueueTests {
  @Test("what is due comes in the order of arming, and nothing before its time")
  func order() {
    var queue = DeadlineQueue<Int>(delay: .seconds(5))
    let start: UInt64 = 1_000
    let second: UInt64 = 1_000_000_000
    for index in 0..<200 { queue.arm(index, now: start + UInt64(index) * second) }
    #expect(queue.next(now: start + 4 * second) == nil)
    for index in 0..<200 {
      #expect(queue.next(now: start + UInt64(index + 5) * second) == index)
      #expect(queue.next(now: start + UInt64(index + 5) * second) == nil)
    }
    queue.arm(7, now: start)
    #expect(queue.next(now: start + 500 * second) == 7)
  }
}
