// aquatic-ws-load-test: plays WebTorrent clients to a tracker on this machine, as fast as it
// answers or at a rate, and checks every message. The main thread lays out torrents and peers,
// starts the workers, says when they measure, and reports.

import { runCli } from "../../src/app/cli.ts";
import { log } from "../../src/app/log.ts";
import { StartupError } from "../../src/app/startup-error.ts";
import { Workers } from "../../src/app/workers.ts";
import { loadSchema } from "./ws/config.ts";
import {
  describeFlow,
  describeReport,
  type Flow,
  flowOf,
  makeReport,
  NO_FLOW,
  ratesBetween,
  type Report,
  reportPart,
} from "./ws/report.ts";
import {
  allocateSession,
  EXACT_WORD,
  PART,
  PHASE,
  PHASE_WORD,
  type Session,
  STATE,
  stateWord,
} from "./ws/session.ts";

/** How often the workers' states are looked at. */
const LOOK_MILLISECONDS = 20;

await runCli({
  name: "aquatic-ws-load-test",
  description: "Load for a WebTorrent tracker on this machine, with every message checked",
  schema: loadSchema,
  switches: { json: { type: "boolean", description: "Print the results as JSON" } },
  async run(config, switches) {
    const report = await measure(allocateSession(config));
    console.log(switches.has("json") ? JSON.stringify(report, null, 2) : describeReport(report));
    process.exit(0);
  },
});

async function measure(session: Session): Promise<Report> {
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => (isInterrupted = true));
  }
  await setUp(session, () => isInterrupted);

  const control = new Int32Array(session.control);
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  Atomics.store(control, PHASE_WORD, PHASE.measure);
  const eachSecond = await watchSeconds(session, start, () => isInterrupted);
  const measured = reportPart(session, PART.measured);
  const seconds = (performance.now() - start) / 1000;
  Atomics.store(control, PHASE_WORD, PHASE.finish);
  const { user, system } = process.cpuUsage(cpuBefore);
  await lookUntil(() => isEverybodyPast(session, STATE.finished - 1));
  const cpu = { user: user / 1e6, system: system / 1e6 };
  return makeReport(session, measured, seconds, cpu, eachSecond);
}

// Opens all connections.
async function setUp(session: Session, isInterrupted: () => boolean): Promise<void> {
  const { config } = session;
  const { churn, connections } = config.network;
  const control = new Int32Array(session.control);
  if (config.checks.exact && churn === 0) Atomics.store(control, EXACT_WORD, 1);
  await startWorkers(session);
  const say = (): void => {
    const { opened, refused, responses } = reportPart(session, PART.setup);
    log(`setting up: ${opened} of ${connections} open, ${responses} announced, refused ${refused}`);
  };
  await lookUntil(() => isInterrupted() || isEverybodyPast(session, STATE.settingUp), say);
  if (isInterrupted()) process.exit(1);
  refuseFailedSetup(session);
}

// Says each second what came of it, until the time is over.
async function watchSeconds(
  session: Session,
  start: number,
  isInterrupted: () => boolean,
): Promise<Flow[]> {
  const { duration } = session.config;
  const seconds: Flow[] = [];
  let last = NO_FLOW;
  let lastAt = start;
  for (let second = 1; second <= duration && !isInterrupted(); second++) {
    await Bun.sleep(Math.max(0, start + second * 1000 - performance.now()));
    const now = performance.now();
    const part = reportPart(session, PART.measured);
    const flow = flowOf(part);
    const rates = ratesBetween(last, flow, (now - lastAt) / 1000);
    seconds.push(rates);
    last = flow;
    lastAt = now;
    log(
      `${second} of ${duration} s: ${describeFlow(rates)}, failures ${part.failures}, ` +
        `invalid ${part.invalid}, closed ${part.closed}`,
    );
  }
  return seconds;
}

// `new Worker(new URL(…))` has to stand here: in a compiled binary, every module's URL is that of
// the entry.
async function startWorkers(session: Session): Promise<void> {
  const workers = new Workers();
  for (let i = 0; i < session.config.workers; i++) {
    const worker = new Worker(new URL("./ws/load-worker.ts", import.meta.url));
    await workers.start(`load worker ${i}`, worker, { ...session, worker: i });
  }
}

function isEverybodyPast(session: Session, state: number): boolean {
  const control = new Int32Array(session.control);
  for (let worker = 0; worker < session.config.workers; worker++) {
    if (Atomics.load(control, stateWord(worker)) <= state) return false;
  }
  return true;
}

function refuseFailedSetup(session: Session): void {
  const control = new Int32Array(session.control);
  const { server_url, setup, workers } = session.config;
  for (let worker = 0; worker < workers; worker++) {
    if (Atomics.load(control, stateWord(worker)) === STATE.timedOut) {
      throw new StartupError(`setup.timeout: not done after ${setup.timeout} s`);
    }
  }
  const { opened, refused_by_reason: reasons } = reportPart(session, PART.setup);
  if (opened > 0) return;
  throw new StartupError(`server_url: ${server_url}: ${Object.keys(reasons).join(", ")}`);
}

/** Resolves when `isOver`; calls `say` each second until then. */
async function lookUntil(isOver: () => boolean, say?: () => void): Promise<void> {
  let next = performance.now() + 1000;
  while (!isOver()) {
    await Bun.sleep(LOOK_MILLISECONDS);
    if (performance.now() < next) continue;
    next += 1000;
    say?.();
  }
}
