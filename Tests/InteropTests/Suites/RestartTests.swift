import Foundation
import Testing

extension Interop {
  @Suite("What was acknowledged is there after any end of the server")
  struct RestartTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "muster-restart-\(UUID().uuidString)")

    private func start(_ settings: [String: String] = [:]) throws -> Server {
      try Server(settings.merging(["data_dir": directory.path, "drain_spread": "0s"]) { given, _ in given })
    }

    /// Ends a server as a power cut would, as far as a process can.
    private func kill(_ server: Server) throws {
      server.process.send(signal: SIGKILL)
      #expect(try server.process.waitForExit(by: .after(.seconds(10))) == .signal(SIGKILL))
    }

    private func remove() {
      try? FileManager.default.removeItem(at: directory)
    }

    @Test("SIGKILL: sessions, memberships, data, status and bans are back, and resuming is no event for others")
    func kill() throws {
      defer { remove() }
      let first = try start()
      let bob = try Self.login("bob", on: first)
      _ = try bob.socket.request("join", ["channel": "room:1", "meta": ["c": "teal"]])
      #expect(try bob.socket.request("data", ["patch": ["x": .int(1)]])["ok"]["version"].int == 1)
      #expect(try !bob.socket.request("status", ["status": "dnd", "text": "busy"])["ok"].isNull)
      let ban = try HTTPExchange.request("PUT", "/v1/users/mallory/ban", of: first.admin, body: #"{"reason":"spam"}"#)
      #expect(ban.status == 200, "\(ban.body)")
      try kill(first)

      let second = try start(["recovery_window": "20s"])
      let observer = try WebSocket(second.public, user: "observer")
      let seen = try observer.request("observe", ["channel": "room:1"])["ok"]
      #expect(seen["members"].array.map { $0["user"] } == ["bob"], "\(seen)")
      #expect(seen["members"].array.first?["meta"]["c"] == "teal")
      #expect(seen["members"].array.first?["status"] == "dnd")
      let resumed = try WebSocket(second.public)
      let welcome = try resumed.request("hello", ["token": .string(bob.token)])["ok"]
      #expect(welcome["resumed"].bool == true, "\(welcome)")
      let data = try resumed.request("data")["ok"]
      #expect(data["version"].int == 1 && data["data"]["x"].int == 1)
      // Whatever the resuming had caused would come before the answer to this.
      #expect(
        try observer.request("sync", ["channel": "room:1", "epoch": seen["epoch"], "seq": seen["seq"]])["ok"]["diffs"].array
          .isEmpty)
      let banned = try WebSocket(second.public)
      #expect(try banned.request("hello", ["user": "mallory"])["error"]["name"] == "banned")
      try second.stop()
    }

    @Test("who was present and does not come back leaves when the recovery window is over, with that reason")
    func recoveryTimeout() throws {
      defer { remove() }
      let first = try start()
      let bob = try Self.login("bob", on: first)
      _ = try bob.socket.request("join", ["channel": "room:1"])
      try kill(first)
      let second = try start(["recovery_window": "1s"])
      let observer = try WebSocket(second.public, user: "observer")
      _ = try observer.request("observe", ["channel": "room:1"])
      let diff = try observer.push { $0["ev"] == "diff" && !$0["leaves"].array.isEmpty }
      #expect(diff["leaves"].array.first?["reason"] == "recovery_timeout", "\(diff)")
      try second.stop()
    }

    @Test("a directory that another server holds: 69; one whose acknowledged bytes were changed: 65, naming the file")
    func exitCodes() throws {
      defer { remove() }
      let first = try start()
      _ = try Self.login("bob", on: first)
      _ = try Self.login("carol", on: first)
      let other = try ChildProcess(
        [Server.binary.path, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        environment: ["MUSTER_DATA_DIR": directory.path])
      #expect(try other.waitForExit(by: .after(.seconds(20))) == .code(69))
      #expect(other.log.contains(directory.path), "\(other.log)")
      try kill(first)

      let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".wal") }
      let segment = try directory.appending(path: #require(names.first))
      var bytes = try [UInt8](Data(contentsOf: segment))
      // Somewhere in the first group; the second says that the first is durable.
      let position = try #require(bytes.firstRange(of: Array("bob".utf8))?.lowerBound)
      bytes[position] ^= 1
      try Data(bytes).write(to: segment)
      let third = try ChildProcess(
        [Server.binary.path, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        environment: ["MUSTER_DATA_DIR": directory.path])
      #expect(try third.waitForExit(by: .after(.seconds(20))) == .code(65))
      #expect(third.log.contains(segment.lastPathComponent), "\(third.log)")
    }

    private static func login(_ user: String, on server: Server) throws -> (socket: WebSocket, token: String) {
      let socket = try WebSocket(server.public)
      let welcome = try socket.request("hello", ["user": .string(user)])["ok"]
      guard case .string(let token) = welcome["session_token"] else { throw TimedOut(what: "a welcome: \(welcome)") }
      return (socket, token)
    }
  }
}
