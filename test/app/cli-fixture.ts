// A program with the shared command line. `cli.test.ts` runs it as a process of its own.

import { runCli } from "../../src/app/cli.ts";
import { choice, integer } from "../../src/app/config-field.ts";
import { StartupError } from "../../src/app/startup-error.ts";

await runCli({
  name: "fixture",
  description: "Prints its configuration",
  schema: {
    workers: integer({ value: 1, min: 1, max: 9, prose: "Threads." }),
    action: choice({
      value: "print",
      among: ["print", "fail", "fail later", "break"],
      prose: "What to do: 'print', 'fail', 'fail later' or 'break'.",
    }),
  },
  async checkHealth(url) {
    if (url !== "here") throw new StartupError(`nothing answers at ${url}`);
  },
  async run(config) {
    if (config.action === "print") console.log(JSON.stringify(config));
    if (config.action === "break") throw new Error("a bug");
    if (config.action === "fail") throw new StartupError("the port is taken");
    if (config.action === "fail later") {
      // A running thread must not keep the process alive.
      const worker = new Worker("data:text/javascript,postMessage(0);setInterval(() => {}, 1000)");
      await new Promise((resolve) => worker.addEventListener("message", resolve));
      throw new StartupError("the port is taken");
    }
  },
});
