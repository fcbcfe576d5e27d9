// aquatic-ws-load-test: plays WebTorrent clients to a tracker on this machine, as fast as it
// answers or at a rate, and checks every message. The main thread lays out torrents and peers,
// starts the workers, says when they measure, and reports.

import { runCli } from "../../src/app/cli.ts";
import { printLine } from "../../src/app/log.ts";
import { StartupError } from "../../src/app/startup-error.ts";
import { Control, PART, PHASE, STATE } from "./control.ts";
import { catchInterrupts, lookUntil, passingSeconds, startWorkers } from "./main-thread.ts";
import { cpuTimeSince } from "./report-parts.ts";
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
import { allocateSession, type Session } from "./ws/session.ts";

await runCli({
  name: "aquatic-ws-load-test",
  description: "Load for a WebTorrent tracker on this machine, with every message checked",
  schema: loadSchema,
  switches: { json: { type: "boolean", description: "Print the results as JSON" } },
  async run(config, { switches }) {
    const report = await measure(allocateSession(config));
    console.log(switches.has("json") ? JSON.stringify(report, null, 2) : describeReport(report));
    process.exit(0);
  },
});

async function measure(session: Session): Promise<Report> {
  const control = new Control(session.control);
  const isInterrupted = catchInterrupts();
  await setUp(session, control, isInterrupted);

  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  control.setPhase(PHASE.measure);
  const eachSecond = await watchSeconds(session, start, isInterrupted);
  const measured = reportPart(session, PART.measured);
  const seconds = (performance.now() - start) / 1000;
  control.setPhase(PHASE.finish);
  const cpu = cpuTimeSince(cpuBefore, seconds);
  await lookUntil(() => control.haveAllReached(STATE.finished));
  return makeReport(session, measured, seconds, cpu, eachSecond);
}

// Opens all connections.
async function setUp(
  session: Session,
  control: Control,
  isInterrupted: () => boolean,
): Promise<void> {
  const { config } = session;
  const { churn, connections } = config.network;
  if (config.checks.exact && churn === 0) Atomics.store(new Int32Array(session.exact), 0, 1);
  // It has to stand here: in a compiled binary, every module's URL is that of the entry.
  const createWorker = (): Worker => new Worker(new URL("./ws/load-worker.ts", import.meta.url));
  await startWorkers(session, createWorker);
  const say = (): void => {
    const { opened, refused, responses } = reportPart(session, PART.setup);
    printLine(
      `setting up: ${opened} of ${connections} open, ${responses} announced, refused ${refused}`,
    );
  };
  await lookUntil(() => isInterrupted() || control.haveAllReached(STATE.ready), say);
  if (isInterrupted()) process.exit(1);
  refuseFailedSetup(session, control);
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
  for await (const { second, took } of passingSeconds(start, duration, isInterrupted)) {
    const part = reportPart(session, PART.measured);
    const flow = flowOf(part);
    const rates = ratesBetween(last, flow, took);
    seconds.push(rates);
    last = flow;
    printLine(
      `${second} of ${duration} s: ${describeFlow(rates)}, failures ${part.failures}, ` +
        `invalid ${part.invalid}, closed ${part.closed}`,
    );
  }
  return seconds;
}

function refuseFailedSetup(session: Session, control: Control): void {
  const { server_url, setup } = session.config;
  if (control.isAnybody(STATE.timedOut)) {
    throw new StartupError(`setup.timeout: not done after ${setup.timeout} s`);
  }
  const { opened, refused_by_reason: reasons } = reportPart(session, PART.setup);
  if (opened > 0) return;
  throw new StartupError(`server_url: ${server_url}: ${Object.keys(reasons).join(", ")}`);
}
