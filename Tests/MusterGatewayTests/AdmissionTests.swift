import NIOCore
import Testing

@testable import MusterGateway

@Suite("Who is let in, by numbers")
struct AdmissionTests {
  private func admission(_ configure: (inout GatewayLimits) -> Void) -> Admission {
    var limits = GatewayLimits()
    configure(&limits)
    return Admission(limits: limits)
  }

  private func key(_ address: String) throws -> AddressKey {
    AddressKey(try SocketAddress(ipAddress: address, port: 1))
  }

  @Test("sockets that are not WebSockets have a limit of their own, and give their place back")
  func http() throws {
    let admission = admission { $0.httpConnectionsMax = 2 }
    #expect(admission.open() && admission.open())
    #expect(!admission.open())
    #expect(admission.upgrade(try key("192.0.2.1")) == nil)
    #expect(admission.open(), "an upgrade makes room")
    admission.close(.http)
    admission.close(.http)
    #expect(admission.sockets == (webSockets: 1, http: 0))
  }

  @Test("both kinds together keep within what the process may have open")
  func sockets() throws {
    let admission = admission { $0.socketsMax = 2 }
    #expect(admission.open())
    #expect(admission.upgrade(try key("192.0.2.1")) == nil)
    #expect(admission.open())
    #expect(!admission.open())
    admission.close(.webSocket(try key("192.0.2.1")))
    #expect(admission.open())
  }

  @Test("one WebSocket too many is told so, and one less makes room")
  func webSockets() throws {
    let admission = admission { $0.connectionsMax = 1 }
    let address = try key("192.0.2.1")
    for _ in 0..<3 { #expect(admission.open()) }
    #expect(admission.upgrade(address) == nil)
    #expect(admission.upgrade(address)?.contains("(1)") == true)
    admission.close(.webSocket(address))
    #expect(admission.upgrade(address) == nil)
  }

  @Test("an address has its own limit: one IPv4 address, one /64 network")
  func addresses() throws {
    let admission = admission { $0.connectionsPerAddressMax = 1 }
    for _ in 0..<6 { #expect(admission.open()) }
    #expect(admission.upgrade(try key("192.0.2.1")) == nil)
    #expect(admission.upgrade(try key("192.0.2.1")) != nil)
    #expect(admission.upgrade(try key("::ffff:192.0.2.1")) != nil, "the same host on a socket for both families")
    #expect(admission.upgrade(try key("192.0.2.2")) == nil)
    #expect(admission.upgrade(try key("2001:db8::1")) == nil)
    #expect(admission.upgrade(try key("2001:db8::2")) != nil, "the same network")
    #expect(admission.upgrade(try key("2001:db8:0:1::1")) == nil)
    admission.close(.webSocket(try key("192.0.2.1")))
    #expect(admission.upgrade(try key("192.0.2.1")) == nil)
  }

  @Test("a place is given back once, as what it was last")
  func place() throws {
    let admission = admission { _ in }
    let first = SocketPlace(admission)
    let second = SocketPlace(admission)
    #expect(admission.open() && admission.open())
    #expect(first.upgrade(try key("192.0.2.1")) == nil)
    #expect(admission.sockets == (webSockets: 1, http: 1))
    for place in [first, second, first] { place.close() }
    #expect(admission.sockets == (webSockets: 0, http: 0))
  }
}

@Suite("Deadlines that all lie the same time ahead")
struct DeadlineQueueTests {
  @Test("what is due comes in the order of arming, and nothing before its time")
  func order() {
    var queue = DeadlineQueue<Int>(delay: .seconds(5))
    let start = NIODeadline.now()
    for index in 0..<200 { queue.arm(index, now: start + .seconds(Int64(index))) }
    #expect(queue.next(now: start + .seconds(4)) == nil)
    for index in 0..<200 {
      #expect(queue.next(now: start + .seconds(Int64(index + 5))) == index)
      #expect(queue.next(now: start + .seconds(Int64(index + 5))) == nil)
    }
    queue.arm(7, now: start)
    #expect(queue.next(now: start + .seconds(500)) == 7)
  }
}
