// What happens with what a backend reports. What clients are sent is in outgoing.test.ts.

import { beforeEach, describe, expect, spyOn, test } from "bun:test";
import { type COUNTER, METRICS } from "../../src/app/metrics.ts";
import { standardError } from "../../src/app/output.ts";
import { OPCODE } from "../../src/ws/socket/frame.ts";
import { readFrames } from "./frames.ts";
import {
  announce,
  endOfTurn,
  type FakeSocket,
  id,
  MAX_AGE,
  WorkerHarness,
} from "./worker-harness.ts";

let harness: WorkerHarness;

beforeEach(() => {
  harness = new WorkerHarness();
});

test("bytes of messages are counted, not characters", async () => {
  const [a, b] = [harness.open(), harness.open()];
  a.say(announce("t", "a"));
  await endOfTurn();
  const before = harness.count("bytesIn");
  const text = JSON.stringify(announce("t", "b", "\u20ac".repeat(1000)));
  b.say(text);
  b.say(Buffer.from(text));
  expect(harness.count("bytesIn") - before).toBe(2 * Buffer.byteLength(text));
  expect(harness.count("requests")).toBe(3);
});

test("what clients are sent is counted by type, and by the IP version of the recipient", async () => {
  const [a, b] = [harness.open("192.0.2.1"), harness.open("2001:db8::1")];
  a.say(announce("t", "a"));
  b.say(announce("t", "b", "sdp of b", 2));
  await endOfTurn();
  a.say({
    action: "announce",
    info_hash: id("t"),
    peer_id: id("a"),
    to_peer_id: id("b"),
    answer: { type: "answer", sdp: "sdp of a" },
    offer_id: id("b0"),
  });
  b.say({ action: "scrape", info_hash: id("t") });
  b.say({ action: "scrape" });
  a.say({ action: "else" });
  await endOfTurn();
  const counts = (["announces", "scrapes", "errors", "offers", "answers"] as const).map((type) => [
    type,
    harness.count(`${type}4`),
    harness.count(`${type}6`),
  ]);
  expect(counts).toEqual([
    ["announces", 1, 1],
    ["scrapes", 0, 1],
    ["errors", 1, 1],
    ["offers", 1, 0],
    ["answers", 0, 1],
  ]);
  expect(harness.count("responses")).toBe(5);
});

test("client programs are known by the peer IDs of announces, not of answers", () => {
  const socket = harness.open();
  const answer = { ...announce("t", "-WW0205-"), answer: { type: "answer", sdp: "sdp" } };
  for (let i = 0; i < 64; i++) socket.say(answer);
  expect(harness.clientShares()).toEqual([]);
  for (let i = 0; i < 64 * 3; i++) socket.say(announce("t", "-WW0205-"));
  for (let i = 0; i < 64; i++) socket.say(announce("t", "-ZZ0205-"));
  expect(harness.clientShares()).toEqual([
    { name: "WebTorrent", share: 0.75 },
    { name: "other", share: 0.25 },
  ]);
});

describe("the latency of responses", () => {
  test("is measured for one batch in 16", async () => {
    const [a, b] = [harness.open(), harness.open()];
    for (let turn = 0; turn < 32; turn++) {
      a.say(announce("t", "a"));
      b.say(announce("t", "b"));
      await endOfTurn();
    }
    expect([harness.measuredBatches, harness.count("batches")]).toEqual([2, 32]);
  });

  test("is none where there are no responses", async () => {
    const socket = harness.open();
    socket.say("junk");
    await endOfTurn();
    harness.worker.delivery.flush();
    expect(harness.measuredBatches).toBe(0);
    socket.say("junk");
    socket.say(announce("t", "a"));
    expect(harness.measuredBatches).toBe(0);
    await endOfTurn();
    expect(harness.measuredBatches).toBe(1);
  });

  test("does not include the wait for another connection", async () => {
    const [old, young] = [harness.open(), harness.open()];
    for (let turn = 0; turn < 16; turn++) {
      old.say(announce("t", "a"));
      await endOfTurn();
    }
    expect(harness.measuredBatches).toBe(1);
    young.say(announce("t", "a"));
    await endOfTurn();
    expect(harness.measuredBatches).toBe(1);
  });
});

describe("a client that is being closed", () => {
  test("is not heard, and is sent nothing more", async () => {
    const [bad, other] = [harness.open(), harness.open()];
    bad.say(announce("t", "bad"));
    await endOfTurn();
    bad.take();
    // The connection ends later than it is closed.
    bad.close = () => undefined;
    for (let i = 0; i < 16; i++) bad.say("junk");
    bad.say(announce("t", "late"));
    other.say(announce("t", "other", "sdp"));
    await endOfTurn();
    expect(bad.takeBytes()).toHaveLength(0);
    expect([harness.count("malformed"), harness.peerCount]).toEqual([16, 2]);
    bad.terminate();
    expect(harness.peerCount).toBe(1);
  });

  test("leaves no peer behind with a message that is read after the end", () => {
    const socket = harness.open();
    socket.terminate();
    socket.say(announce("t", "a"));
    expect(harness.peerCount).toBe(0);
    expect(harness.open().client.name).toBe(socket.client.name);
  });

  test("is closed once, however often the end is reported", () => {
    const socket = harness.open();
    socket.say(announce("t", "a"));
    socket.terminate();
    const next = harness.open();
    next.say(announce("t", "a"));
    socket.terminate();
    expect([harness.count("connections"), harness.peerCount]).toEqual([1, 1]);
  });
});

test("a client is closed with 1008 at its 16th bad message", () => {
  const [bad, other] = [harness.open(), harness.open()];
  for (let i = 0; i < 15; i++) bad.say(i % 2 === 0 ? "{" : Buffer.from([0xff]));
  bad.say(announce("t", "a"));
  expect(bad.hasEnded).toBe(false);
  bad.say("{}");
  expect(bad.closeCode).toBe(1008);
  expect(harness.count("malformed")).toBe(16);
  other.say("{}");
  expect(other.hasEnded).toBe(false);
});

test("a flood gets errors, then nothing, and then its end with 1008", async () => {
  // Forty seconds' worth at once.
  harness = new WorkerHarness({ max_messages_per_second: 1 });
  const [flood, neighbour] = [harness.open(), harness.open("198.51.100.1")];
  let sent = 0;
  while (!flood.hasEnded && sent < 2000) {
    flood.say(announce("t", "a"));
    sent++;
  }
  expect(flood.closeCode).toBe(1008);
  expect(sent).toBeGreaterThanOrEqual(40 + 256);
  expect(harness.count("rateLimited")).toBe(sent - 40);
  expect(countEnds()).toEqual(["flood"]);
  neighbour.say(announce("t", "b"));
  await endOfTurn();
  expect(neighbour.take()).toMatchObject([{ incomplete: 1 }]);
});

test("a mistake of the tracker closes one connection with 1011, and is logged once", () => {
  const logged: string[] = [];
  using _ = spyOn(standardError, "write").mockImplementation((line) => {
    logged.push(line);
    return true;
  });
  const sockets = [harness.open(), harness.open(), harness.open()];
  for (const socket of sockets.slice(0, 2)) {
    harness.worker.incoming.fail(socket, socket.client, new Error("as the test wants it"));
  }
  expect(sockets.map(({ closeCode }) => closeCode)).toEqual([1011, 1011, undefined]);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain("as the test wants it");
});

describe("the end of a connection is counted by its reason:", () => {
  test.each([
    ["client", "closedByClient", (socket) => socket.terminate()],
    ["client, unless it violated the protocol", "protocolError", (socket) => socket.violate(1002)],
    ["not UTF-8", "invalidText", (socket) => socket.violate(1007)],
    ["too long a message", "messageTooBig", (socket) => socket.violate(1009)],
    ["bad messages", "badMessages", (socket) => repeat(16, () => socket.say("junk"))],
    ["silence", "silent", () => harness.pass(MAX_AGE + 1)],
    ["a mistake", "failed", (socket) => harness.worker.incoming.fail(socket, socket.client, "")],
    [
      "an outbox that grows",
      "outboxFull",
      async (socket) => {
        socket.room = 0;
        for (let i = 0; i < 100; i++) {
          socket.say(announce("t", "a"));
          await endOfTurn();
        }
      },
    ],
    [
      "an outbox that is too large at once",
      "outboxFull",
      async (socket) => {
        socket.room = 0;
        repeat(79, () => socket.say(announce("t", "a")));
        await endOfTurn();
      },
    ],
    [
      "a client that does not read",
      "stalled",
      async (socket) => {
        socket.room = 0;
        socket.say(announce("t", "a"));
        await endOfTurn();
        repeat(40, () => {
          socket.answerPing();
          harness.pass(1);
        });
      },
    ],
  ] as [string, keyof typeof COUNTER, (socket: FakeSocket) => void | Promise<void>][])(
    "%s",
    async (_, counter, end) => {
      using _log = spyOn(standardError, "write").mockReturnValue(true);
      const socket = harness.open();
      expect(countEnds()).toEqual([]);
      await end(socket);
      expect(socket.hasEnded).toBe(true);
      expect(countEnds()).toEqual([counter]);
      // It is reported again.
      socket.violate(1002);
      expect(countEnds()).toEqual([counter]);
    },
  );

  test("a lack of room, for all or for the address", () => {
    harness = new WorkerHarness({ max_connections: 3, max_connections_per_ip: 2 });
    const { incoming } = harness.worker;
    const sockets = [harness.open(), harness.open()];
    expect([incoming.hasRoom("192.0.2.1"), countEnds()]).toEqual([false, ["noRoomForAddress"]]);
    sockets.push(harness.open("192.0.2.2"));
    expect([incoming.hasRoom("192.0.2.3"), incoming.hasRoom("192.0.2.1")]).toEqual([false, false]);
    expect(harness.count("noRoom")).toBe(2);
  });

  test("a refusal", () => {
    for (const reason of ["origin", "handshake", "late", "tls"] as const) {
      harness.worker.incoming.refuse(reason);
    }
    const refusals = ["forbiddenOrigin", "badHandshake", "handshakeTimeout", "tlsFailed"];
    expect(countEnds()).toEqual(refusals as typeof ENDS);
  });
});

function repeat(times: number, run: () => void): void {
  for (let i = 0; i < times; i++) run();
}

const ENDS = (Object.keys(METRICS) as (keyof typeof METRICS)[]).filter((key) => {
  return METRICS[key].name === "aquatic_connection_closes_total";
});

/** The counters of ends that are not 0, which are 1. */
function countEnds(): typeof ENDS {
  const counted = ENDS.filter((key) => harness.count(key) > 0);
  expect(counted.map((key) => harness.count(key))).toEqual(counted.map(() => 1));
  return counted;
}

describe("pings and pongs", () => {
  test("leave in order with messages", async () => {
    const socket = harness.open();
    const control = (opcode: number, payload: string): void =>
      harness.worker.incoming.sendControl(socket.client, opcode, Buffer.from(payload));
    control(OPCODE.pong, "first");
    socket.say(announce("t", "a"));
    control(OPCODE.pong, "second");
    control(OPCODE.ping, "");
    await endOfTurn();
    const frames = readFrames(socket.takeBytes());
    expect(frames.map(({ opcode }) => opcode)).toEqual([
      OPCODE.pong,
      OPCODE.text,
      OPCODE.pong,
      OPCODE.ping,
    ]);
    expect(frames[2].payload.toString()).toBe("second");
  });

  test("go to no client that is being closed", async () => {
    const socket = harness.open();
    socket.close = () => undefined;
    for (let i = 0; i < 16; i++) socket.say("junk");
    harness.worker.incoming.sendControl(socket.client, OPCODE.pong, Buffer.from("x"));
    await endOfTurn();
    expect(socket.takeBytes()).toHaveLength(0);
  });
});

describe("a peer ID on a second connection", () => {
  let [old, young]: FakeSocket[] = [];

  beforeEach(async () => {
    [old, young] = [harness.open(), harness.open()];
    old.say(announce("t", "a"));
    young.say(announce("t", "a"));
    await endOfTurn();
    expect([old.take().length, young.take().length, old.pings]).toEqual([1, 0, 1]);
  });

  test("is refused when the first answers its ping", async () => {
    old.answerPing();
    await endOfTurn();
    expect(young.take()).toMatchObject([
      { info_hash: id("t"), "failure reason": expect.stringContaining("Another connection") },
    ]);
  });

  test("is refused when the first sends a message, which is handled before", async () => {
    old.say(announce("u", "b"));
    await endOfTurn();
    expect(old.take()).toMatchObject([{ info_hash: id("u"), incomplete: 1 }]);
    expect(young.take()).toMatchObject([
      { info_hash: id("t"), "failure reason": expect.stringContaining("Another connection") },
    ]);
  });

  test("is taken over when the first closes", async () => {
    old.terminate();
    await endOfTurn();
    expect(young.take()).toMatchObject([{ info_hash: id("t"), incomplete: 1 }]);
    expect(harness.peerCount).toBe(1);
  });
});
