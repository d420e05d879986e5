package import MusterModel

/// The presence engine: planes of shards, and the way in for the control plane.
///
/// Edges talk to the ``ConnectionShard`` of their plane, on its thread. Everybody else awaits the methods here; each of them is a
/// visit to one shard or to all of them, so none belongs on a hot path.
package final class PresenceEngine: Sendable {
  package let configuration: EngineConfiguration
  package let epoch: Epoch
  package let planes: [Plane]
  package let placement: Placement
  private let executors: [any PlaneExecutor]
  package let clock: any EngineClock
  let journal: any MutationJournal
  let random: any RandomSource
  let desk: ControlDesk

  /// Builds the planes; nothing runs before ``start()``.
  ///
  /// The configuration has been validated: ``EngineConfiguration/problems()`` is empty. There is one executor and one sink, the
  /// edge's way out, for each plane, 1 to 1022 of them. All session shards share the journal.
  package init(
    configuration: EngineConfiguration, executors: [any PlaneExecutor], sinks: [any EventSink], clock: any EngineClock,
    journal: any MutationJournal, random: any RandomSource
  ) {
    precondition(executors.count == sinks.count, "\(executors.count) executors for \(sinks.count) sinks")
    let problems = configuration.problems()
    precondition(problems.isEmpty, "the configuration was not validated: \(problems)")
    let placement = Placement(planes: executors.count)
    let epoch = Epoch(rawValue: random.next() >> 24)
    let context = ShardContext(
      configuration: configuration, placement: placement, epoch: epoch, journal: journal, random: random)
    let mailboxes = executors.map { _ in Mailbox() }
    self.configuration = configuration
    self.epoch = epoch
    self.placement = placement
    self.executors = executors
    self.clock = clock
    self.journal = journal
    self.random = random
    desk = ControlDesk(shard: placement.desk)
    planes = executors.indices.map { index in
      Plane(
        index: index, executor: executors[index], context: context, sink: sinks[index], mailboxes: mailboxes, clock: clock)
    }
  }

  /// One per plane; plane `i` runs on the `i`th executor and tells its events to the `i`th sink.
  package var connectionShards: [ConnectionShard] { planes.map(\.connections) }

  /// Starts the turns.
  ///
  /// Called once.
  package func start() {
    for (plane, executor) in zip(planes, executors) {
      executor.start { [planes, desk] in plane.turn(peers: planes, desk: desk) }
    }
  }

  /// Ends the turns, and lets go of what holds this engine: the executors hold it, and it holds them.
  ///
  /// Who still waits for an answer waits for ever, so it comes behind ``drain(reason:spread:)``. Nothing may be asked for any more.
  package func stop() {
    for executor in executors { executor.stop() }
  }

  /// Asks every plane for a turn.
  package func requestTurns() {
    for executor in executors { executor.requestTurn() }
  }

  /// Lets nobody in any more, tells every connection to come back within `spread`, and closes them all.
  ///
  /// Sessions stay: they are detached, as after any loss. Requests over HTTP are refused from now on.
  package func drain(reason: String, spread: Duration) async {
    desk.beginDraining()
    for plane in planes { await plane.connections.beginDraining(reason: reason, spread: spread) }
    for plane in planes { await plane.connections.finishDraining() }
  }

  /// Sends a request to the shard of its session and waits for the answer.
  func ask(plane: Int, _ message: @Sendable (ConnectionID) -> SessionMessage) async -> Reply {
    await desk.ask { connection in
      var mail = PlaneMail()
      mail.sessions = [message(connection)]
      planes[plane].post(&mail)
    }
  }
}
