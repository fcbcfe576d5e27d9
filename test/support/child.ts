// A started program whose output is kept and can be awaited, and which never outlives the test
// process. The tracker and every client driver of the end-to-end tests use it.

import type { Subprocess } from "bun";

export interface ChildOptions {
  /** The network namespace to start in, see `netns.ts`. */
  netns?: string;
  cwd?: string;
  /** Added to the environment of the test process. */
  env?: Record<string, string>;
  /** Starts the program on a terminal. Its output is all in `stdout`. */
  terminal?: boolean;
  /** The width of the terminal, 100 by default. */
  columns?: number;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The complete output so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or 128 plus the number of the signal. */
  readonly exited: Promise<number>;
  /**
   * Resolves when `isEnough`, called at each new output, returns true. Rejects with the last output
   * when the time has passed or the program ends first. `what` describes the condition in that
   * message.
   */
  waitForOutput(isEnough: () => boolean, timeoutMs?: number, what?: string): Promise<void>;
  /** Types on the terminal, and may make it wider or narrower before. */
  type(keys: string, columns?: number): void;
  /** Resolves with the first line of either stream that matches, including earlier lines. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Sends the signal and returns the exit code. SIGKILL follows after the grace period. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<number>;
}

type Listener = () => void;

const TIMEOUT_MS = 10_000;
/** Characters of each stream in an error message. */
const PRINTED = 4000;

const running = new Set<Subprocess>();
process.on("exit", () => {
  for (const subprocess of running) subprocess.kill("SIGKILL");
});

/** Starts `argv`. Throws like `Bun.spawn` if the program cannot be started. */
export function startChild(argv: string[], options: ChildOptions = {}): Child {
  const inNamespace = options.netns ? ["ip", "netns", "exec", options.netns] : [];
  const listeners = new Set<Listener>();
  const output = { stdout: "", stderr: "", ended: false };
  const collect = (name: "stdout" | "stderr") => {
    const decoder = new TextDecoder();
    return (chunk: Uint8Array) => {
      output[name] += decoder.decode(chunk, { stream: true });
      for (const listener of listeners) listener();
    };
  };
  const drain = async (stream: ReadableStream<Uint8Array>, add: (chunk: Uint8Array) => void) => {
    for await (const chunk of stream) add(chunk);
  };
  const add = collect("stdout");
  const subprocess = Bun.spawn([...inNamespace, ...argv], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    ...(options.terminal === true
      ? {
          terminal: {
            cols: options.columns ?? 100,
            rows: 30,
            data: (_: unknown, chunk: Uint8Array) => add(chunk),
          },
        }
      : { stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
  });
  running.add(subprocess);
  const { stdout, stderr } = subprocess;
  const drained = Promise.all([
    stdout instanceof ReadableStream ? drain(stdout, add) : undefined,
    stderr instanceof ReadableStream ? drain(stderr, collect("stderr")) : undefined,
  ]);
  const exited = subprocess.exited.then(async (code) => {
    running.delete(subprocess);
    await drained;
    output.ended = true;
    for (const listener of listeners) listener();
    return code;
  });

  const stop = async (signal: NodeJS.Signals = "SIGTERM", graceMs = 5000) => {
    subprocess.kill(signal);
    const kill = setTimeout(() => subprocess.kill("SIGKILL"), graceMs);
    const code = await exited;
    clearTimeout(kill);
    return code;
  };

  const waitForOutput: Child["waitForOutput"] = (isEnough, timeoutMs = TIMEOUT_MS, what) =>
    new Promise((resolve, reject) => {
      const settle = (failure?: string) => {
        clearTimeout(timer);
        listeners.delete(check);
        if (failure === undefined) return resolve();
        const wanted = what ? `${failure} before ${what}` : failure;
        const printed = output.stdout.slice(-PRINTED) + output.stderr.slice(-PRINTED);
        reject(new Error(`${argv.join(" ")}: ${wanted}\n${printed}`));
      };
      const check = () => {
        if (isEnough()) settle();
        else if (output.ended) settle("ended");
      };
      const timer = setTimeout(() => settle(`${timeoutMs} ms passed`), timeoutMs);
      listeners.add(check);
      check();
    });

  return {
    pid: subprocess.pid,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    exited,
    stop,
    type(keys, columns) {
      if (columns !== undefined) subprocess.terminal!.resize(columns, 30);
      subprocess.terminal!.write(keys);
    },
    waitForOutput,
    async waitForLine(pattern, timeoutMs) {
      const find = () => findLine(output.stdout, pattern) ?? findLine(output.stderr, pattern);
      await waitForOutput(() => find() !== undefined, timeoutMs, String(pattern));
      return find()!;
    },
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
    },
  };
}

/** Only complete lines count: the rest of a line may not have arrived yet. `\r` ends a line too. */
function findLine(text: string, pattern: RegExp): RegExpMatchArray | undefined {
  for (const line of text.split(/[\r\n]/).slice(0, -1)) {
    const match = line.match(pattern);
    if (match) return match;
  }
  return undefined;
}
