// Listeners that are none: they say what is done to them.

import { beforeEach, expect, test } from "bun:test";
import type { SocketAddress } from "../../../src/app/socket-address.ts";
import type { Listener } from "../../../src/ws/socket/backend.ts";
import { Listeners } from "../../../src/ws/socket/listeners.ts";
import type { Certificate } from "../../../src/ws/socket/tls.ts";

const addresses: SocketAddress[] = [
  { host: "127.0.0.1", port: 0, family: 4 },
  { host: "::1", port: 7, family: 6 },
];
const [first, second]: Certificate[] = ["first", "second"].map((cert) => ({ cert, key: "" }));

/** Those that listen, with what they were asked for. */
let open: Map<object, string>;
let stopped: string[];
/** An address that cannot be bound. */
let taken: string | undefined;
let nextPort: number;

beforeEach(() => {
  open = new Map();
  stopped = [];
  taken = undefined;
  nextPort = 5000;
});

function listen({ host, port }: SocketAddress, certificate: Certificate | undefined): Listener {
  if (host === taken) throw Object.assign(new Error(), { code: "EADDRINUSE" });
  const name = `${host}:${port === 0 ? nextPort++ : port} ${certificate?.cert}`;
  const listener = {
    port: Number(/:(\d+) /.exec(name)![1]),
    stop(all: boolean) {
      open.delete(listener);
      stopped.push(`${name}${all ? ", with its connections" : ""}`);
    },
  };
  open.set(listener, name);
  return listener as unknown as Listener;
}

const listening = (): string[] => [...open.values()];

function start(): Listeners {
  const listeners = new Listeners(addresses, listen);
  listeners.prepare(first);
  listeners.commit();
  return listeners;
}

test("a free port is chosen once", () => {
  const listeners = start();
  expect(listeners.ports).toEqual([5000, 7]);
  expect(listening()).toEqual(["127.0.0.1:5000 first", "::1:7 first"]);
});

test("a new certificate has listeners beside the others until it takes their place", () => {
  const listeners = start();
  listeners.prepare(second);
  const both = ["127.0.0.1:5000 first", "::1:7 first", "127.0.0.1:5000 second", "::1:7 second"];
  expect(listening()).toEqual(both);
  listeners.commit();
  expect(listening()).toEqual(both.slice(2));
  expect(stopped).toEqual(both.slice(0, 2));
});

test("when one address fails, none of the new listeners stays", () => {
  const listeners = start();
  taken = "::1";
  for (let i = 0; i < 3; i++) {
    expect(() => listeners.prepare(second)).toThrow("cannot bind [::1]:7: the address is in use");
    expect(listening()).toEqual(["127.0.0.1:5000 first", "::1:7 first"]);
  }
  taken = undefined;
  listeners.prepare(second);
  listeners.commit();
  expect(listening()).toEqual(["127.0.0.1:5000 second", "::1:7 second"]);
});

test("what was prepared can be given up, also by preparing again", () => {
  const listeners = start();
  listeners.prepare(second);
  listeners.abort();
  expect(listening()).toEqual(["127.0.0.1:5000 first", "::1:7 first"]);
  listeners.prepare(second);
  listeners.prepare(second);
  expect(listening()).toHaveLength(4);
  expect(stopped.every((name) => !name.includes("with its connections"))).toBe(true);
});

test("in the end connections go as well", () => {
  start().stop();
  expect(listening()).toEqual([]);
  expect(stopped).toEqual([
    "127.0.0.1:5000 first, with its connections",
    "::1:7 first, with its connections",
  ]);
});
