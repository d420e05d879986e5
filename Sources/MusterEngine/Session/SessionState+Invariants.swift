import MusterModel

extension SessionState {
  /// Compares everything that is kept with a scan of everything.
  ///
  /// O(rows); for tests and simulations.
  ///
  /// - Returns: A sentence for each violation, with the number of the invariant.
  package func invariantViolations(at now: Tick) -> [String] {
    var found: [String] = []
    var scan = SessionCounters()
    var seenSessions = 0
    var seenMemberships = 0
    var seenAttachments = 0
    for raw in 0..<UInt32(users.slots.rows) where users.slots.isLive(Slot(raw)) {
      let user = Slot(raw)
      let slots = sessionSlots(of: user)
      seenSessions += slots.count
      if slots.count != Int(users.rows[user].sessions) { found.append("I1: user \(raw) counts its sessions wrong") }
      if isUnused(user) { found.append("I4: user \(raw) is kept for nothing") }
      var shown = 0
      for session in slots {
        check(session, of: user, at: now, &found)
        let lease = sessions.rows[session]
        scan.phases[Int(lease.phase.rawValue)] += 1
        seenMemberships += channels(of: session).count
        seenAttachments += connections(of: session).count
        guard lease.isShown else { continue }
        shown += 1
        scan.shownDevices[Int(sessions.rows[session].device.rawValue)] += 1
      }
      if shown != Int(users.rows[user].shownSessions) { found.append("I2: user \(raw) counts its shown sessions wrong") }
      if (shown > 0) != (users.rows[user].shownStatus != .offline) { found.append("I2: user \(raw) has the wrong status") }
      if shown > 0 { scan.shownUsers[Int(users.rows[user].kind.rawValue)] += 1 }
      checkPlaces(of: user, &found)
    }
    for raw in 0..<UInt32(sessions.slots.rows) where sessions.slots.isLive(Slot(raw)) && sessions.rows[Slot(raw)].isFolded {
      let row = sessions.rows[Slot(raw)]
      seenSessions += 1
      checkFolded(Slot(raw), at: now, &found)
      scan.phases[Int(row.phase.rawValue)] += 1
      guard row.isShown else { continue }
      scan.shownDevices[Int(row.device.rawValue)] += 1
      scan.shownUsers[Int(row.userKind.rawValue)] += 1
    }
    if seenSessions != sessions.slots.count { found.append("I1: \(sessions.slots.count) sessions, \(seenSessions) found") }
    if seenSessions != sessionWheel.count { found.append("I1: \(sessionWheel.count) timers for \(seenSessions) sessions") }
    if seenMemberships != memberships.count { found.append("I3: memberships that no session has") }
    if seenAttachments != attachments.count { found.append("I5: attachments that no session has") }
    if scan.phases != counters.phases { found.append("I2: phases \(counters.phases), found \(scan.phases)") }
    if scan.shownUsers != counters.shownUsers { found.append("I2: users \(counters.shownUsers), found \(scan.shownUsers)") }
    if scan.shownDevices != counters.shownDevices { found.append("I2: devices \(counters.shownDevices), found otherwise") }
    return found
  }

  private func checkFolded(_ session: Slot, at now: Tick, _ found: inout [String]) {
    check(session, at: now, &found)
    let user = userID(ofSession: session)
    guard case .folded(session) = known(user) else {
      return found.append("I4: user \(user.text) has a folded session and is not found by it")
    }
    if UserKind(of: user) != userKind(ofSession: session) { found.append("I4: user \(user.text) is of the wrong kind") }
  }

  private func check(_ session: Slot, of user: Slot, at now: Tick, _ found: inout [String]) {
    check(session, at: now, &found)
    let name = sessions.rows[session].id.text
    guard row(ofUserOf: session) == user else { return found.append("I1: session \(name) is in the list of another user") }
    if connections(of: session).count != Int(sessions[session].attachments) {
      found.append("I5: session \(name) counts its connections wrong")
    }
  }

  private func check(_ session: Slot, at now: Tick, _ found: inout [String]) {
    let lease = sessions.rows[session]
    let name = lease.id.text
    if sessions.find(lease.id) != session { found.append("I1: session \(name) is not in the index") }
    if !sessionWheel.isArmed(session) { found.append("I1: session \(name) has no timer") }
    if lease.isShown != isVisible(session, at: now) { found.append("I2: session \(name) is shown wrongly") }
    if lease.holdsHTTPLease, sessions[session].attachments > 0 {
      found.append("I5: session \(name) has connections and holds an HTTP lease")
    }
    let isHeld = sessions[session].attachments > 0 || lease.holdsHTTPLease
    if isHeld != (lease.phase == .attached) { found.append("I5: session \(name) is \(lease.phase.name), held: \(isHeld)") }
  }

  private func checkPlaces(of user: Slot, _ found: inout [String]) {
    var place = users.rows[user].firstPlace
    while place != .none {
      var count = 0
      var shown = 0
      var membership = places[place].firstMembership
      while membership != .none {
        count += 1
        if sessions.rows[memberships[membership].session].isShown { shown += 1 }
        if memberships[membership].place != place { found.append("I3: a membership is in the list of another place") }
        membership = memberships[membership].nextOfPlace
      }
      if count == 0 { found.append("I3: an empty place in \(channelNames[places[place].channel].text)") }
      if (shown > 0) != places[place].isTold {
        found.append("I3: a place in \(channelNames[places[place].channel].text) is told wrongly")
      }
      place = places[place].nextOfUser
    }
  }
}
