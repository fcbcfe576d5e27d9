// A worker that does what its setup says.

import { log } from "../../src/app/log.ts";
import { serveWorker } from "../../src/app/worker-thread.ts";

interface Setup {
  act:
    | "serve"
    | "refuse"
    | "refuse oddly"
    | "log"
    | "throw"
    | "exit"
    | "end"
    | "fail later"
    | "ignore";
  /** A word that is not 0 if the worker must stop, and the number of workers that have stopped. */
  memory: Int32Array;
}

serveWorker<Setup, string>(async ({ act, memory }) => {
  if (act === "refuse") throw new Error("the port is taken");
  if (act === "refuse oddly") throw "no reason";
  if (act === "exit") process.exit(0);
  return {
    ready: `ready to ${act}`,
    answer: (question) => `${act}: ${String(question)}`,
    async serve() {
      if (act === "log") log.warn("a warning");
      if (act === "throw") throw new Error("a bug");
      if (act === "end") process.exit(0);
      if (act === "ignore") await new Promise(() => {});
      await Atomics.waitAsync(memory, 0, 0).value;
      if (act === "fail later") throw new Error("a bug at the end");
      Atomics.add(memory, 1, 1);
    },
  };
});
