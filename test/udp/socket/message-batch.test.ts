import { afterEach, describe, expect, test } from "bun:test";
import type { SocketAddress } from "../../../src/app/socket-address.ts";
import {
  closeLinuxSocket,
  connectLinuxSocket,
  type LinuxSocketOptions,
  openLinuxSocket,
  readLocalPort,
  SocketError,
} from "../../../src/udp/socket/linux-socket.ts";
import { MessageBatch } from "../../../src/udp/socket/message-batch.ts";
import { forgetInterface, PACKET_INFO_BYTES } from "../../../src/udp/socket/packet-info.ts";
import { PollSet } from "../../../src/udp/socket/poll-set.ts";
import { NAME, readNamePort } from "../../../src/udp/socket/name.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  hasSystemCalls,
  receiveMessages,
} from "../../../src/udp/socket/system-calls.ts";
import { findMissing } from "../../support/requirements.ts";

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeLinuxSocket(fd);
});

function openSocket(host: string, port = 0, options: LinuxSocketOptions = {}): number {
  const address: SocketAddress = { host, port, family: host.includes(":") ? 6 : 4 };
  const fd = openLinuxSocket(address, options);
  open.push(fd);
  return fd;
}

/** A socket at `host` that sends to port `port` of `to`. */
function openClient(host: string, to: string, port: number): number {
  const fd = openSocket(host);
  connectLinuxSocket(fd, { host: to, port, family: to.includes(":") ? 6 : 4 });
  return fd;
}

function createBatch(slots: number, payloadBytes = 64, controlBytes = 0): MessageBatch {
  return new MessageBatch({ slots, payloadBytes, controlBytes });
}

/** Waits for a datagram and receives. Fails after two seconds without one. */
function awaitReceive(batch: MessageBatch, fd: number): number {
  expect(new PollSet([fd]).wait(2e6)).toBe(1);
  return batch.receive(fd);
}

function payloadText(batch: MessageBatch, slot: number): string {
  const start = batch.payload(slot) * 4;
  return Buffer.from(batch.memory.bytes.slice(start, start + batch.length(slot))).toString();
}

function writeText(batch: MessageBatch, slot: number, text: string): void {
  batch.memory.bytes.set(Buffer.from(text), batch.payload(slot) * 4);
  batch.setLength(slot, text.length);
}

/** Fills a slot for a connected socket. */
function writeConnected(batch: MessageBatch, slot: number, text: string): void {
  batch.setOwnTarget(slot, 0);
  batch.setOwnControl(slot, 0);
  writeText(batch, slot, text);
}

/** The destination address in a control message of packet info (<linux/in.h>, <linux/ipv6.h>). */
function readOwnAddress(batch: MessageBatch, slot: number): number[] {
  const { bytes, words } = batch.memory;
  const start = batch.control(slot) * 4;
  const IP_PKTINFO = 8;
  const isIpv4 = words[batch.control(slot) + 3] === IP_PKTINFO;
  return Array.from(
    isIpv4 ? bytes.slice(start + 20, start + 24) : bytes.slice(start + 16, start + 32),
  );
}

const hasIpv6 = (await findMissing(["IPv6"])).length === 0;

describe.skipIf(!hasSystemCalls)("a batch", () => {
  const families = hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"];

  test.each(families)("of 256 datagrams goes there and back over %s", (host) => {
    const server = openSocket(host);
    const port = readLocalPort(server);
    const client = openClient(host, host, port);
    const clientPort = readLocalPort(client);
    const requests = createBatch(256);
    for (let slot = 0; slot < 256; slot++) writeConnected(requests, slot, `request ${slot}`);
    expect(requests.send(client, 0, 256)).toBe(256);

    const inbox = createBatch(256);
    const outbox = createBatch(256);
    expect(awaitReceive(inbox, server)).toBe(256);
    for (let slot = 0; slot < 256; slot++) {
      expect(payloadText(inbox, slot)).toBe(`request ${slot}`);
      expect(readNamePort(inbox.memory, inbox.name(slot))).toBe(clientPort);
      outbox.setTarget(255 - slot, inbox, slot);
      writeText(outbox, 255 - slot, `response to ${slot}`);
    }
    expect(outbox.send(server, 0, 256)).toBe(256);

    const responses = createBatch(256);
    expect(awaitReceive(responses, client)).toBe(256);
    for (let slot = 0; slot < 256; slot++) {
      expect(payloadText(responses, slot)).toBe(`response to ${255 - slot}`);
    }
  });

  test("shows the sources of datagrams", () => {
    const server = openSocket("127.0.0.1");
    const port = readLocalPort(server);
    const batch = createBatch(1);
    for (const host of ["127.0.0.3", "127.1.2.4"]) {
      writeConnected(batch, 0, host);
      batch.send(openClient(host, "127.0.0.1", port), 0, 1);
    }
    const inbox = createBatch(4);
    expect(awaitReceive(inbox, server)).toBe(2);
    for (const slot of [0, 1]) {
      const address = (inbox.name(slot) + NAME.ipv4) * 4;
      const source = inbox.memory.bytes.slice(address, address + 4).join(".");
      expect(source).toBe(payloadText(inbox, slot));
    }
  });

  test.skipIf(!hasIpv6)("alternates between families without traces of earlier names", () => {
    const ipv4 = openSocket("127.0.0.1");
    const ipv6 = openSocket("::1");
    const batch = createBatch(1);
    writeConnected(batch, 0, "x");
    const inbox = createBatch(2);
    for (const [server, host] of [
      [ipv4, "127.0.0.1"],
      [ipv6, "::1"],
      [ipv4, "127.0.0.1"],
      [ipv6, "::1"],
    ] as const) {
      const client = openClient(host, host, readLocalPort(server));
      batch.send(client, 0, 1);
      expect(awaitReceive(inbox, server)).toBe(1);
      inbox.setTarget(0, inbox, 0);
      inbox.setLength(0, 1);
      expect(inbox.send(server, 0, 1)).toBe(1);
      const answers = createBatch(1);
      expect(awaitReceive(answers, client)).toBe(1);
      inbox.setLength(0, 64);
    }
  });

  test("sends from memory of another batch", () => {
    const server = openSocket("127.0.0.1");
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(server));
    const arena = createBatch(1, 64);
    writeText(arena, 0, "0123456789");
    const batch = createBatch(3);
    for (const slot of [0, 1, 2]) {
      batch.setOwnTarget(slot, 0);
      batch.setPayload(slot, arena.addressOf(arena.payload(0) + slot), 2);
    }
    expect(batch.send(client, 1, 2)).toBe(2);
    const inbox = createBatch(4);
    expect(awaitReceive(inbox, server)).toBe(2);
    expect([payloadText(inbox, 0), payloadText(inbox, 1)]).toEqual(["45", "89"]);
  });

  test("marks truncated datagrams", () => {
    const server = openSocket("127.0.0.1");
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(server));
    const batch = createBatch(3, 200);
    const lengths = [100, 101, 0];
    for (const [slot, length] of lengths.entries()) writeConnected(batch, slot, "x".repeat(length));
    expect(batch.send(client, 0, 3)).toBe(3);
    const inbox = createBatch(3, 100);
    expect(awaitReceive(inbox, server)).toBe(3);
    expect([0, 1, 2].map((slot) => inbox.length(slot))).toEqual([100, 100, 0]);
    expect([0, 1, 2].map((slot) => inbox.isTruncated(slot))).toEqual([false, true, false]);
  });

  test("receives no more datagrams than it is asked for", () => {
    const server = openSocket("127.0.0.1");
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(server));
    const batch = createBatch(5);
    for (let slot = 0; slot < 5; slot++) writeConnected(batch, slot, String(slot));
    expect(batch.send(client, 0, 5)).toBe(5);
    const inbox = createBatch(4);
    expect(awaitReceive(inbox, server)).toBe(4);
    expect(inbox.receive(server, 1)).toBe(1);
    expect(payloadText(inbox, 0)).toBe("4");
    expect(inbox.receive(server)).toBe(-EAGAIN);
  });

  test("sends up to the datagram that the kernel refuses, then returns the error", () => {
    const server = openSocket("127.0.0.1");
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(server));
    const batch = createBatch(4, 70_000);
    for (let slot = 0; slot < 4; slot++) writeConnected(batch, slot, String(slot));
    batch.setLength(2, 70_000);
    expect(batch.send(client, 0, 4)).toBe(2);
    const EMSGSIZE = 90;
    expect(batch.send(client, 2, 2)).toBe(-EMSGSIZE);
    expect(batch.send(client, 3, 1)).toBe(1);
    const inbox = createBatch(4);
    expect(awaitReceive(inbox, server)).toBe(3);
    expect([0, 1, 2].map((slot) => payloadText(inbox, slot))).toEqual(["0", "1", "3"]);
  });

  test("reports a connected port without a listener", () => {
    const gone = openLinuxSocket({ host: "127.0.0.1", port: 0, family: 4 });
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(gone));
    closeLinuxSocket(gone);
    const batch = createBatch(1);
    writeConnected(batch, 0, "anybody?");
    expect(batch.send(client, 0, 1)).toBe(1);
    const polled = new PollSet([client]);
    expect(polled.wait(2e6)).toBe(1);
    expect(polled.isReadable(0)).toBe(true);
    expect(batch.receive(client)).toBe(-ECONNREFUSED);
    expect(batch.receive(client)).toBe(-EAGAIN);
  });

  test("returns the right error number under garbage collection", () => {
    const empty = openSocket("127.0.0.1");
    const EBADF = 9;
    const inbox = createBatch(1);
    const seen = new Set<number>();
    const garbage: unknown[] = [];
    for (let i = 0; i < 100_000; i++) {
      seen.add(i % 2 === 0 ? inbox.receive(empty) : receiveMessages(-1, 0, 1, 0));
      garbage.push({ text: String(i), bytes: new Uint8Array(1 + (i % 3000)) });
      if (garbage.length === 5000) garbage.length = 0;
    }
    expect(seen).toEqual(new Set([-EAGAIN, -EBADF]));
  });
});

describe.skipIf(!hasSystemCalls)("packet info", () => {
  const wildcards: [host: string, isDualStack: boolean][] = [["0.0.0.0", false]];
  if (hasIpv6) wildcards.push(["::", true]);

  test.each(wildcards)("answers from the address that was asked, on %s", (host, isDualStack) => {
    const server = openSocket(host, 0, { packetInfo: true, isDualStack });
    const client = openClient("127.0.0.1", "127.0.0.2", readLocalPort(server));
    const batch = createBatch(1, 64, PACKET_INFO_BYTES);
    writeConnected(batch, 0, "asked at 127.0.0.2");
    batch.send(client, 0, 1);

    const inbox = createBatch(1, 64, PACKET_INFO_BYTES);
    expect(awaitReceive(inbox, server)).toBe(1);
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
    expect(readOwnAddress(inbox, 0)).toEqual([...(isDualStack ? mapped : []), 127, 0, 0, 2]);

    forgetInterface(inbox.memory.words, inbox.control(0));
    const outbox = createBatch(2, 64, PACKET_INFO_BYTES);
    for (const slot of [0, 1]) outbox.setTarget(slot, inbox, 0);
    outbox.setOwnControl(0, 0);
    writeText(outbox, 0, "from 127.0.0.1, which the client does not know");
    outbox.setControl(1, inbox, 0);
    writeText(outbox, 1, "from 127.0.0.2");
    expect(outbox.send(server, 0, 2)).toBe(2);
    const answers = createBatch(2);
    expect(awaitReceive(answers, client)).toBe(1);
    expect(payloadText(answers, 0)).toBe("from 127.0.0.2");
  });

  test.skipIf(!hasIpv6)("answers IPv6 from the address that was asked", () => {
    const server = openSocket("::", 0, { packetInfo: true });
    const client = openClient("::1", "::1", readLocalPort(server));
    const batch = createBatch(1, 64, PACKET_INFO_BYTES);
    writeConnected(batch, 0, "x");
    batch.send(client, 0, 1);
    const inbox = createBatch(1, 64, PACKET_INFO_BYTES);
    expect(awaitReceive(inbox, server)).toBe(1);
    expect(readOwnAddress(inbox, 0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    forgetInterface(inbox.memory.words, inbox.control(0));
    const outbox = createBatch(1, 64, PACKET_INFO_BYTES);
    outbox.setTarget(0, inbox, 0);
    outbox.setControl(0, inbox, 0);
    writeText(outbox, 0, "y");
    expect(outbox.send(server, 0, 1)).toBe(1);
    expect(awaitReceive(createBatch(1), client)).toBe(1);
  });

  test("keeps the interface of link-local addresses only", () => {
    const IPV6_PKTINFO = 50;
    const linkLocal = new Int32Array([36, 0, 41, IPV6_PKTINFO, 0x80fe, 0, 0, 1, 7, 0]);
    const global = new Int32Array([36, 0, 41, IPV6_PKTINFO, 0xb80d0120, 0, 0, 1, 7, 0]);
    forgetInterface(linkLocal, 0);
    forgetInterface(global, 0);
    expect([linkLocal[8], global[8]]).toEqual([7, 0]);
  });

  test("is absent unless requested", () => {
    const server = openSocket("127.0.0.1");
    const client = openClient("127.0.0.1", "127.0.0.1", readLocalPort(server));
    const batch = createBatch(1);
    writeConnected(batch, 0, "x");
    batch.send(client, 0, 1);
    const inbox = createBatch(1, 64, PACKET_INFO_BYTES);
    expect(awaitReceive(inbox, server)).toBe(1);
    const control = inbox.control(0);
    const words = inbox.memory.words.subarray(control, control + PACKET_INFO_BYTES / 4);
    expect(words.every((word) => word === 0)).toBe(true);
  });
});

describe.skipIf(!hasSystemCalls)("sockets", () => {
  test("share a port only if all of them allow it", () => {
    const first = openSocket("127.0.0.1", 0, { reusePort: true });
    const port = readLocalPort(first);
    expect(readLocalPort(openSocket("127.0.0.1", port, { reusePort: true }))).toBe(port);
    const taken = () => openSocket("127.0.0.1", port);
    expect(taken).toThrow(new SocketError("bind", 98));
    expect(taken).toThrow("bind: EADDRINUSE");
  });

  test.skipIf(!hasIpv6)(
    "of both families share a port, because IPv6 sockets accept IPv6 only",
    () => {
      const port = readLocalPort(openSocket("0.0.0.0"));
      expect(readLocalPort(openSocket("::", port))).toBe(port);
      expect(() => openSocket("::", port, { isDualStack: true })).toThrow("bind: EADDRINUSE");
    },
  );

  test("are polled together, for no longer than asked", () => {
    const sockets = [openSocket("127.0.0.1"), openSocket("127.0.0.1")];
    const polled = new PollSet(sockets);
    const start = performance.now();
    expect(polled.wait(0)).toBe(0);
    expect(polled.wait(1500)).toBe(0);
    expect(performance.now() - start).toBeGreaterThanOrEqual(1.5);

    const batch = createBatch(1);
    writeConnected(batch, 0, "x");
    batch.send(openClient("127.0.0.1", "127.0.0.1", readLocalPort(sockets[1])), 0, 1);
    expect(polled.wait(2e6)).toBe(1);
    expect([polled.isReadable(0), polled.isReadable(1)]).toEqual([false, true]);
    polled.watch(0, "either");
    expect(polled.wait(2e6)).toBe(2);
    // The first socket is ready because it has room, not because it has a datagram.
    expect([polled.isReadable(0), polled.isReadable(1)]).toEqual([false, true]);
  });
});
