/// What has a budget.
///
/// Each operation does its work so often; what it prepares does not depend on how often.
enum Operation: String, CaseIterable {
  case beatBySlot = "beat-by-slot"
  case beatByID = "beat-by-id"
  case beatOfConnection = "beat-of-connection"
  case open
  case login
  case dormant
  case expire
  case joinAndLeave = "join-and-leave"
  case status
  case idleTick = "idle-tick"
  case decodeBeat = "decode-beat"
  case decodeJoin = "decode-join"
  case frameIn = "frame-in"
  case frameOut = "frame-out"
  case diffOf100 = "diff-of-100"
  case relayBeat = "relay-beat"
  #if os(Linux)
    case reactorBeatAlone = "reactor-beat-alone"
    case reactorBeat = "reactor-beat"
    case reactorBeatSilent = "reactor-beat-silent"
    case reactorBeatPipelined = "reactor-beat-pipelined"
    case reactorJoinAndLeave = "reactor-join-and-leave"
    case turnIdle = "turn-idle"
  #endif

  func run(_ count: Int) {
    switch self {
    case .beatBySlot: EngineOperations.beatBySlot(count)
    case .beatByID: EngineOperations.beatByID(count)
    case .beatOfConnection: EngineOperations.beatOfConnection(count)
    case .open: EngineOperations.open(count)
    case .login: EngineOperations.login(count)
    case .dormant: EngineOperations.dormant(count)
    case .expire: EngineOperations.expire(count)
    case .joinAndLeave: EngineOperations.joinAndLeave(count)
    case .status: EngineOperations.status(count)
    case .idleTick: EngineOperations.idleTick(count)
    case .decodeBeat: WireOperations.decodeBeat(count)
    case .decodeJoin: WireOperations.decodeJoin(count)
    case .frameIn: WireOperations.frameIn(count)
    case .frameOut: WireOperations.frameOut(count)
    case .diffOf100: WireOperations.diffOf100(count)
    case .relayBeat: WireOperations.relayBeat(count)
    #if os(Linux)
      case .reactorBeatAlone: ReactorOperations.loneBeat(count)
      case .reactorBeat: ReactorOperations.beat(count)
      case .reactorBeatSilent: ReactorOperations.silentBeat(count)
      case .reactorBeatPipelined: ReactorOperations.pipelinedBeat(count)
      case .reactorJoinAndLeave: ReactorOperations.joinAndLeave(count)
      case .turnIdle: ReactorOperations.idleTurn(count)
    #endif
    }
  }
}

/// Keeps the optimiser from leaving out what nobody looks at.
@inline(never)
func keep<Value: ~Copyable>(_ value: borrowing Value) {}
