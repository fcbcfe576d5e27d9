// Addresses claimed at start-up: against other programs, and for the workers.

import { describe, expect, test } from "bun:test";
import { type AddressClaim, claimAddresses } from "../../src/app/address-claim.ts";
import { parseSocketAddress } from "../../src/app/socket-address.ts";

const protocols = ["udp", "tcp"] as const;
type Protocol = (typeof protocols)[number];

function claim(protocol: Protocol, ...addresses: string[]): Promise<AddressClaim> {
  return claimAddresses(addresses.map(parseSocketAddress), protocol);
}

/** The message with which a claim is refused. */
function refusalOf(claim: Promise<AddressClaim>): Promise<string> {
  return claim.then(
    () => "not refused",
    (error: Error) => error.message,
  );
}

/**
 * A socket of another program, or of a worker, which shares its port. Undefined if the port is
 * taken.
 */
async function bind(protocol: Protocol, hostname: string, port: number, isWorker: boolean) {
  try {
    if (protocol === "udp") {
      // Undocumented flags: 4 shares the port, 8 excludes IPv4 from an IPv6 socket.
      const options = { hostname, port, flags: (isWorker ? 4 : 0) | 8 };
      const socket = await Bun.udpSocket(options);
      return { port: socket.port, stop: () => socket.close() };
    }
    const server = Bun.serve({
      hostname,
      port,
      reusePort: isWorker,
      ipv6Only: true,
      fetch: () => new Response(),
    });
    return { port: server.port!, stop: () => void server.stop(true) };
  } catch {
    return undefined;
  }
}

describe.each(protocols)("a claim of %s addresses", (protocol) => {
  test("returns the port that the system chose for each address", async () => {
    const { addresses, release } = await claim(protocol, "127.0.0.1:0", "[::1]:0");
    expect(addresses).toMatchObject([
      { host: "127.0.0.1", family: 4 },
      { host: "::1", family: 6 },
    ]);
    expect(addresses.every(({ port }) => port > 0)).toBe(true);
    release();
  });

  test("keeps other claims away from its start until a worker has served", async () => {
    const first = await claim(protocol, "127.0.0.1:0");
    const [{ port }] = first.addresses;
    const refusal = `network.address: cannot bind 127.0.0.1:${port}: the address is in use`;
    expect(await refusalOf(claim(protocol, `127.0.0.1:${port}`))).toContain(refusal);
    const workers = [];
    for (let i = 0; i < 2; i++) workers.push(await bind(protocol, "127.0.0.1", port, true));
    expect(workers).not.toContain(undefined);
    first.release();
    expect(await refusalOf(claim(protocol, `127.0.0.1:${port}`))).toContain(refusal);
    for (const worker of workers) worker!.stop();
  });

  test("keeps away programs that do not share the port", async () => {
    const { addresses, release } = await claim(protocol, "127.0.0.1:0");
    expect(await bind(protocol, "127.0.0.1", addresses[0].port, false)).toBeUndefined();
    release();
  });

  test("for [::] and another address leaves IPv4 to other programs", async () => {
    const other = await bind(protocol, "0.0.0.0", 0, false);
    const both = await claim(protocol, `[::]:${other!.port}`, "127.0.0.1:0");
    both.release();
    // A single [::] accepts IPv4 too.
    expect(await refusalOf(claim(protocol, `[::]:${other!.port}`))).toContain(
      "the address is in use",
    );
    other!.stop();
  });

  test("releases all addresses when one of them is taken", async () => {
    const taken = await bind(protocol, "127.0.0.2", 0, false);
    const free = await claim(protocol, "127.0.0.1:0");
    const address = `127.0.0.1:${free.addresses[0].port}`;
    free.release();
    expect(await refusalOf(claim(protocol, address, `127.0.0.2:${taken!.port}`))).toContain(
      "127.0.0.2",
    );
    (await claim(protocol, address)).release();
    taken!.stop();
  });
});

test("a claim of a TCP address succeeds while old connections close", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("x") });
  // The server closes first, so that its end of the connection waits in TIME_WAIT.
  const headers = { connection: "close" };
  await (await fetch(`http://127.0.0.1:${server.port}/`, { headers })).text();
  await server.stop(true);
  (await claim("tcp", `127.0.0.1:${server.port}`)).release();
});
