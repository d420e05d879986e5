/// What a server and its generator used in a span.
package struct Usage: Sendable, Equatable {
  package var seconds = 0.0
  /// CPU of the generator, in nanoseconds.
  package var own = 0.0
  /// CPU of the server in nanoseconds, when it is watched and alive.
  package var server: Double?
  /// How much of it was spent in the kernel, 0 to 1; `nil` when it is too little for clock ticks to tell.
  package var kernelShare: Double?

  package init() {}

  /// The figures that every load reports, with the server's CPU shared out among what was done.
  ///
  /// - Parameters:
  ///   - operation: What is counted, in the singular.
  ///   - count: How often it was done.
  /// - Returns: Fields for a section.
  func fields(per operation: String, count: Int) -> [Report.Field] {
    var fields: [Report.Field] = []
    if let server, count > 0 {
      fields.append(
        .init(
          "server_cpu_us_per_\(operation)", "server CPU per \(operation)", unit: "µs",
          .decimal(server / 1e3 / Double(count), digits: 2)))
    }
    if let server, seconds > 0 {
      fields.append(
        .init("server_cpu_percent", "server CPU", unit: "% of a core", .decimal(server / 1e7 / seconds, digits: 1)))
    }
    if let kernelShare {
      fields.append(
        .init("server_kernel_percent", "of it in the kernel", unit: "%", .decimal(kernelShare * 100, digits: 0)))
    }
    if seconds > 0 {
      fields.append(
        .init("generator_cpu_percent", "generator CPU", unit: "% of a core", .decimal(own / 1e7 / seconds, digits: 1)))
    }
    return fields
  }
}
