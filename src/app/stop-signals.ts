// Handles SIGINT and SIGTERM for the whole life of a tracker. They end the process with exit code
// 0: at once during start-up, and after an orderly stop while it serves. Main thread only.

/** Listens for the signals. A second signal of the same kind ends the process as usual. */
export class StopSignals {
  #stop: () => Promise<void> = async () => {};

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, async () => {
        await this.#stop();
        process.exit(0);
      });
    }
  }

  /** From now on, a signal calls `stop` before the process ends. */
  handleBy(stop: () => Promise<void>): void {
    this.#stop = stop;
  }
}
