// The life of a worker as the worker sees it: the first message sets it up, it reports that it is
// ready or why it cannot be, and it serves. worker-pool.ts is the main thread's side.

import type { LogLevel } from "./log.ts";

declare const self: Worker;

/** Messages from a worker to the main thread. */
export type WorkerMessage<Ready> =
  | { readonly state: "ready"; readonly ready: Ready }
  | { readonly state: "failed"; readonly reason: string }
  | { readonly state: "logged"; readonly level: LogLevel; readonly message: string }
  | { readonly state: "answered"; readonly answer: unknown }
  | { readonly state: "told"; readonly news: unknown }
  | { readonly state: "stopped" };

/** A worker that has been set up. */
export interface Serving<Ready> {
  /** The result that the main thread receives. */
  readonly ready: Ready;
  /** Serves until the worker is asked to stop. */
  serve(): Promise<void>;
  /** Answers what the main thread asks later. */
  answer?(question: unknown): unknown;
}

/**
 * Runs this thread as a worker that `setUp` prepares. A worker's entry calls this once. `tell`
 * passes something to the main thread at any time.
 */
export function serveWorker<Setup, Ready>(
  setUp: (setup: Setup, tell: (news: unknown) => void) => Promise<Serving<Ready>>,
): void {
  const post = (message: WorkerMessage<Ready>): void => self.postMessage(message);
  self.onmessage = async ({ data }: MessageEvent<Setup>) => {
    let serving: Serving<Ready>;
    try {
      serving = await setUp(data, (news) => post({ state: "told", news }));
    } catch (error) {
      post({ state: "failed", reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    self.onmessage = (later: MessageEvent<unknown>) => {
      post({ state: "answered", answer: serving.answer?.(later.data) });
    };
    post({ state: "ready", ready: serving.ready });
    await serving.serve();
    post({ state: "stopped" });
  };
}
