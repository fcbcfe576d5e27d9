// The worker's side of its life: it is set up by the first message, answers when it is ready or why
// it cannot be, and serves. The main thread's side is worker-pool.ts.

declare const self: Worker;

/** What a worker sends to the main thread. */
export type WorkerMessage<Ready> =
  | { readonly state: "ready"; readonly ready: Ready }
  | { readonly state: "failed"; readonly reason: string }
  | { readonly state: "answered"; readonly answer: unknown }
  | { readonly state: "stopped" };

/** What a worker has become once it is set up. */
export interface Serving<Ready> {
  /** What the main thread is told. */
  readonly ready: Ready;
  /** Serves until the worker has been told to stop. */
  serve(): Promise<void>;
  /** Answers what the main thread asks later. */
  answer?(question: unknown): unknown;
}

/** Runs this thread as a worker that `setUp` prepares. Called once, by a worker's entry. */
export function serveWorker<Setup, Ready>(setUp: (setup: Setup) => Promise<Serving<Ready>>): void {
  const post = (message: WorkerMessage<Ready>): void => self.postMessage(message);
  self.onmessage = async ({ data }: MessageEvent<Setup>) => {
    let serving: Serving<Ready>;
    try {
      serving = await setUp(data);
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
