// A load worker: opens its sockets, announces its share of the peers, waits until all are that far,
// and then measures until told to stop. It is always in this loop, and runs no events.

import { serveWorker } from "../../../src/app/worker-thread.ts";
import { Control, PART, PARTS, PHASE, STATE } from "../control.ts";
import { ErrorTable } from "../error-table.ts";
import { CLOSED_LOOP, OpenLoop, SILENCE } from "../pace.ts";
import { Roster } from "../roster.ts";
import { AnswerCheck } from "./answer-check.ts";
import { Clients } from "./clients.ts";
import { type Counts, Driver } from "./driver.ts";
import { Outstanding } from "./outstanding.ts";
import { addressBytesOf, type WorkerSession } from "./session.ts";
import { TALLY, tallyOffset } from "./tally.ts";
import { MixedWorkload, SetupWorkload } from "./workload.ts";

/** After so long without a connection id, nobody is there. */
const CONNECT_MILLISECONDS = 3000;

serveWorker<WorkerSession, void>(async (session) => {
  const { config, worker } = session;
  const control = new Control(session.control);
  const roster = new Roster(session.roster);
  const clients = new Clients(config, worker);
  const outstanding = new Outstanding(
    clients.sockets,
    config.network.window,
    config.requests.scrape_max_torrents,
    config.seed ^ 0x5bd1e995,
  );
  const addressBytes = addressBytesOf(config);
  const { content, peers_sample, requester } = config.checks;
  const check = new AnswerCheck(roster, outstanding, {
    addressBytes,
    content,
    peersSample: peers_sample,
    refusesRequester: requester,
  });
  const driver = new Driver(config, clients, outstanding, check, addressBytes);

  const tally = new Float64Array(session.tallies);
  const countsOf = (part: number): Counts => ({
    tally,
    at: tallyOffset(worker, part, PARTS),
    errors: new ErrorTable(session.errors, worker * PARTS + part),
  });

  /** Returns the state that the worker is in afterwards. */
  function setUp(): number {
    const workload = new SetupWorkload(config, clients, roster, outstanding);
    const start = performance.now();
    const endOfConnecting = start + CONNECT_MILLISECONDS;
    const end = start + config.setup.timeout * 1000;
    let isConnected = false;
    let state: number = STATE.ready;
    driver.run(workload, CLOSED_LOOP, countsOf(PART.setup), (now) => {
      isConnected ||= workload.isConnected;
      if (!isConnected && now > endOfConnecting) state = STATE.unanswered;
      else if (now > end) state = STATE.timedOut;
      return state !== STATE.ready || !control.isPhase(PHASE.setUp) || workload.isDone;
    });
    return state;
  }

  async function serve(): Promise<void> {
    control.setState(worker, setUp());
    control.blockDuring(PHASE.setUp);
    if (control.isPhase(PHASE.measure)) measure();
    control.setState(worker, STATE.finished);
  }

  function measure(): void {
    const { rate } = config.network;
    check.isExact = config.checks.exact && config.setup.prefill;
    const workload = new MixedWorkload(config, worker, clients, roster, outstanding);
    const pace = rate === 0 ? CLOSED_LOOP : new OpenLoop(performance.now(), rate / config.workers);
    const counts = countsOf(PART.measured);
    driver.run(workload, pace, counts, () => !control.isPhase(PHASE.measure));
    if (rate > 0) tally[counts.at + TALLY.overdue] = Math.max(0, pace.dueBy(performance.now()));
    // Answers to the last requests.
    driver.run(workload, SILENCE, countsOf(PART.after), () => outstanding.count === 0);
  }

  return { ready: undefined, serve };
});
