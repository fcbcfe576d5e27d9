// A load worker: opens its connections, lets each announce once, waits until all are that far, and
// then measures until told to stop.

import { serveWorker } from "../../../src/app/worker-thread.ts";
import { Control, PHASE, STATE } from "../control.ts";
import { Fleet } from "./fleet.ts";
import type { WorkerSession } from "./session.ts";

/** How long answers to the last announces are waited for. */
const DRAIN_MILLISECONDS = 1000;

const IDLE_TICK_MILLISECONDS = 5;

serveWorker<WorkerSession, void>(async (session) => {
  const { config, worker } = session;
  const control = new Control(session.control);
  const fleet = new Fleet(session);

  async function serve(): Promise<void> {
    fleet.setUp();
    const end = performance.now() + config.setup.timeout * 1000;
    while (!fleet.isSetUp && performance.now() < end) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    control.setState(worker, fleet.isSetUp ? STATE.ready : STATE.timedOut);
    while (control.isPhase(PHASE.setUp)) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    fleet.measure();
    const timer = setInterval(
      () => fleet.tick(),
      config.network.rate > 0 ? 1 : IDLE_TICK_MILLISECONDS,
    );
    while (control.isPhase(PHASE.measure)) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    fleet.finish();
    clearInterval(timer);
    const drainEnd = performance.now() + DRAIN_MILLISECONDS;
    while (fleet.unanswered > 0 && performance.now() < drainEnd) {
      await Bun.sleep(IDLE_TICK_MILLISECONDS);
    }
    fleet.giveUp();
    control.setState(worker, STATE.finished);
  }

  return { ready: undefined, serve };
});
