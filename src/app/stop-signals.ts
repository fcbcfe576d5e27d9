// SIGINT and SIGTERM, from the first moment of a tracker to its last: they end the process with exit
// code 0, at once while it starts, and in good order once it serves. Main thread only.

/** Listens for the signals; a second one of a kind ends the process as usual. */
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

  /** From now on, `stop` comes before the end of the process. */
  handleBy(stop: () => Promise<void>): void {
    this.#stop = stop;
  }
}
