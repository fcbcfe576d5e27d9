// The workers of a tracker, seen from the main thread: started one by one, watched, and stopped
// together. A tracker that has lost a worker is no tracker: the process ends with the reason.

import { log } from "./log.ts";
import { StartupError } from "./startup-error.ts";
import type { WorkerMessage } from "./worker-thread.ts";

/** What is left for a worker that does not stop when told to. */
const STOP_MILLISECONDS = 500;

/** All workers of one process. */
export class WorkerPool {
  readonly #stopped: Promise<void>[] = [];
  /** Questions to each worker that are not answered yet. */
  readonly #questions = new Map<Worker, ((answer: unknown) => void)[]>();
  #isStopping = false;

  /**
   * Sets a new worker up and resolves with what it says when it is ready. Throws a StartupError
   * when it cannot be: `name` and its reason. Should it end after that, the process does. The ports
   * in `setup` are given away and stand in `transfer` too.
   */
  start<Ready>(
    name: string,
    worker: Worker,
    setup: unknown,
    transfer: Bun.Transferable[] = [],
  ): Promise<Ready> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      const fail = (reason: string): void => {
        if (this.#isStopping) return;
        if (!isReady) return reject(new StartupError(`${name}: ${reason}`));
        log(`${name} died: ${reason}`);
        process.exit(1);
      };
      worker.addEventListener("error", ({ message }) => fail(message));
      worker.addEventListener("close", () => fail("it ended"));
      const stopped = Promise.withResolvers<void>();
      this.#stopped.push(stopped.promise);
      worker.onmessage = ({ data }: MessageEvent<WorkerMessage<Ready>>) => {
        if (data.state === "failed") fail(data.reason);
        if (data.state === "stopped") stopped.resolve();
        if (data.state === "answered") this.#questions.get(worker)?.shift()?.(data.answer);
        if (data.state !== "ready") return;
        isReady = true;
        this.#questions.set(worker, []);
        resolve(data.ready);
      };
      worker.postMessage(setup, transfer);
    });
  }

  /** Asks all workers that are ready, and resolves with their answers. */
  ask<Answer>(question: unknown): Promise<Answer[]> {
    const answers = [...this.#questions].map(([worker, waiting]) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      waiting.push(resolve as (answer: unknown) => void);
      worker.postMessage(question);
      return promise;
    });
    return Promise.all(answers);
  }

  /** Resolves when all workers have stopped, which `tell` tells them to, or are given up. */
  async stop(tell: () => void): Promise<void> {
    this.#isStopping = true;
    tell();
    await Promise.race([Promise.all(this.#stopped), Bun.sleep(STOP_MILLISECONDS)]);
  }
}
