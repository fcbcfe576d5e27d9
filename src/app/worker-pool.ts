// The workers of a tracker as the main thread sees them: started one by one, watched, and stopped
// together. A tracker cannot run without one of its workers, so the process ends if a worker dies.

import { log } from "./log.ts";
import { StartupError } from "./startup-error.ts";
import type { WorkerMessage } from "./worker-thread.ts";

/** Time for a worker to stop when asked to. */
const STOP_MILLISECONDS = 500;

/** All workers of one process. */
export class WorkerPool {
  readonly #stopped: Promise<void>[] = [];
  /** Questions to each worker that are not answered yet. */
  readonly #questions = new Map<Worker, ((answer: unknown) => void)[]>();
  #isStopping = false;

  /**
   * Sets up a new worker and resolves with its result once it is ready. Throws a StartupError with
   * the name and the reason if setting it up fails. If the worker ends after that, the process
   * ends. `takeNews` receives what the worker tells at any time.
   */
  start<Ready>(
    name: string,
    worker: Worker,
    setup: unknown,
    takeNews: (news: unknown) => void = () => {},
  ): Promise<Ready> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      const fail = (reason: string): void => {
        if (this.#isStopping) return;
        if (!isReady) return reject(new StartupError(`${name}: ${reason}`));
        log.error(`${name} died: ${reason}`);
        process.exit(1);
      };
      worker.addEventListener("error", ({ message }) => fail(message));
      worker.addEventListener("close", () => fail("it ended"));
      const stopped = Promise.withResolvers<void>();
      this.#stopped.push(stopped.promise);
      worker.onmessage = ({ data }: MessageEvent<WorkerMessage<Ready>>) => {
        if (data.state === "failed") fail(data.reason);
        if (data.state === "logged") log[data.level](data.message);
        if (data.state === "stopped") stopped.resolve();
        if (data.state === "told") takeNews(data.news);
        if (data.state === "answered") this.#questions.get(worker)?.shift()?.(data.answer);
        if (data.state !== "ready") return;
        isReady = true;
        this.#questions.set(worker, []);
        resolve(data.ready);
      };
      worker.postMessage(setup);
    });
  }

  /** Asks all workers that are ready, and resolves with their answers. */
  ask<Answer>(question: unknown): Promise<Answer[]> {
    return Promise.all(
      [...this.#questions.keys()].map((worker) => this.askOne<Answer>(worker, question)),
    );
  }

  /** Asks one worker that is ready, and resolves with its answer. */
  askOne<Answer>(worker: Worker, question: unknown): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#questions.get(worker)!.push(resolve as (answer: unknown) => void);
    worker.postMessage(question);
    return promise;
  }

  /** Resolves when all workers have stopped, which `tell` tells them to, or are given up. */
  async stop(tell: () => void): Promise<void> {
    this.#isStopping = true;
    tell();
    await Promise.race([Promise.all(this.#stopped), Bun.sleep(STOP_MILLISECONDS)]);
  }
}
