import { beforeEach, describe, expect, test } from "bun:test";
import { allocateCounters, Counters, sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";
import { AddressLimits, allocateAddressLimits } from "../../src/ws/address-limits.ts";
import { Clients } from "../../src/ws/clients.ts";
import {
  allocateConnections,
  Connections,
  OwnConnections,
  slotOf,
  workerOf,
} from "../../src/ws/connections.ts";
import type { Socket } from "../../src/ws/socket/backend.ts";

const WORKER = 1;
const MAX_CONNECTIONS = 4;
const MAX_PER_ADDRESS = 2;
const NO_LIMITS = { max_peers_per_ip: 0, max_messages_per_second: 0 };

let clients: Clients;
let connections: Connections;
let counters: SharedArrayBuffer;
let limits: AddressLimits;

beforeEach(() => {
  const memory = allocateConnections(2, MAX_CONNECTIONS);
  connections = new Connections(memory);
  counters = allocateCounters(2);
  limits = new AddressLimits(allocateAddressLimits(new Int32Array([1, 2])), {
    ...NO_LIMITS,
    max_connections_per_ip: MAX_PER_ADDRESS,
  });
  const own = new OwnConnections(memory[WORKER]);
  clients = new Clients(WORKER, own, limits, new Counters(counters, WORKER));
});

const open = (address = "192.0.2.1", now = 5) => clients.open({} as Socket, address, now);

const isOpen = ({ name, generation }: { name: number; generation: number }): boolean =>
  connections.isOpen(name, generation);

const count = (): number => sumCounter(counters, COUNTER.connections);

describe("a client", () => {
  test("is found by its name and its generation while it is open", () => {
    const [first, second] = [open(), open("192.0.2.2", 6)];
    expect([workerOf(first.name), second.heardAt, count()]).toEqual([WORKER, 6, 2]);
    for (const client of [first, second]) {
      expect(clients.find(client.name, client.generation)).toBe(client);
      expect(clients.find(client.name, client.generation + 1)).toBeUndefined();
      expect(clients.at(slotOf(client.name))).toBe(client);
      expect(isOpen(client)).toBe(true);
    }
    expect(clients.slots).toBe(2);
    expect(clients.at(7)).toBeUndefined();
  });

  test("is found by nobody once it closes, but has its slot until its peers are removed", () => {
    const client = open();
    let removed = 0;
    const isFirst = clients.close(client, () => {
      removed++;
      expect(clients.find(client.name, client.generation)).toBeUndefined();
      expect(isOpen(client)).toBe(true);
    });
    expect([isFirst, removed, isOpen(client), count()]).toEqual([true, 1, false, 0]);
  });

  test("is closed once, and its slot serves another", () => {
    const old = open();
    clients.close(old, () => undefined);
    const young = open();
    expect(slotOf(young.name)).toBe(slotOf(old.name));
    expect(young.generation).not.toBe(old.generation);
    const isClosed = clients.close(old, () => {
      throw new Error("closed again");
    });
    expect([isClosed, count(), isOpen(young)]).toEqual([false, 1, true]);
    expect(clients.find(young.name, young.generation)).toBe(young);
    expect(clients.find(old.name, old.generation)).toBeUndefined();
  });
});

describe("there is room", () => {
  test("for so many connections of one address, IPv4 or IPv6 /64", () => {
    for (const [same, also, other] of [
      ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
      ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"],
    ]) {
      const first = open(same);
      expect(clients.hasRoom(also)).toBe(true);
      const second = open(also);
      expect([clients.hasRoom(same), clients.hasRoom(other)]).toEqual([false, true]);
      clients.close(first, () => undefined);
      expect(clients.hasRoom(same)).toBe(true);
      clients.close(second, () => undefined);
    }
  });

  test("for so many connections of all", () => {
    const opened = Array.from({ length: MAX_CONNECTIONS }, (_, i) => {
      expect(clients.hasRoom("198.51.100.1")).toBe(true);
      return open(`192.0.2.${i}`);
    });
    expect(clients.hasRoom("198.51.100.1")).toBe(false);
    clients.close(opened[2], () => undefined);
    expect(clients.hasRoom("198.51.100.1")).toBe(true);
  });
});
