// A TCP proxy in front of one server, which fails as networks do: it can cut all connections, keep
// them open and carry nothing, or hold each piece of data back for a while.

import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Carries nothing, in either direction, and accepts without an answer, until it is healed. */
  partition(): void;
  heal(): void;
  /** Ends all connections. New ones are accepted. */
  cut(): void;
  /** Holds each piece of data back for a random time up to so many milliseconds, in order. */
  delay(milliseconds: number): void;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isPartitioned = false;
  let maxDelay = 0;
  const pending = new Set<() => void>();

  const whenWhole = (): Promise<void> => {
    if (!isPartitioned) return Promise.resolve();
    return new Promise((resolve) => pending.add(resolve));
  };

  const carry = (from: Socket, to: Socket): void => {
    let last = Promise.resolve();
    from.on("data", (chunk) => {
      last = last.then(async () => {
        if (maxDelay > 0) await Bun.sleep(Math.random() * maxDelay);
        await whenWhole();
        if (!to.destroyed) to.write(chunk);
      });
    });
    from.on("close", () => void last.then(() => to.destroy()));
    from.on("error", () => from.destroy());
  };

  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    carry(client, upstream);
    carry(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const heal = (): void => {
    isPartitioned = false;
    for (const resume of pending) resume();
    pending.clear();
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    partition: () => (isPartitioned = true),
    heal,
    cut,
    delay: (milliseconds) => (maxDelay = milliseconds),
    async [Symbol.asyncDispose]() {
      heal();
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
