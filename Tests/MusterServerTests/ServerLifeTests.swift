import MusterModel
import MusterServer
import Testing

@Suite("A server's life", .timeLimit(.minutes(2)))
struct ServerLifeTests {
  @Test("asked to drain: clients are told when to come back, then the server ends by itself")
  func drain() async throws {
    try await TestServer.run { server in
      try await server.login("alice") { socket in
        #expect(try await server.admin("/health/ready").hasPrefix("HTTP/1.1 200"))
        #expect(try await server.admin("/v1/admin/drain", method: "POST").hasPrefix("HTTP/1.1 202"))
        _ = try await socket.text(containing: #"{"ev":"reconnect","after_ms":"#)
        guard case .close(ErrorCode.drain.rawValue, _) = try await socket.next() else {
          Issue.record("no close")
          return
        }
        try await socket.sendClose(ErrorCode.drain.rawValue)
        #expect(try await socket.next() == .end)
      }
    }
  }

  @Test("a drain does not wait for a client that does not answer")
  func stubborn() async throws {
    try await TestServer.run { server in
      try await server.login("alice") { socket in
        _ = try await server.admin("/v1/admin/drain", method: "POST")
        // No close is answered; the connection ends all the same.
        while try await socket.next() != .end {}
      }
    }
  }

  @Test("a port that is taken is named, with the setting", arguments: [true, false])
  func portInUse(isPublic: Bool) async throws {
    try await TestServer.run { first in
      do {
        try await TestServer.run { configuration in
          if isPublic {
            configuration.listen = first.addresses.public
          } else {
            configuration.adminListen = first.addresses.public
          }
        } _: { _ in
          Issue.record("two servers on one port")
        }
      } catch let error as ServerError {
        let setting = isPublic ? "listen" : "admin_listen"
        #expect("\(error)" == "\(setting): cannot listen on \(first.addresses.public): the port is in use")
      }
    }
  }

  @Test("every plane serves: many connections spread over all threads, and all counters return to zero")
  func planes() async throws {
    try await TestServer.run { server in
      try await withThrowingTaskGroup { group in
        for index in 0..<64 {
          group.addTask {
            try await server.login("user\(index)") { socket in
              try await socket.send(#"{"op":"join","id":2,"channel":"room:\#(index % 8)"}"#)
              _ = try await socket.text(containing: #""re":2"#)
              try await socket.send(#"{"op":"bye","id":3,"logout":true}"#)
              guard case .close(1000, _) = try await socket.close() else {
                Issue.record("no close")
                return
              }
            }
          }
        }
        try await group.waitForAll()
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
      for part in [#""sessions":0"#, #""connections":0"#, #""memberships":0"#, #""observers":0"#] {
        try await server.waitForStats(part)
      }
    }
  }
}
