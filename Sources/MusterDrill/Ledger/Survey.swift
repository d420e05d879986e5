/// Reads from a server's admin port what a ledger wants to know.
struct Survey {
  private let http: HTTPClient

  init(_ server: ServerProcess) {
    http = HTTPClient(server.adminAddress)
  }

  /// Looks at every session and user of a ledger, and at the channels that they were in.
  func observe(_ ledger: Ledger) throws(DrillError) -> Observation {
    var seen = Observation()
    for entry in ledger.sessions {
      if let session = try session(entry.session) { seen.sessions[entry.session] = session }
    }
    for entry in ledger.users { seen.users[entry.user] = try user(entry.user) }
    for channel in Set(ledger.sessions.flatMap(\.memberships.keys)) { seen.metas[channel] = try metas(in: channel) }
    return seen
  }

  /// Ends a session.
  func end(_ session: String) throws(DrillError) {
    let answer = try http.request("DELETE", "/v1/sessions/\(session)")
    guard [200, 204, 404].contains(answer.status) else { throw Self.unexpected("DELETE session", answer) }
  }

  /// Takes a snapshot and waits until it counts.
  func takeSnapshot() throws(DrillError) {
    let answer = try http.request("POST", "/v1/admin/snapshot")
    guard (200...299).contains(answer.status) else { throw Self.unexpected("POST /v1/admin/snapshot", answer) }
  }

  /// How many users are in a channel.
  func occupancy(of channel: String) throws(DrillError) -> Int {
    let answer = try http.request("GET", "/v1/channels/\(channel)")
    if answer.status == 404 { return 0 }
    guard answer.status == 200, let users = answer.body["occupancy"]["users"].integer else {
      throw Self.unexpected("GET channel", answer)
    }
    return Int(users)
  }

  /// One of the counters of `GET /v1/stats`.
  func counter(_ name: String) throws(DrillError) -> Int64? {
    let answer = try http.request("GET", "/v1/stats")
    guard answer.status == 200 else { throw Self.unexpected("GET /v1/stats", answer) }
    return answer.body[name].integer
  }

  private func session(_ id: String) throws(DrillError) -> Observation.Session? {
    let answer = try http.request("GET", "/v1/sessions/\(id)")
    if answer.status == 404 { return nil }
    let body = answer.body
    guard answer.status == 200, let user = body["user"].string, let phase = body["phase"].string,
      let status = body["status"].string, let version = body["data"]["version"].integer
    else { throw Self.unexpected("GET session", answer) }
    return Observation.Session(
      user: user, phase: phase == "dormant" ? .dormant : .present,
      status: ShownStatus(status: status, text: body["text"].string ?? ""),
      data: DataValue(version: version, fields: body["data"]["public"].members),
      channels: Set(body["channels"].elements.compactMap(\.string)))
  }

  private func user(_ id: String) throws(DrillError) -> Observation.User {
    let answer = try http.request("GET", "/v1/users/\(id)?include=invisible")
    if answer.status == 404 { return Observation.User() }
    guard answer.status == 200 else { throw Self.unexpected("GET user", answer) }
    return Observation.User(
      sessions: Set(answer.body["sessions"].elements.compactMap { $0["session"].string }),
      ban: answer.body["ban"].isNull ? nil : answer.body["ban"]["reason"].string ?? "")
  }

  private func metas(in channel: String) throws(DrillError) -> [String: [String: Int64]] {
    var metas: [String: [String: Int64]] = [:]
    var cursor: String?
    repeat {
      let page = cursor.map { "&cursor=\($0)" } ?? ""
      let answer = try http.request("GET", "/v1/channels/\(channel)/members?limit=1000\(page)")
      if answer.status == 404 { return metas }
      guard answer.status == 200 else { throw Self.unexpected("GET members", answer) }
      for member in answer.body["members"].elements {
        guard let user = member["user"].string else { throw Self.unexpected("GET members", answer) }
        metas[user] = member["meta"].members.compactMapValues(\.integer)
      }
      cursor = answer.body["next"].string
    } while cursor != nil
    return metas
  }

  private static func unexpected(_ what: String, _ answer: HTTPClient.Answer) -> DrillError {
    .server("\(what) was answered with \(answer.status) \(answer.body.description.prefix(300))")
  }
}
