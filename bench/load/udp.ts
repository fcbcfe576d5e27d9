// aquatic-udp-load-test: asks a UDP tracker on this machine as fast as it answers, or at a rate,
// and checks every answer. The main thread lays out torrents and peers, starts the workers, says
// when they measure, and reports.

import { once } from "node:events";
import { runCli } from "../../src/app/cli.ts";
import { log } from "../../src/app/log.ts";
import { StartupError } from "../../src/app/startup-error.ts";
import { Workers } from "../../src/app/workers.ts";
import { hasSystemCalls } from "../../src/udp/system-calls.ts";
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
import { Roster } from "./udp/roster.ts";
import {
  allocateSession,
  PART,
  PHASE,
  PHASE_WORD,
  planRoster,
  type Session,
  STATE,
  stateWord,
} from "./udp/session.ts";

/** How often the workers' states are looked at. */
const LOOK_MILLISECONDS = 20;

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
  async run(config, switches) {
    const roster = planRoster(config);
    if (switches.has("info-hashes")) return printInfoHashes(new Roster(roster));
    if (!hasSystemCalls) throw new StartupError("needs Linux on x64 or arm64");
    const report = await measure(allocateSession(config, roster));
    console.log(switches.has("json") ? JSON.stringify(report, null, 2) : describeReport(report));
    process.exit(0);
  },
});

async function printInfoHashes(roster: Roster): Promise<void> {
  // Whoever reads may have had enough.
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
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => (isInterrupted = true));
  }
  const setupSeconds = await setUp(session, () => isInterrupted);

  const control = new Int32Array(session.control);
  const setPhase = (phase: number): void => {
    Atomics.store(control, PHASE_WORD, phase);
    Atomics.notify(control, PHASE_WORD);
  };
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  setPhase(PHASE.measure);
  const eachSecond = await watchSeconds(session, start, () => isInterrupted);
  setPhase(PHASE.finish);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  await lookUntil(() => isEverybodyPast(session, STATE.finished - 1));
  const cpu = { user: user / 1e6, system: system / 1e6 };
  return makeReport(session, seconds, setupSeconds, cpu, eachSecond);
}

// Returns the seconds it took.
async function setUp(session: Session, isInterrupted: () => boolean): Promise<number> {
  const { config } = session;
  const start = performance.now();
  await startWorkers(session);
  const goal = config.setup.prefill ? config.requests.number_of_peers : 0;
  const say = (): void => {
    const { responses, lost } = reportPart(session, PART.setup);
    log(`setting up: ${responses.announce} of ${goal} announced, lost ${lost}`);
  };
  await lookUntil(() => isInterrupted() || isEverybodyPast(session, STATE.settingUp), say);
  if (isInterrupted()) process.exit(1);
  refuseFailedSetup(session);
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
  let lastAt = start;
  for (let second = 1; second <= duration && !isInterrupted(); second++) {
    await Bun.sleep(Math.max(0, start + second * 1000 - performance.now()));
    const now = performance.now();
    const { errors, invalid, lost, responses } = reportPart(session, PART.measured);
    const rates = ratesBetween(last, responses, (now - lastAt) / 1000);
    seconds.push(rates);
    last = responses;
    lastAt = now;
    log(
      `${second} of ${duration} s: responses/s ${describeKinds(rates)}, ` +
        `errors ${errors}, invalid ${invalid}, lost ${lost}`,
    );
  }
  return seconds;
}

// `new Worker(new URL(…))` has to stand here: in a compiled binary, every module's URL is that of
// the entry.
async function startWorkers(session: Session): Promise<void> {
  const workers = new Workers();
  for (let i = 0; i < session.config.workers; i++) {
    const worker = new Worker(new URL("./udp/load-worker.ts", import.meta.url));
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
  const { server_address, setup } = session.config;
  for (let worker = 0; worker < session.config.workers; worker++) {
    const state = Atomics.load(control, stateWord(worker));
    if (state === STATE.unanswered) {
      throw new StartupError(`server_address: ${server_address} gave no connection id`);
    }
    if (state === STATE.timedOut) {
      throw new StartupError(`setup.timeout: not done after ${setup.timeout} s`);
    }
  }
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
