// A main thread with workers, run as a process of its own by `worker-pool.test.ts`: its arguments
// say what each worker does. After "wait", it does not stop them, but goes on; after "patient", it
// gives nobody up; at "ask" it asks them all two questions.

import { setLogName } from "../../src/app/log.ts";
import { WorkerPool } from "../../src/app/worker-pool.ts";

setLogName("fixture");
const pool = new WorkerPool();
const memory = new Int32Array(new SharedArrayBuffer(8));
for (const [index, act] of process.argv.slice(2).entries()) {
  if (act === "wait") await Bun.sleep(2 ** 30);
  if (act === "ask") {
    const answers = await Promise.all(["a?", "b?"].map((question) => pool.ask(question)));
    console.log(answers.map((each) => each.join(", ")).join("; "));
    continue;
  }
  if (act === "patient") {
    Bun.sleep = () => new Promise(() => {});
    continue;
  }
  const worker = new Worker(new URL("serving-fixture.ts", import.meta.url));
  try {
    const ready = await pool.start<string>(`worker ${index}`, worker, { act, memory });
    console.log(`${index}: ${ready}`);
  } catch (error) {
    console.log(`${index}: ${String(error)}`);
  }
}
await pool.stop(() => {
  Atomics.store(memory, 0, 1);
  Atomics.notify(memory, 0);
});
console.log(`stopped, ${memory[1]} of them on their own`);
process.exit(0);
