import Glibc

/// What a reader has to know about the machine to make anything of a figure.
package enum HostFacts {
  /// Cores, processor, kernel, and on which processors generator and server may run.
  package static func fields(server: ServerProcess?) -> [Report.Field] {
    var fields = [Report.Field("cores", "cores", .integer(sysconf(Int32(_SC_NPROCESSORS_ONLN))))]
    if let processor = ServerProcess.text(of: "/proc/cpuinfo").flatMap(processor(in:)) {
      fields.append(.init("processor", "processor", .text(processor)))
    }
    if let kernel = ServerProcess.text(of: "/proc/sys/kernel/osrelease") {
      fields.append(.init("kernel", "kernel", .text(String(kernel.prefix { $0 != "\n" }))))
    }
    if let own = (try? ServerProcess(pid: getpid()))?.allowedProcessors {
      fields.append(.init("generator_processors", "generator may run on", .text(own)))
    }
    if let server {
      fields.append(.init("server_pid", "server process", .integer(Int(server.pid))))
      if let allowed = server.allowedProcessors {
        fields.append(.init("server_processors", "server may run on", .text(allowed)))
      }
    }
    return fields
  }

  /// The present date and time in UTC, as ISO 8601.
  package static func date() -> String {
    var seconds = time(nil)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// The model of the first processor in `/proc/cpuinfo`.
  package static func processor(in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix("model name") {
      return line.firstIndex(of: ":").map { String(line[line.index(after: $0)...].drop { $0 == " " }) }
    }
    return nil
  }
}
