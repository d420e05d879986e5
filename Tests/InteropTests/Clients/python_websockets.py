"""Runs the scenario with Python's `websockets`: python3 python_websockets.py MODE ws://HOST:PORT http://HOST:PORT

The same expectations as in scenario.js, written down a second time: a slip in one of them shows against the other.
"""

import asyncio
import json
import logging
import sys
import time
import traceback
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 20


def expect(condition, detail):
    """Fails the check that is running."""
    if not condition:
        raise AssertionError(detail)


class View:
    """What one observer knows of a channel: one snapshot, kept up by diffs."""

    def __init__(self, snapshot):
        self.reset(snapshot)

    def reset(self, snapshot):
        """Forgets what was known."""
        self.epoch, self.seq, self.occupancy = snapshot["epoch"], snapshot["seq"], snapshot["occupancy"]
        self.members = {member["user"]: member for member in snapshot["members"]}

    def apply(self, diff):
        """Takes in one diff, if it is news."""
        expect(diff["epoch"] == self.epoch, "another epoch without a snapshot")
        if diff["seq"] <= self.seq:
            return
        expect(diff["prev"] <= self.seq, f"a hole: the view is at {self.seq}, the diff is {diff}")
        for member in diff["joins"] + diff["updates"]:
            self.members[member["user"]] = member
        for leave in diff["leaves"]:
            self.members.pop(leave["user"], None)
        self.seq, self.occupancy = diff["seq"], diff["occupancy"]


class Client:
    """One connection, read by a task of its own."""

    def __init__(self, socket):
        self.socket = socket
        self.views = {}
        self.inbox = []
        self.news = asyncio.Condition()
        self.closed = asyncio.get_running_loop().create_future()
        self.next_id = 1
        self.welcome = None
        self.reader = asyncio.create_task(self.read())

    @classmethod
    async def open(cls, url):
        """Connects, with no pings of the library's own."""
        return cls(await connect(f"{url}/v1/connect", subprotocols=["muster.v1"], ping_interval=None))

    async def read(self):
        """Sorts what comes, until the connection is closed."""
        try:
            async for text in self.socket:
                message = json.loads(text)
                async with self.news:
                    view = self.views.get(message.get("channel"))
                    if view and message.get("ev") == "diff":
                        view.apply(message)
                    if view and message.get("ev") == "snapshot":
                        view.reset(message)
                    self.inbox.append(message)
                    self.news.notify_all()
        except ConnectionClosed:
            pass
        await self.socket.wait_closed()
        self.closed.set_result(self.socket.close_code)
        async with self.news:
            self.news.notify_all()

    async def message(self, what, fits):
        """The first message that fits, waiting for it."""

        async def find():
            async with self.news:
                while True:
                    for index, message in enumerate(self.inbox):
                        if fits(message):
                            return self.inbox.pop(index)
                    expect(not self.closed.done(), f"closed with {self.closed} while waiting for {what}")
                    await self.news.wait()

        try:
            return await asyncio.wait_for(find(), PATIENCE)
        except TimeoutError as late:
            raise AssertionError(f"timed out waiting for {what}; the inbox holds {self.inbox}") from late

    async def push(self, ev, fits=lambda push: True):
        """The first push of a kind that fits."""
        return await self.message(f"push {ev}", lambda message: message.get("ev") == ev and fits(message))

    async def diff(self, after, fits):
        """The first diff behind a sequence number that fits."""
        return await self.push("diff", lambda push: push["seq"] > after and fits(push))

    async def send(self, message):
        """Sends one text frame."""
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def request(self, op, id=None, **fields):
        """A request and its reply."""
        if id is None:
            id, self.next_id = self.next_id, self.next_id + 1
        await self.send({"op": op, "id": id, **fields})

        def answers(message):
            return "ev" not in message and type(message.get("re")) is type(id) and message["re"] == id

        return await self.message(f"the reply to {op}", answers)

    async def ok(self, op, **fields):
        """A request that must be carried out; what the reply says."""
        reply = await self.request(op, **fields)
        expect("ok" in reply, f"{op}: {reply}")
        return reply["ok"]

    async def hello(self, **fields):
        """The first request."""
        self.welcome = await self.ok("hello", **fields)
        return self.welcome

    async def join(self, channel, meta):
        """Joins, and keeps a view from then on."""
        # The reply is the new beginning; what comes right behind it must not meet an old view.
        self.views.pop(channel, None)
        joined = await self.ok("join", channel=channel, meta=meta)
        view = self.views[channel] = View(joined)
        for message in [m for m in self.inbox if m.get("channel") == channel and m.get("ev") in ("diff", "snapshot")]:
            if message["seq"] > view.seq: (view.apply if message["ev"] == "diff" else view.reset)(message)
        return joined

    async def sees(self, channel, what, wanted):
        """Waits until the view of a channel is as wanted."""
        while not wanted(self.views[channel]):
            await self.message(f"{what} in {channel}", lambda m: m.get("channel") == channel and "ev" in m)
        return self.views[channel]

    async def close_code(self):
        """The code with which the server closes."""
        return await asyncio.wait_for(asyncio.shield(self.closed), PATIENCE)


class Scenario:
    """Three users of one room, from hello to kick."""

    def __init__(self, url, admin):
        self.url, self.admin, self.checks = url, admin, []
        unique = f"python-{uuid.uuid4().hex[:8]}"
        self.name = {who: f"{who}-{unique}" for who in ("alice", "bob", "carol")}
        self.room = f"room:{unique}"

    async def check(self, name, body):
        """Runs one named part and notes how it went."""
        try:
            await body()
            self.checks.append({"name": name, "ok": True, "detail": ""})
        except Exception:  # The verdict has to tell whatever went wrong.
            self.checks.append({"name": name, "ok": False, "detail": traceback.format_exc()})

    async def run(self):
        """All parts in order; the verdict."""
        self.alice, self.bob = await Client.open(self.url), await Client.open(self.url)
        for part in (
            self.hello, self.join, self.diff, self.list, self.beat, self.update, self.status, self.invisible, self.data,
            self.watch, self.signal, self.leave, self.resume, self.bye, self.logout, self.kick,
        ):
            await self.check(part.__name__, part)
        return self.checks

    async def hello(self):
        """A welcome with all its fields."""
        welcome = await self.alice.hello(user=self.name["alice"], device="web")
        expect(self.alice.socket.subprotocol == "muster.v1", self.alice.socket.subprotocol)
        expect(welcome["user"] == self.name["alice"] and welcome["kind"] == "member", welcome)
        expect(welcome["resumed"] is False, welcome)
        for field in ("session", "session_token", "connection", "epoch", "node"):
            expect(isinstance(welcome[field], str) and welcome[field], f"{field} in {welcome}")
        for field in ("heartbeat_interval", "heartbeat_timeout", "resume_window", "session_expires", "server_time"):
            expect(isinstance(welcome[field + "_ms"], int), f"{field} in {welcome}")
        expect(abs(welcome["server_time_ms"] / 1000 - time.time()) < 60, welcome)
        await self.bob.hello(user=self.name["bob"], device="ios")

    async def join(self):
        """A snapshot, and oneself as a member."""
        joined = await self.alice.join(self.room, {"mood": "calm", "list": [1, "ü"]})
        expect(joined["channel"] == self.room and joined["mode"] == "announce", joined)
        expect(joined["epoch"] == self.alice.welcome["epoch"], joined)
        view = await self.alice.sees(self.room, "alice herself", lambda view: self.name["alice"] in view.members)
        me = view.members[self.name["alice"]]
        expect(me["kind"] == "member" and me["status"] == "online" and me["devices"] == ["web"], me)
        expect(me["meta"] == {"mood": "calm", "list": [1, "ü"]} and isinstance(me["since_ms"], int), me)

    async def diff(self):
        """Another's join, told to the first."""
        await self.bob.join(self.room, {"mood": "glad"})
        view = await self.alice.sees(self.room, "bob", lambda view: self.name["bob"] in view.members)
        expect(view.occupancy == {"users": 2, "guests": 0, "sessions": 2}, view.occupancy)

    async def list(self):
        """Two pages of one member each."""
        page = await self.alice.ok("list", channel=self.room, limit=1)
        rest = await self.alice.ok("list", channel=self.room, limit=1, cursor=page["next"])
        listed = sorted(member["user"] for member in page["members"] + rest["members"])
        expect(listed == [self.name["alice"], self.name["bob"]], listed)
        expect((await self.alice.ok("count", channel=self.room))["occupancy"]["users"] == 2, "count")

    async def beat(self):
        """Ids come back with their types; without one there is no answer."""
        for id in (0, -7, 2**63 - 1, "a", "é", "x" * 32):
            expect(isinstance((await self.alice.request("beat", id=id))["ok"]["server_time_ms"], int), id)
        await self.alice.send("")
        await self.alice.send({"op": "beat"})
        await self.alice.ok("beat")
        expect(all("ev" in message for message in self.alice.inbox), self.alice.inbox)

    async def update(self):
        """A merge patch of one's own meta: an update, no leave and join."""
        updated = await self.bob.ok("update", channel=self.room, patch={"mood": None, "seat": 7})
        bob = self.name["bob"]
        view = await self.alice.sees(self.room, "the update", lambda view: view.members[bob]["meta"] == {"seat": 7})
        expect(view.seq > updated["seq"], f"{view.seq} after {updated}")
        expect(view.occupancy["users"] == 2, view.occupancy)

    async def status(self):
        """A status with a text."""
        presence = await self.bob.ok("status", status="dnd", text="in a meeting")
        expect(presence["status"] == "dnd", presence)
        bob = self.name["bob"]
        view = await self.alice.sees(self.room, "the status", lambda view: view.members[bob]["status"] == "dnd")
        expect(view.members[bob]["text"] == "in a meeting", view.members)

    async def invisible(self):
        """Offline for others in every way, but not for oneself."""
        bob = self.name["bob"]
        await self.bob.ok("status", status="invisible")
        view = await self.alice.sees(self.room, "bob gone", lambda view: bob not in view.members)
        expect(view.occupancy["users"] == 1, view.occupancy)
        seen = await self.alice.ok("users", ids=[bob])
        expect(seen["users"][bob]["status"] == "offline", seen)
        own = await self.bob.ok("users", ids=[bob])
        expect(own["users"][bob]["status"] == "invisible", own)
        await self.bob.ok("status", status="online", text="")
        await self.alice.sees(self.room, "bob back", lambda view: bob in view.members)

    async def data(self):
        """Merge patches with versions."""
        first = await self.bob.ok("data", patch={"a": 1, "deep": {"b": 2, "c": 3}})
        expect(first["version"] == 1, first)
        refused = await self.bob.request("data", patch={"a": 9}, if_version=0)
        error = refused["error"]
        expect(error["name"] == "conflict" and error["code"] == 5002 and error["retry"] is False, refused)
        expect('"version": 1' in json.dumps(refused) and '"c": 3' in json.dumps(refused), refused)
        second = await self.bob.ok("data", patch={"a": None, "deep": {"b": "x"}}, if_version=1)
        expect(second["version"] == 2 and second["data"] == {"deep": {"b": "x", "c": 3}}, second)
        expect((await self.bob.ok("data")) == second, second)

    async def watch(self):
        """Presence regardless of channels."""
        carol = self.name["carol"]
        snapshot = await self.alice.ok("watch", users=[carol])
        expect(snapshot["users"][carol]["status"] == "offline", snapshot)
        client = await Client.open(self.url)
        await client.hello(user=carol, device="desktop")
        await self.alice.push("presence", lambda push: push["users"].get(carol, {}).get("status") == "online")
        await client.ok("bye", logout=True)
        await self.alice.push("presence", lambda push: push["users"].get(carol, {}).get("status") == "offline")
        await self.alice.ok("unwatch", users=[carol])

    async def signal(self):
        """Messages to a user, a session and a channel."""
        data = {"offer": ["v=0", 1.5, None, {"nested": True}]}
        for to in ({"user": self.name["bob"]}, {"session": self.bob.welcome["session"]}, {"channel": self.room}):
            expect((await self.alice.ok("signal", to=to, data=data))["delivered"] >= 1, to)
            got = await self.bob.push("signal")
            sender = {"user": self.name["alice"], "session": self.alice.welcome["session"]}
            expect(got["from"] == sender and got["data"] == data and got["to"] == to, got)

    async def leave(self):
        """One event for the first leave, none for the second."""
        before = self.alice.views[self.room].seq
        expect((await self.bob.ok("leave", channel=self.room))["changed"] is True, "the first leave")
        gone = await self.alice.diff(before, lambda diff: diff["leaves"])
        expect(gone["leaves"] == [{"user": self.name["bob"], "reason": "left"}], gone)
        expect((await self.bob.ok("leave", channel=self.room))["changed"] is False, "the second leave")

    async def resume(self):
        """A lost connection and a new one: what was missed comes, and nobody else sees anything."""
        alice, bob = self.name["alice"], self.name["bob"]
        await self.bob.join(self.room, {"seat": 1})
        await self.alice.sees(self.room, "bob again", lambda view: bob in view.members)
        known, before = self.bob.views[self.room], self.alice.views[self.room].seq
        self.bob.socket.transport.abort()
        await self.alice.ok("update", channel=self.room, patch={"mood": "curious"})
        await self.alice.sees(self.room, "alice", lambda view: view.members[alice]["meta"].get("mood") == "curious")

        again = await Client.open(self.url)
        again.views[self.room] = known
        point = {"channels": {self.room: {"epoch": known.epoch, "seq": known.seq}}}
        welcome = await again.hello(token=self.bob.welcome["session_token"], resume=point)
        expect(welcome["resumed"] is True and welcome["session"] == self.bob.welcome["session"], welcome)
        await again.sees(self.room, "what was missed", lambda view: view.members[alice]["meta"].get("mood") == "curious")
        await again.ok("update", channel=self.room, patch={"seat": 2})
        await self.alice.sees(self.room, "bob's update", lambda view: view.members[bob]["meta"] == {"seat": 2})
        expect(self.alice.views[self.room].seq == before + 2, f"{before} became {self.alice.views[self.room].seq}")
        self.bob = again

    async def bye(self):
        """A goodbye is seen at once; the session sleeps and can be woken."""
        before = self.alice.views[self.room].seq
        await self.bob.ok("bye")
        expect(await self.bob.close_code() == 1000, "another close code")
        gone = await self.alice.diff(before, lambda diff: diff["leaves"])
        expect(gone["leaves"] == [{"user": self.name["bob"], "reason": "left"}], gone)
        token = self.bob.welcome["session_token"]
        self.bob = await Client.open(self.url)
        expect((await self.bob.hello(token=token))["resumed"] is True, self.bob.welcome)
        await self.alice.sees(self.room, "bob from his sleep", lambda view: self.name["bob"] in view.members)

    async def logout(self):
        """The session is over for good."""
        await self.bob.ok("bye", logout=True)
        expect(await self.bob.close_code() == 1000, "another close code")
        late = await Client.open(self.url)
        refused = await late.request("hello", token=self.bob.welcome["session_token"])
        expect(refused["error"]["name"] == "session_expired" and refused["error"]["code"] == 4507, refused)
        expect(await late.close_code() == 4507, "another close code")

    async def kick(self):
        """An operator ends all sessions of a user."""
        request = urllib.request.Request(f"{self.admin}/v1/users/{self.name['alice']}/sessions", method="DELETE")
        with await asyncio.to_thread(urllib.request.urlopen, request, timeout=PATIENCE) as response:
            expect(200 <= response.status < 300, response.status)
        expect((await self.alice.push("ended"))["reason"] == "kicked", "another reason")
        expect(await self.alice.close_code() == 4503, "another close code")


class PingCounter(logging.Handler):
    """Counts the server's pings in what the library logs of each frame."""

    def __init__(self):
        super().__init__()
        self.enough = asyncio.Event()
        self.count = 0

    def emit(self, record):
        self.count += record.getMessage().startswith("< PING")
        if self.count == 3:
            self.enough.set()


async def idle(url):
    """A client without any heartbeat code stays connected."""
    pings = PingCounter()
    logger = logging.getLogger("websockets.client")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(pings)
    client = await Client.open(url)
    await client.hello(user=f"idle-{uuid.uuid4().hex}")
    await asyncio.wait_for(pings.enough.wait(), PATIENCE)
    await client.ok("bye", logout=True)
    return [{"name": "ping", "ok": True, "detail": ""}]


async def drain(url):
    """A client that is connected when the server is told to stop."""
    client = await Client.open(url)
    await client.hello(user=f"drain-{uuid.uuid4().hex}")
    print("connected", flush=True)
    push = await client.push("reconnect")
    code = await client.close_code()
    ok = isinstance(push["after_ms"], int) and isinstance(push["reason"], str) and code == 4000
    return [{"name": "reconnect", "ok": ok, "detail": f"{push} {code}"}]


async def main():
    """Runs one mode and prints the verdict."""
    mode, url, admin = sys.argv[1:]
    modes = {"scenario": lambda: Scenario(url, admin).run(), "idle": lambda: idle(url), "drain": lambda: drain(url)}
    print(json.dumps({"client": "python-websockets", "checks": await modes[mode]()}), flush=True)


asyncio.run(main())
