import ArgumentParser
import MusterBench

/// `muster bench`: the load generator, and the only way in which figures about Muster are made.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Put a load on a running server and measure what it does.",
    discussion: """
      The server must be in development mode (muster serve --dev), unless --token is given. Run it on another processor than \
      the generator (taskset -c), and give its --server-pid to see what the load costs it.

      A load is open unless said otherwise: requests are sent when they are due, whether or not the server keeps up, and \
      latencies count from then. Interrupt it (Control-C) to end early with a report.

      Exit codes: 0 all went as it should, 1 something was refused, lost or wrong (the report says what), 64 bad usage.
      """,
    subcommands: [
      BenchConnect.self, BenchBeat.self, BenchChurn.self, BenchFanout.self, BenchStorm.self, BenchRelay.self, BenchCompare.self,
      BenchScale.self, BenchEngine.self, BenchLog.self, BenchRecover.self,
    ])
}

/// `muster bench connect`: connections alone.
struct BenchConnect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Open connections and hold them: time to connect, CPU and memory per connection.")

  @Option(help: "How many connections.")
  var connections = 1_000

  @Option(help: "How long to hold them; the server's pings are answered.")
  var hold = SpanArgument(.seconds(0))

  @Flag(help: "Stop behind the upgrade, without a hello; a server closes such connections after a while.")
  var noHello = false

  @OptionGroup var options: BenchOptions

  private var load: ConnectLoad {
    var settings = options.settings(connections: connections)
    settings.greets = !noHello
    return ConnectLoad(settings: settings, hold: hold.duration)
  }

  func validate() throws { try options.check(load) }

  func run() throws { try options.run(load) }
}

/// `muster bench beat`: heartbeats.
struct BenchBeat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "beat",
    abstract: "Send heartbeats: latency, and CPU per heartbeat.")

  @Option(help: "How many connections.")
  var connections = 1_000

  @Option(help: "How often each connection sends a heartbeat; their turns are spread evenly.")
  var interval = SpanArgument(.seconds(1))

  @Flag(help: "Send empty frames, which are never answered.")
  var noReply = false

  @Option(help: "Instead of --interval: keep so many heartbeats in flight on each connection.")
  var pipeline: Int?

  @OptionGroup var times: BenchTimes

  @OptionGroup var options: BenchOptions

  func validate() throws {
    if pipeline != nil, noReply { throw ValidationError("--pipeline waits for replies, so --no-reply makes no sense with it") }
    try options.check(load)
  }

  func run() throws { try options.run(load) }

  private var load: BeatLoad {
    let mode: BeatLoad.Mode =
      if let pipeline {
        .pipelined(depth: pipeline)
      } else if noReply {
        .silent(every: interval.duration)
      } else {
        .answered(every: interval.duration)
      }
    return BeatLoad(
      settings: options.settings(connections: connections), mode: mode, warmUp: times.warmup.duration,
      duration: times.duration.duration)
  }
}

/// `muster bench churn`: joins and leaves.
struct BenchChurn: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "churn",
    abstract: "Join and leave channels: latency, CPU per request, and whether the counts are right in the end.")

  @Option(help: "How many connections.")
  var connections = 1_000

  @Option(help: "Joins and leaves per second, over all connections.")
  var rate = 1_000.0

  @Option(help: "How many channels.")
  var channels = 100

  @Option(help: "How many of them each connection joins and leaves.")
  var channelsPerConnection = 5

  @Option(help: "The channels are this and a number; they should be empty.")
  var channelPrefix = "bench:churn-"

  @Option(help: "Decides which connection uses which channels when.")
  var seed: UInt64 = 1

  @OptionGroup var times: BenchTimes

  @OptionGroup var options: BenchOptions

  private var load: ChurnLoad {
    ChurnLoad(
      settings: options.settings(connections: connections), perSecond: rate, channels: channels,
      channelsPerConnection: channelsPerConnection, channelPrefix: channelPrefix, seed: seed,
      warmUp: times.warmup.duration, duration: times.duration.duration)
  }

  func validate() throws { try options.check(load) }

  func run() throws { try options.run(load) }
}

/// `muster bench fanout`: one channel, many observers.
struct BenchFanout: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fanout",
    abstract: "Change a few members of a channel that many watch: time to delivery, CPU per delivery, what was merged.")

  @Option(help: "How many connections watch the channel.")
  var observers = 1_000

  @Option(help: "How many more are members of it and change.")
  var actors = 4

  @Option(help: "Changes per second, over all actors.")
  var rate = 10.0

  @Option(help: "The channel; it should be empty.")
  var channel = "bench:fanout"

  @OptionGroup var times: BenchTimes

  @OptionGroup var options: BenchOptions

  private var load: FanoutLoad {
    FanoutLoad(
      settings: options.settings(connections: observers), observers: observers, actors: actors, perSecond: rate,
      channel: channel, warmUp: times.warmup.duration, duration: times.duration.duration)
  }

  func validate() throws { try options.check(load) }

  func run() throws { try options.run(load) }
}

/// `muster bench storm`: everybody reconnects at once.
struct BenchStorm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm",
    abstract: "Drop all connections at once and bring them back: time to full, latency, CPU per reconnect.")

  @Option(help: "How many connections.")
  var connections = 10_000

  @Option(help: "Between their first packet and the answer to their hello at once, in the storm (default: all).")
  var stormAtOnce: Int?

  @Flag(help: "Come back as somebody new instead of going on with the session.")
  var fresh = false

  @OptionGroup var options: BenchOptions

  private var load: StormLoad {
    StormLoad(settings: options.settings(connections: connections), atOnceMax: stormAtOnce ?? connections, resumes: !fresh)
  }

  func validate() throws { try options.check(load) }

  func run() throws { try options.run(load) }
}

/// `muster bench relay`: heartbeats of many sessions in binary batches.
struct BenchRelay: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "relay",
    abstract: "Open sessions over a few connections and send their heartbeats in binary batches: CPU per heartbeat, latency.",
    discussion: "--url is where the server takes relays (muster.relay.v1).")

  @Option(help: "Connections of the relay.")
  var connections = 4

  @Option(help: "Sessions, over all connections.")
  var sessions = 100_000

  @Option(help: "Heartbeats in one batch.")
  var batch = 1_000

  @Option(help: "Heartbeats per second, over all connections.")
  var rate = 1_000_000.0

  @Option(help: "The API key of the server, which a relay shows; a server in development mode without one needs none.")
  var apiKey: String?

  @OptionGroup var times: BenchTimes

  @OptionGroup var options: BenchOptions

  private var load: RelayLoad {
    var settings = options.settings(connections: connections)
    settings.apiKey = apiKey
    return RelayLoad(
      settings: settings, sessions: sessions, batch: batch, perSecond: rate,
      warmUp: times.warmup.duration, duration: times.duration.duration)
  }

  func validate() throws { try options.check(load) }

  func run() throws { try options.run(load) }
}
