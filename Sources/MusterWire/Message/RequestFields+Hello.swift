import MusterJSON
import MusterModel

extension RequestFields {
  /// Reads the members of a `hello`.
  func hello(within limits: WireLimits) throws(Refusal) -> Hello {
    Hello(
      credentials: try credentials(limits),
      device: try word(.device, "web, ios, android, desktop, bot and other", Device.init) ?? .other,
      heartbeatMilliseconds: try milliseconds(.heartbeatMilliseconds),
      resumeWindowMilliseconds: try milliseconds(.resumeWindowMilliseconds),
      idleTTLMilliseconds: try milliseconds(.idleTTLMilliseconds),
      lifetimeMilliseconds: try milliseconds(.lifetimeMilliseconds),
      status: try status(),
      text: try string(.text, bytesMax: limits.statusTextBytesMax),
      resume: try resume(limits))
  }

  /// What the client shows; at most one thing, so that nobody is let in as somebody else by the order of our checks.
  private func credentials(_ limits: WireLimits) throws(Refusal) -> Credentials {
    let token = try string(.token, bytesMax: limits.tokenBytesMax)
    let user = try user(.user)
    let isGuest = try bool(.guest) ?? false
    switch (token, user, isGuest) {
    case (let token?, nil, false):
      guard !token.isEmpty else { throw wrong(.token, "is empty") }
      return .token(token)
    case (nil, let user?, false): return .user(user)
    case (nil, nil, _): return .anonymous
    default: throw wrong(.token, "excludes \"user\" and \"guest\", and these each other")
    }
  }

  /// Where the client stood: `{"channels":{"room:1":{"epoch":"k3f9","seq":12}}}`.
  private func resume(_ limits: WireLimits) throws(Refusal) -> [ResumePoint] {
    guard var reader = reader(at: .resume) else { return [] }
    guard (try? reader.beginObject()) != nil else { throw malformedResume }
    var points: [ResumePoint] = []
    // Here and below: the text is valid JSON, so the reader can only stop where the object ends.
    while let key = try? reader.nextKey() {
      if reader.matches(key, "channels") {
        points = try resumePoints(&reader, max: limits.resumeChannelsMax)
      } else {
        _ = try? reader.skipValue()
      }
    }
    return points
  }

  private func resumePoints(_ reader: inout JSONReader, max: Int) throws(Refusal) -> [ResumePoint] {
    guard (try? reader.beginObject()) != nil else { throw malformedResume }
    var points: [ResumePoint] = []
    while let key = try? reader.nextKey() {
      let channel = try channel(reader.bytes(of: key))
      let point = try resumePoint(of: channel, &reader)
      // Of duplicates the last counts. There are too few for anything but a search to be worth it.
      if let place = points.firstIndex(where: { $0.channel == channel }) {
        points[place] = point
        continue
      }
      guard points.count < max else {
        throw Refusal(.tooLarge, "\"resume\" names more than \(max) channels.")
      }
      points.append(point)
    }
    return points
  }

  private func resumePoint(of channel: ChannelName, _ reader: inout JSONReader) throws(Refusal) -> ResumePoint {
    guard (try? reader.beginObject()) != nil else { throw malformedResume }
    var epoch: UInt64?
    var seq: Int64?
    while let key = try? reader.nextKey() {
      if reader.matches(key, "epoch") {
        guard let text = try? reader.string() else { throw malformedResume }
        epoch = Base36.read(reader.bytes(of: text))
      } else if reader.matches(key, "seq") {
        seq = try? reader.integer()
        guard seq != nil else { throw malformedResume }
      } else {
        _ = try? reader.skipValue()
      }
    }
    guard let epoch, let seq, seq >= 0 else { throw malformedResume }
    return ResumePoint(channel: channel, epoch: Epoch(rawValue: epoch), seq: Seq(UInt64(seq)))
  }

  private var malformedResume: Refusal {
    wrong(.resume, #"must be like {"channels":{"room:1":{"epoch":"k3f9","seq":12}}}"#)
  }
}
