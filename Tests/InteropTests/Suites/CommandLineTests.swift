import Foundation
import Testing

extension Interop {
  @Suite("The command line says what is wrong and ends with the right code")
  struct CommandLineTests {
    private struct Outcome {
      let exit: ChildProcess.Exit
      let output: String
      let log: String
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
      let directory = FileManager.default.temporaryDirectory.appending(path: "muster-interop-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: directory) }
      let process = try ChildProcess(
        [Server.binary.path] + arguments,
        environment: environment.merging(["MUSTER_DATA_DIR": directory.path]) { given, _ in given })
      let output = try process.readToEnd("the end of muster", by: .after(.seconds(30)))
      return Outcome(exit: try process.waitForExit(by: .after()), output: output, log: process.log)
    }

    @Test("a setting out of its range: 64, with its name and what is allowed, from flags and from the environment")
    func badSettings() throws {
      let environment = try run(["serve", "--dev"], environment: ["MUSTER_HEARTBEAT_INTERVAL": "0s"])
      #expect(environment.exit == .code(64))
      #expect(environment.log.contains("heartbeat_interval"), "\(environment.log)")
      let listen = try run(["serve", "--dev", "--listen", "nowhere at all"])
      #expect(listen.exit == .code(64))
      #expect(listen.log.contains("listen"), "\(listen.log)")
      #expect(try run(["serve", "--no-such-flag"]).exit == .code(64))
      #expect(try run(["dance"]).exit == .code(64))
    }

    @Test("development mode off loopback: 64")
    func developmentOnLoopbackOnly() throws {
      let result = try run(["serve", "--dev", "--listen", "0.0.0.0:0"])
      #expect(result.exit == .code(64))
      #expect(result.log.contains("loopback"), "\(result.log)")
    }

    @Test("a port that somebody else has: 69, and which one")
    func portInUse() throws {
      let server = try Server()
      let result = try run(["serve", "--dev", "--listen", server.public.text, "--admin-listen", "127.0.0.1:0"])
      #expect(result.exit == .code(69))
      #expect(result.log.contains("\(server.public.port)"), "\(result.log)")
      try server.stop()
    }

    @Test("--help names the commands and ends with 0")
    func help() throws {
      let result = try run(["--help"])
      #expect(result.exit == .code(0))
      for command in ["serve", "bench", "drill", "inspect"] { #expect(result.output.contains(command), "\(result.output)") }
      let serve = try run(["serve", "--help"])
      #expect(serve.exit == .code(0))
      for flag in ["--dev", "--listen", "--admin-listen", "--config"] { #expect(serve.output.contains(flag), "\(serve.output)") }
    }
  }
}
