extension ChurnLoad {
  /// So often the server is asked again when a count is not yet as it should be.
  private static let attempts = 4

  /// Asks the server for the count of every channel and compares.
  ///
  /// - Returns: Fields for the report; a difference that stays is a trouble as well.
  func verify(_ expected: [Int], _ layout: ChurnPhase.Layout, _ run: inout LoadRun) throws(LoadError) -> [Report.Field] {
    if let reason = reasonNotToVerify(run) { return [.init("verified", "counts verified", .text("no: \(reason)"))] }
    var wrong: [Difference] = []
    for attempt in 1...Self.attempts {
      wrong = try differences(expected, layout, &run)
      if wrong.isEmpty || run.isInterrupted { break }
      if attempt < Self.attempts {
        try run.crew.leg(run.crew.phases { _, _ in HoldPhase() }, until: .now().advanced(by: settings.settling))
      }
    }
    if let first = wrong.first {
      run.troubles.count(.mismatch, "occupancy", first.sentence, times: wrong.count)
    }
    let verdict = run.isInterrupted ? "no: stopped early" : wrong.isEmpty ? "yes" : "no: they differ"
    return [
      .init("verified", "counts verified", .text(verdict)),
      .init("channels_verified", "channels with the right count", .integer(expected.count - wrong.count)),
      .init("members_expected", "members in all channels", .integer(expected.reduce(0, +))),
    ]
  }

  /// A channel whose count is not what the replies add up to.
  private struct Difference {
    var channel: String
    var expected: Int
    var users: Int?
    var sessions: Int?

    var sentence: String {
      guard let users, let sessions else { return "The channel \(channel) was not counted." }
      return "The channel \(channel) should have \(expected) users and sessions; the server counts \(users) and \(sessions)."
    }
  }

  private func reasonNotToVerify(_ run: LoadRun) -> String? {
    if run.isInterrupted { return "stopped early" }
    if !settings.identity.isOwn { return "all connections share one token" }
    // The session of a lost connection stays for its grace, so nobody can say what is right now.
    if run.crew.readyCount < settings.connections { return "connections were lost" }
    return nil
  }

  /// One `count` for each channel, dealt out over the connections.
  private func differences(
    _ expected: [Int], _ layout: ChurnPhase.Layout, _ run: inout LoadRun
  ) throws(LoadError) -> [Difference] {
    let rows = run.readyRows()
    let phases = run.crew.phases { worker, _ in
      let items = stride(from: worker, to: expected.count, by: rows.count).enumerated().map { place, channel in
        RequestPhase.Item(row: rows[worker][place % rows[worker].count], compose: .channel(.count, layout.channels[channel]))
      }
      return RequestPhase(items, atOnceMax: 32, keepsAnswers: true)
    }
    try run.request(phases, label: "count")
    var wrong: [Difference] = []
    for (worker, phase) in phases.enumerated() {
      let answers = phase.with { $0.answers }
      for (place, channel) in stride(from: worker, to: expected.count, by: rows.count).enumerated() {
        let (users, sessions) = answers[place].map(Self.occupancy) ?? (nil, nil)
        if users != expected[channel] || sessions != expected[channel] {
          let name = String(decoding: layout.channels[channel], as: UTF8.self)
          wrong.append(Difference(channel: name, expected: expected[channel], users: users, sessions: sessions))
        }
      }
    }
    return wrong
  }

  /// Users and sessions of a reply to `count`.
  private static func occupancy(_ reply: [UInt8]) -> (users: Int?, sessions: Int?) {
    // SAFETY: the view over the pointer is used inside the closure only.
    reply.withUnsafeBytes { bytes in
      let view = MessageView(bytes)
      guard case .ok(_, let body) = view.head, let counts = view.member("occupancy", at: body) else {
        return (nil, nil)
      }
      return (view.integer("users", at: counts), view.integer("sessions", at: counts))
    }
  }
}
