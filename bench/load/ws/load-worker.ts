// A load worker: opens its connections, lets each announce once, waits until all are that far, and
// then measures until told to stop.

import { serveWorker } from "../../../src/app/worker.ts";
import { Fleet } from "./fleet.ts";
import { PHASE, PHASE_WORD, STATE, stateWord, type WorkerSession } from "./session.ts";

/** How long answers to the last announces are waited for. */
const DRAIN_MILLISECONDS = 1000;

const IDLE_TICK_MILLISECONDS = 5;

serveWorker<WorkerSession, void>(async (session) => {
  const { config, worker } = session;
  const control = new Int32Array(session.control);
  const fleet = new Fleet(session);
  const setState = (state: number): void => {
    Atomics.store(control, stateWord(worker), state);
  };
  const isPhase = (phase: number): boolean => Atomics.load(control, PHASE_WORD) === phase;

  async function serve(): Promise<void> {
    fleet.setUp();
    const end = performance.now() + config.setup.timeout * 1000;
    while (!fleet.isSetUp && performance.now() < end) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    setState(fleet.isSetUp ? STATE.ready : STATE.timedOut);
    while (isPhase(PHASE.setUp)) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    fleet.measure();
    const timer = setInterval(
      () => fleet.tick(),
      config.network.rate > 0 ? 1 : IDLE_TICK_MILLISECONDS,
    );
    while (isPhase(PHASE.measure)) await Bun.sleep(IDLE_TICK_MILLISECONDS);
    fleet.finish();
    clearInterval(timer);
    const drainEnd = performance.now() + DRAIN_MILLISECONDS;
    while (fleet.unanswered > 0 && performance.now() < drainEnd) {
      await Bun.sleep(IDLE_TICK_MILLISECONDS);
    }
    fleet.giveUp();
    setState(STATE.finished);
  }

  return { ready: undefined, serve };
});
