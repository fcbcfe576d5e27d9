// aquatic-udp-load-test: asks a UDP tracker on this machine as fast as it answers, or at a rate,
// and checks every answer. The main thread lays out torrents and peers, starts the workers, says
// when they measure, and reports.

import { once } from "node:events";
import { runCli } from "../../src/app/cli.ts";
import { printLine } from "../../src/app/log.ts";
import { StartupError } from "../../src/app/startup-error.ts";
import { hasSystemCalls } from "../../src/udp/socket/system-calls.ts";
import { Control, PART, PHASE, STATE } from "./control.ts";
import { catchInterrupts, lookUntil, passingSeconds, startWorkers } from "./main-thread.ts";
import { cpuTimeSince } from "./report-parts.ts";
import { Roster } from "./roster.ts";
import { loadSchema } from "./udp/config.ts";
import {
  type ByKind,
  describeKinds,
  describeReport,
  makeReport,
  NO_RESPONSES,
  ratesBetween,
  type Report,
  reportPart,
} from "./udp/report.ts";
import { allocateSession, planRoster, type Session } from "./udp/session.ts";

const LINES_AT_ONCE = 1000;

await runCli({
  name: "aquatic-udp-load-test",
  description: "Load for a UDP BitTorrent tracker on this machine, with every answer checked",
  schema: loadSchema,
  switches: {
    json: { type: "boolean", description: "Print the results as JSON" },
    "info-hashes": {
      type: "boolean",
      description: "Print the info hashes of all torrents, for a tracker's whitelist, and exit",
    },
  },
  async run(config, { switches }) {
    const roster = planRoster(config);
    if (switches.has("info-hashes")) return printInfoHashes(new Roster(roster));
    if (!hasSystemCalls) throw new StartupError("needs Linux on x64 or arm64");
    const report = await measure(allocateSession(config, roster));
    console.log(switches.has("json") ? JSON.stringify(report, null, 2) : describeReport(report));
    process.exit(0);
  },
});

async function printInfoHashes(roster: Roster): Promise<void> {
  // The reader of the pipe may have closed it.
  process.stdout.on("error", () => process.exit(1));
  const { torrents } = roster.shape;
  for (let start = 0; start < torrents; start += LINES_AT_ONCE) {
    let lines = "";
    const end = Math.min(torrents, start + LINES_AT_ONCE);
    for (let torrent = start; torrent < end; torrent++)
      lines += `${roster.infoHashText(torrent)}\n`;
    if (!process.stdout.write(lines)) await once(process.stdout, "drain");
  }
}

async function measure(session: Session): Promise<Report> {
  const control = new Control(session.control);
  const isInterrupted = catchInterrupts();
  const setupSeconds = await setUp(session, control, isInterrupted);

  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  control.setPhase(PHASE.measure);
  const eachSecond = await watchSeconds(session, start, isInterrupted);
  control.setPhase(PHASE.finish);
  const seconds = (performance.now() - start) / 1000;
  const cpu = cpuTimeSince(cpuBefore, seconds);
  await lookUntil(() => control.haveAllReached(STATE.finished));
  return makeReport(session, seconds, setupSeconds, cpu, eachSecond);
}

// Returns the seconds it took.
async function setUp(
  session: Session,
  control: Control,
  isInterrupted: () => boolean,
): Promise<number> {
  const { config } = session;
  const start = performance.now();
  // It has to stand here: in a compiled binary, every module's URL is that of the entry.
  const createWorker = (): Worker => new Worker(new URL("./udp/load-worker.ts", import.meta.url));
  await startWorkers(session, createWorker);
  const goal = config.setup.prefill ? config.requests.number_of_peers : 0;
  const say = (): void => {
    const { responses, lost } = reportPart(session, PART.setup);
    printLine(`setting up: ${responses.announce} of ${goal} announced, lost ${lost}`);
  };
  await lookUntil(() => isInterrupted() || control.haveAllReached(STATE.ready), say);
  if (isInterrupted()) process.exit(1);
  refuseFailedSetup(session, control);
  return (performance.now() - start) / 1000;
}

// Says each second what came of it, until the time is over.
async function watchSeconds(
  session: Session,
  start: number,
  isInterrupted: () => boolean,
): Promise<ByKind[]> {
  const { duration } = session.config;
  const seconds: ByKind[] = [];
  let last = NO_RESPONSES;
  for await (const { second, took } of passingSeconds(start, duration, isInterrupted)) {
    const { errors, invalid, lost, responses } = reportPart(session, PART.measured);
    const rates = ratesBetween(last, responses, took);
    seconds.push(rates);
    last = responses;
    printLine(
      `${second} of ${duration} s: responses/s ${describeKinds(rates)}, ` +
        `errors ${errors}, invalid ${invalid}, lost ${lost}`,
    );
  }
  return seconds;
}

function refuseFailedSetup(session: Session, control: Control): void {
  const { server_address, setup } = session.config;
  if (control.isAnybody(STATE.unanswered)) {
    throw new StartupError(`server_address: ${server_address} gave no connection id`);
  }
  if (control.isAnybody(STATE.timedOut)) {
    throw new StartupError(`setup.timeout: not done after ${setup.timeout} s`);
  }
}
