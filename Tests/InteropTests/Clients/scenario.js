// What a client of the protocol may rely on, for any implementation of the browser's WebSocket API: node's `ws`, Chromium.
//
// A host gives:  client                      its name
//                open() -> WebSocket         a new connection that offers muster.v1
//                drop(socket)                loses the connection without a goodbye
//                admin(method, path)         a request to the admin port: {status, json}
//                print(line)                 a line for the test that started us
// and gets back: {client, checks: [{name, ok, detail}]}
(function (root) {
  'use strict';

  const PATIENCE_MS = 20000;

  function expect(condition, detail) {
    if (!condition) throw new Error(typeof detail === 'string' ? detail : JSON.stringify(detail));
  }

  function within(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('timed out waiting for ' + what)), PATIENCE_MS);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  // What one observer knows of a channel: built from one snapshot, kept up by diffs, as the protocol promises it can be.
  class View {
    constructor(snapshot) {
      this.reset(snapshot);
    }

    reset(snapshot) {
      this.epoch = snapshot.epoch;
      this.seq = snapshot.seq;
      this.occupancy = snapshot.occupancy;
      this.members = new Map(snapshot.members.map((member) => [member.user, member]));
    }

    apply(diff) {
      expect(diff.epoch === this.epoch, 'another epoch without a snapshot');
      if (diff.seq <= this.seq) return;
      expect(diff.prev <= this.seq, `a hole: the view is at ${this.seq}, the diff builds on ${diff.prev}`);
      for (const member of [...diff.joins, ...diff.updates]) this.members.set(member.user, member);
      for (const leave of diff.leaves) this.members.delete(leave.user);
      this.seq = diff.seq;
      this.occupancy = diff.occupancy;
    }
  }

  class Connection {
    constructor(host) {
      this.host = host;
      this.socket = host.open();
      this.views = new Map();
      this.inbox = [];
      this.waiting = [];
      this.nextID = 1;
      this.opened = new Promise((resolve, reject) => {
        this.socket.addEventListener('open', () => resolve());
        this.socket.addEventListener('error', () => reject(new Error('the connection failed')));
      });
      this.closed = new Promise((resolve) => {
        this.socket.addEventListener('close', (event) => {
          resolve({ code: event.code, reason: event.reason });
          // Who waits for a message now waits in vain.
          for (const waiter of this.waiting) waiter.reject(new Error(`closed with ${event.code} ${event.reason}`));
        });
      });
      this.opened.catch(() => {});
      this.socket.addEventListener('message', (event) => this.take(JSON.parse(event.data)));
    }

    take(message) {
      const view = this.views.get(message.channel);
      if (view && message.ev === 'diff') view.apply(message);
      if (view && message.ev === 'snapshot') view.reset(message);
      this.inbox.push(message);
      this.settle();
    }

    settle() {
      this.waiting = this.waiting.filter((waiter) => {
        const index = this.inbox.findIndex(waiter.fits);
        if (index < 0) return true;
        waiter.resolve(this.inbox.splice(index, 1)[0]);
        return false;
      });
    }

    message(what, fits) {
      const found = new Promise((resolve, reject) => this.waiting.push({ fits, resolve, reject }));
      this.settle();
      if (this.socket.readyState === 3) for (const waiter of this.waiting) waiter.reject(new Error('closed before'));
      return within(found, `${what}; the inbox holds ${JSON.stringify(this.inbox).slice(0, 500)}`);
    }

    push(ev, fits = () => true) {
      return this.message(`push ${ev}`, (message) => message.ev === ev && fits(message));
    }

    // A diff behind a sequence number.
    diff(after, fits) {
      return this.push('diff', (push) => push.seq > after && fits(push));
    }

    send(message) {
      this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    }

    request(op, fields = {}, id = this.nextID++) {
      this.send({ op, id, ...fields });
      return this.message(`the reply to ${op}`, (message) => message.ev === undefined && message.re === id);
    }

    async ok(op, fields = {}) {
      const reply = await this.request(op, fields);
      expect(reply.ok, `${op}: ${JSON.stringify(reply)}`);
      return reply.ok;
    }

    async hello(fields) {
      await within(this.opened, 'the connection');
      const welcome = await this.ok('hello', fields);
      this.welcome = welcome;
      return welcome;
    }

    async join(channel, meta = {}) {
      // The reply is the new beginning; what comes right behind it must not meet an old view.
      this.views.delete(channel);
      const snapshot = await this.ok('join', { channel, meta });
      this.views.set(channel, new View(snapshot));
      // What came right behind the reply came before there was a view to take it; the inbox also holds what came long before.
      const view = this.views.get(channel);
      for (const message of this.inbox) {
        if (message.channel !== channel || message.seq <= view.seq) continue;
        if (message.ev === 'diff') view.apply(message);
        if (message.ev === 'snapshot') view.reset(message);
      }
      return snapshot;
    }

    // Waits until this observer's view of the channel is as wanted.
    async sees(channel, what, wanted) {
      while (!wanted(this.views.get(channel))) {
        await this.message(`${what} in ${channel}`, (message) => message.channel === channel && message.ev !== undefined);
      }
      return this.views.get(channel);
    }
  }

  async function scenario(host) {
    const checks = [];
    async function check(name, body) {
      try {
        await body();
        checks.push({ name, ok: true, detail: '' });
      } catch (error) {
        checks.push({ name, ok: false, detail: String((error && error.stack) || error) });
      }
    }
    const unique = `${host.client}-${Math.random().toString(36).slice(2, 10)}`;
    const names = { alice: `alice-${unique}`, bob: `bob-${unique}`, carol: `carol-${unique}`, room: `room:${unique}` };
    const world = { host, names, alice: new Connection(host), bob: new Connection(host), check };
    await enter(world);
    await change(world);
    await talk(world);
    await comeBack(world);
    await end(world);
    return { client: host.client, checks };
  }

  async function enter({ check, names, alice, bob }) {
    const { room } = names;
    await check('hello', async () => {
      const welcome = await alice.hello({ user: names.alice, device: 'web' });
      expect(alice.socket.protocol === 'muster.v1', `the subprotocol is '${alice.socket.protocol}'`);
      expect(welcome.user === names.alice && welcome.kind === 'member' && welcome.resumed === false, welcome);
      for (const field of ['session', 'session_token', 'connection', 'epoch', 'node']) {
        expect(typeof welcome[field] === 'string' && welcome[field].length > 0, `${field} in ${JSON.stringify(welcome)}`);
      }
      for (const field of ['heartbeat_interval', 'heartbeat_timeout', 'resume_window', 'session_expires', 'server_time']) {
        expect(Number.isInteger(welcome[`${field}_ms`]), `${field} in ${JSON.stringify(welcome)}`);
      }
      expect(Math.abs(welcome.server_time_ms - Date.now()) < 60000, 'the server has another time');
      await bob.hello({ user: names.bob, device: 'ios' });
    });
    await check('join', async () => {
      const joined = await alice.join(room, { mood: 'calm', list: [1, 'ü'] });
      expect(joined.channel === room && joined.mode === 'announce' && Number.isInteger(joined.seq), joined);
      expect(joined.epoch === alice.welcome.epoch, joined);
      const view = await alice.sees(room, 'alice herself', (view) => view.members.has(names.alice));
      const me = view.members.get(names.alice);
      expect(me.kind === 'member' && me.status === 'online' && me.devices.join() === 'web' && Number.isInteger(me.since_ms), me);
      expect(JSON.stringify(me.meta) === '{"mood":"calm","list":[1,"ü"]}', me);
    });
    await check('diff', async () => {
      await bob.join(room, { mood: 'glad' });
      const view = await alice.sees(room, 'bob', (view) => view.members.has(names.bob));
      expect(view.occupancy.users === 2 && view.occupancy.guests === 0 && view.occupancy.sessions === 2, view.occupancy);
      expect(view.members.get(names.bob).devices.join() === 'ios', [...view.members]);
    });
    await check('list', async () => {
      const page = await alice.ok('list', { channel: room, limit: 1 });
      expect(page.members.length === 1 && page.next !== undefined && Number.isInteger(page.seq), page);
      const rest = await alice.ok('list', { channel: room, limit: 1, cursor: page.next });
      const listed = [...page.members, ...rest.members].map((member) => member.user).sort();
      expect(listed.join() === [names.alice, names.bob].join(), listed);
      const count = await alice.ok('count', { channel: room });
      expect(count.occupancy.users === 2, count);
    });
    await check('beat', async () => {
      for (const id of [0, -7, 9007199254740991, 'a', 'é', 'x'.repeat(32)]) {
        const reply = await alice.request('beat', {}, id);
        expect(Number.isInteger(reply.ok.server_time_ms), reply);
      }
      // Neither of these is answered: the next thing that comes is the reply to the third.
      const before = alice.inbox.filter((message) => message.ev === undefined).length;
      alice.send('');
      alice.send({ op: 'beat' });
      await alice.ok('beat');
      expect(alice.inbox.filter((message) => message.ev === undefined).length === before, alice.inbox);
    });
  }

  async function change({ check, names, alice, bob }) {
    const { room } = names;
    await check('update', async () => {
      const before = alice.views.get(room).seq;
      const updated = await bob.ok('update', { channel: room, patch: { mood: null, seat: 7 } });
      expect(Number.isInteger(updated.seq), updated);
      const view = await alice.sees(room, "bob's update", (view) => view.members.get(names.bob).meta.seat === 7);
      expect(JSON.stringify(view.members.get(names.bob).meta) === '{"seat":7}', [...view.members]);
      expect(view.seq > before && view.seq > updated.seq, `${view.seq} after ${updated.seq}`);
      expect(view.occupancy.users === 2, view.occupancy);
    });
    await check('status', async () => {
      const presence = await bob.ok('status', { status: 'dnd', text: 'in a meeting' });
      expect(presence.status === 'dnd', presence);
      const view = await alice.sees(room, "bob's status", (view) => view.members.get(names.bob).status === 'dnd');
      expect(view.members.get(names.bob).text === 'in a meeting', [...view.members]);
    });
    await check('invisible', async () => {
      await bob.ok('status', { status: 'invisible' });
      const view = await alice.sees(room, 'bob gone', (view) => !view.members.has(names.bob));
      expect(view.occupancy.users === 1, view.occupancy);
      const seen = await alice.ok('users', { ids: [names.bob] });
      expect(seen.users[names.bob].status === 'offline', seen);
      const listed = await alice.ok('list', { channel: room });
      expect(listed.members.every((member) => member.user !== names.bob), listed);
      const own = await bob.ok('users', { ids: [names.bob] });
      expect(own.users[names.bob].status === 'invisible', own);
      await bob.ok('status', { status: 'online', text: '' });
      await alice.sees(room, 'bob back', (view) => view.members.has(names.bob));
    });
    await check('data', async () => {
      const first = await bob.ok('data', { patch: { a: 1, deep: { b: 2, c: 3 } } });
      expect(first.version === 1, first);
      const refused = await bob.request('data', { patch: { a: 9 }, if_version: 0 });
      expect(refused.error && refused.error.name === 'conflict' && refused.error.code === 5002, refused);
      expect(refused.error.retry === false && typeof refused.error.message === 'string', refused);
      const text = JSON.stringify(refused);
      expect(text.includes('"version":1') && text.includes('"c":3'), `the current version and data: ${text}`);
      const second = await bob.ok('data', { patch: { a: null, deep: { b: 'x' } }, if_version: 1 });
      expect(second.version === 2 && JSON.stringify(second.data) === '{"deep":{"b":"x","c":3}}', second);
      const read = await bob.ok('data');
      expect(read.version === 2 && read.data.deep.c === 3, read);
    });
  }

  async function talk({ check, host, names, alice, bob }) {
    const { room } = names;
    await check('watch', async () => {
      const snapshot = await alice.ok('watch', { users: [names.carol] });
      expect(snapshot.users[names.carol].status === 'offline', snapshot);
      const carol = new Connection(host);
      await carol.hello({ user: names.carol, device: 'desktop' });
      const came = await alice.push('presence', (push) => push.users[names.carol] && push.users[names.carol].status === 'online');
      expect(came.users[names.carol].devices.join() === 'desktop', came);
      await carol.ok('bye', { logout: true });
      await alice.push('presence', (push) => push.users[names.carol] && push.users[names.carol].status === 'offline');
      await alice.ok('unwatch', { users: [names.carol] });
    });
    await check('signal', async () => {
      const data = { offer: ['v=0', 1.5, null, { nested: true }] };
      for (const to of [{ user: names.bob }, { session: bob.welcome.session }, { channel: room }]) {
        const sent = await alice.ok('signal', { to, data });
        expect(sent.delivered >= 1, sent);
        const got = await bob.push('signal');
        expect(got.from.user === names.alice && got.from.session === alice.welcome.session, got);
        expect(JSON.stringify(got.data) === JSON.stringify(data), got);
        expect(JSON.stringify(got.to) === JSON.stringify(to), got);
      }
    });
    await check('leave', async () => {
      const before = alice.views.get(room).seq;
      expect((await bob.ok('leave', { channel: room })).changed === true, 'the first leave changes nothing');
      const gone = await alice.diff(before, (diff) => diff.leaves.some((leave) => leave.user === names.bob));
      expect(gone.channel === room && gone.occupancy.users === 1 && gone.leaves[0].reason === 'left', gone);
      expect((await bob.ok('leave', { channel: room })).changed === false, 'the second leave changes something');
    });
  }

  async function comeBack(world) {
    const { check, host, names, alice } = world;
    const { room } = names;
    await check('resume', async () => {
      const bob = world.bob;
      await bob.join(room, { seat: 1 });
      await alice.sees(room, 'bob again', (view) => view.members.has(names.bob));
      const known = bob.views.get(room);
      const before = alice.views.get(room).seq;
      host.drop(bob.socket);
      // What bob misses.
      await alice.ok('update', { channel: room, patch: { mood: 'curious' } });
      await alice.sees(room, "alice's own update", (view) => view.members.get(names.alice).meta.mood === 'curious');

      const again = new Connection(host);
      again.views.set(room, known);
      const resume = { channels: { [room]: { epoch: known.epoch, seq: known.seq } } };
      const welcome = await again.hello({ token: bob.welcome.session_token, resume });
      expect(welcome.resumed === true && welcome.session === bob.welcome.session && welcome.user === names.bob, welcome);
      await again.sees(room, 'what was missed', (view) => view.members.get(names.alice).meta.mood === 'curious');
      await again.ok('update', { channel: room, patch: { seat: 2 } });
      await alice.sees(room, "bob's update", (view) => view.members.get(names.bob).meta.seat === 2);
      // The two updates are all that happened: nobody saw bob go and come.
      expect(alice.views.get(room).seq === before + 2, `${before} became ${alice.views.get(room).seq}`);
      world.bob = again;
    });
    await check('bye', async () => {
      const before = alice.views.get(room).seq;
      await world.bob.ok('bye');
      const closed = await within(world.bob.closed, 'the close');
      expect(closed.code === 1000, closed);
      const gone = await alice.diff(before, (diff) => diff.leaves.some((leave) => leave.user === names.bob));
      expect(gone.leaves[0].reason === 'left', gone);
      // The session is dormant: whoever resumes it is back in the channel without asking.
      const token = world.bob.welcome.session_token;
      world.bob = new Connection(host);
      expect((await world.bob.hello({ token })).resumed === true, world.bob.welcome);
      await alice.sees(room, 'bob from his sleep', (view) => view.members.has(names.bob));
    });
  }

  async function end({ check, host, names, alice, ...world }) {
    await check('logout', async () => {
      await world.bob.ok('bye', { logout: true });
      expect((await within(world.bob.closed, 'the close')).code === 1000, 'another close code');
      const late = new Connection(host);
      await within(late.opened, 'the connection');
      const refused = await late.request('hello', { token: world.bob.welcome.session_token });
      expect(refused.error && refused.error.name === 'session_expired' && refused.error.code === 4507, refused);
      expect((await within(late.closed, 'the close')).code === 4507, 'another close code');
    });
    await check('kick', async () => {
      const answer = await host.admin('DELETE', `/v1/users/${names.alice}/sessions`);
      expect(answer.status >= 200 && answer.status < 300, answer);
      const ended = await alice.push('ended');
      expect(ended.reason === 'kicked' && typeof ended.message === 'string', ended);
      expect((await within(alice.closed, 'the close')).code === 4503, 'another close code');
    });
  }

  // A client without any heartbeat code: the server asks, the library answers. The host tells when it was asked often enough.
  async function idle(host) {
    const connection = new Connection(host);
    await connection.hello({ user: `idle-${host.client}`, device: 'web' });
    const outcome = await Promise.race([
      within(host.wasPinged(connection.socket), 'pings').then(() => ({ ok: true, detail: '' })),
      connection.closed.then((closed) => ({ ok: false, detail: `closed with ${closed.code} ${closed.reason}` })),
    ]);
    if (outcome.ok) await connection.ok('bye', { logout: true });
    return { client: host.client, checks: [{ name: 'ping', ...outcome }] };
  }

  // A client that is connected when the server is told to stop.
  async function drain(host) {
    const connection = new Connection(host);
    await connection.hello({ user: `drain-${host.client}`, device: 'web' });
    host.print('connected');
    const push = await connection.push('reconnect');
    const closed = await within(connection.closed, 'the close');
    const ok = Number.isInteger(push.after_ms) && push.after_ms >= 0 && typeof push.reason === 'string' && closed.code === 4000;
    return { client: host.client, checks: [{ name: 'reconnect', ok, detail: JSON.stringify({ push, closed }) }] };
  }

  root.muster = { scenario, idle, drain };
})(globalThis);
