// One started program whose output is kept and can be waited on, and which never outlives the test
// process. Used by the tracker and by every client driver of the end-to-end tests.

import type { Subprocess } from "bun";

export interface ChildOptions {
  /** The network namespace to start in, see `netns.ts`. */
  netns?: string;
  cwd?: string;
  /** Laid over the environment of the test process. */
  env?: Record<string, string>;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Everything written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or 128 plus the number of the signal. */
  readonly exited: Promise<number>;
  /**
   * Resolves when `isEnough`, asked at each new output, says so; rejects with what was printed last
   * when the time passes or the program ends first. `what` is for that message.
   */
  waitForOutput(isEnough: () => boolean, timeoutMs?: number, what?: string): Promise<void>;
  /** Resolves with the first line of either stream that matches, those already written included. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Sends the signal and gives the exit code; SIGKILL follows after the grace. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<number>;
}

type Listener = () => void;

const TIMEOUT_MS = 10_000;
/** Characters of each stream that an error message shows. */
const PRINTED = 4000;

const running = new Set<Subprocess>();
process.on("exit", () => {
  for (const subprocess of running) subprocess.kill("SIGKILL");
});

/** Starts `argv`. A program that cannot be started throws as `Bun.spawn` does. */
export function startChild(argv: string[], options: ChildOptions = {}): Child {
  const inNamespace = options.netns ? ["ip", "netns", "exec", options.netns] : [];
  const subprocess = Bun.spawn([...inNamespace, ...argv], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  running.add(subprocess);

  const listeners = new Set<Listener>();
  const output = { stdout: "", stderr: "", ended: false };
  const drain = async (stream: ReadableStream<Uint8Array>, name: "stdout" | "stderr") => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output[name] += decoder.decode(chunk, { stream: true });
      for (const listener of listeners) listener();
    }
  };
  const drained = Promise.all([
    drain(subprocess.stdout, "stdout"),
    drain(subprocess.stderr, "stderr"),
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

/** Only whole lines count: the rest of a line may still be on its way. `\r` ends one as well. */
function findLine(text: string, pattern: RegExp): RegExpMatchArray | undefined {
  for (const line of text.split(/[\r\n]/).slice(0, -1)) {
    const match = line.match(pattern);
    if (match) return match;
  }
  return undefined;
}
