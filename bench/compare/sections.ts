// The sections of the comparison: which contestants meet under which loads, and the tables they end
// up in. Called by the runner.

import type { Comparison, Options, Row } from "./comparison.ts";
import { type Bar, drawBars, type Group } from "./chart.ts";
import {
  aquaticUdp,
  aquaticWs,
  bittorrentTracker,
  type Build,
  cleaningAquaticUdp,
  clusteredAquaticUdp,
  clusteredAquaticWs,
  hastyAquaticUdp,
  fastOthersUdp,
  type Contestant,
  floorUdp,
  floorWs,
  operatedAquaticUdp,
  operatedAquaticWs,
  othersUdp,
  othersWs,
  regularAquaticUdp,
  THIS_BUILD,
} from "./contestants.ts";
import {
  atRate,
  burst,
  busy,
  busyAtRate,
  crowded,
  deep,
  few,
  fiveOffers,
  held,
  heldWithTorrents,
  type Load,
  MANY_TORRENTS_CONNECTIONS,
  oneSwarm,
  regular,
  stalled,
  tenOffers,
  whileCleaning,
  wide,
  withOffers,
  withoutOffers,
} from "./loads.ts";
import { measureHeld } from "./measure.ts";
import { describeMachine, keepFile } from "./results.ts";
import { costs, figure, format, printTable, ratio } from "./table.ts";

/** What the sections are run with. */
interface Setting extends Options {
  /** Another build of our trackers, to be compared with this one. */
  readonly against: Build | undefined;
}

interface Section {
  readonly protocol: "udp" | "ws";
  readonly run: (comparison: Comparison, setting: Setting) => Promise<void>;
}

/** All sections, in the order in which they run. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  busy: { protocol: "udp", run: compareBusy },
  wide: { protocol: "udp", run: compareWide },
  crowded: { protocol: "udp", run: compareCrowded },
  rates: { protocol: "udp", run: compareRates },
  memory: { protocol: "udp", run: compareMemory },
  flat: { protocol: "udp", run: compareSwarms },
  cleaning: { protocol: "udp", run: compareCleaning },
  cluster: { protocol: "udp", run: compareClusters },
  operated: { protocol: "udp", run: compareOperatedUdp },
  "ws-offers": { protocol: "ws", run: compareOffers },
  "ws-none": { protocol: "ws", run: compareWithoutOffers },
  "ws-setups": { protocol: "ws", run: compareSetups },
  "ws-latency": { protocol: "ws", run: compareLatency },
  "ws-workers": { protocol: "ws", run: compareWorkers },
  "ws-deflate": { protocol: "ws", run: compareDeflate },
  "ws-overload": { protocol: "ws", run: overload },
  "ws-readers": { protocol: "ws", run: compareReaders },
  "ws-memory": { protocol: "ws", run: compareHeld },
  "ws-peers": { protocol: "ws", run: comparePeers },
  "ws-burst": { protocol: "ws", run: compareBursts },
  "ws-cluster": { protocol: "ws", run: compareClustersWs },
  "ws-operated": { protocol: "ws", run: compareOperatedWs },
};

/** One of our trackers, as it is here and as it is in the other build. */
function builds({ against }: Setting, make: (build: Build) => Contestant): Contestant[] {
  return [THIS_BUILD, ...(against ? [against] : [])].map(make);
}

// --- UDP -----------------------------------------------------------------------------------------

const UDP_REFERENCES = ["floor", "opentracker"];

async function compareBusy(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [
    floorUdp,
    ...builds(setting, (build) => aquaticUdp(build)),
    ...builds(setting, (build) => aquaticUdp(build, 1, 1)),
    ...builds(setting, (build) => aquaticUdp(build, 2, 0)),
    ...builds(setting, (build) => aquaticUdp(build, 1, 0, "bun")),
    ...othersUdp,
    ...fastOthersUdp.filter(({ name }) => name.startsWith("opentracker")),
  ];
  const rows = await comparison.run(contestants, busy);
  printTable(busy.name, rows, costs("response", UDP_REFERENCES, 2));
  drawChart(setting, "udp.svg", `UDP: CPU time per response, ${busy.name}`, [
    { bars: barsOf(rows, 2) },
  ]);
}

async function compareWide(comparison: Comparison, setting: Setting): Promise<void> {
  const ours = builds(setting, (build) => aquaticUdp(build));
  const rows = await comparison.run([floorUdp, ...ours, ...othersUdp], wide);
  printTable(wide.name, rows, costs("response", UDP_REFERENCES, 2));
}

async function compareCrowded(comparison: Comparison, setting: Setting): Promise<void> {
  const ours = builds(setting, (build) => aquaticUdp(build));
  const rows = await comparison.run([floorUdp, ...ours, ...fastOthersUdp], crowded);
  printTable(crowded.name, rows, costs("response", ["floor", "opentracker, 1 worker"], 2));
}

/** Requests a second: of a small tracker, a large one, and one of the largest. */
const RATES = [1000, 50_000, 200_000];

async function compareRates(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [
    floorUdp,
    ...builds(setting, (build) => aquaticUdp(build)),
    hastyAquaticUdp,
    ...builds(setting, (build) => aquaticUdp(build, 1, 1)),
    ...fastOthersUdp,
  ];
  for (const rate of RATES) {
    const load = busyAtRate(rate);
    const rows = await comparison.run(contestants, load);
    printTable(load.name, rows, [
      figure("CPU µs per response", "cpu", 2),
      ratio("to floor", "floor", ({ figures }) => figures.cpu.median),
      figure("p50 µs", "p50"),
      figure("p99", "p99"),
      figure("p99.9", "p999"),
    ]);
  }
}

async function compareMemory(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...builds(setting, (build) => aquaticUdp(build)), ...othersUdp];
  const bare = await comparison.run(contestants, few);
  const short = { ...wide, seconds: 2 };
  const added = await addedBytes(comparison, contestants, bare, [
    ["bytes by a torrent of two peers", short, 1_000_000],
    ["bytes by a peer in a swarm of 20,000", deep, 2_000_000],
  ]);
  printTable("resident memory added", bare, added);
}

async function compareSwarms(comparison: Comparison, setting: Setting): Promise<void> {
  for (const peers of [10, 1000, 100_000, 1_000_000]) {
    const load = oneSwarm(peers);
    const rows = await comparison.run(
      builds(setting, (build) => aquaticUdp(build)),
      load,
    );
    printTable(`${load.name}, 9 peers wanted`, rows, [figure("CPU µs per response", "cpu", 2)]);
  }
}

async function compareCleaning(comparison: Comparison, setting: Setting): Promise<void> {
  const rate = Math.round((await comparison.rateOf(aquaticUdp(THIS_BUILD), wide)) / 2);
  const rows = await comparison.run(builds(setting, cleaningAquaticUdp), whileCleaning(rate));
  printTable(`while 2,000,000 peers expire, ${format(rate)} requests/s`, rows, [
    figure("responses/s", "rate"),
    figure("p50 µs", "p50"),
    figure("p99", "p99"),
    figure("p99.9", "p999"),
    figure("max", "max"),
  ]);
}

async function compareOperatedUdp(comparison: Comparison): Promise<void> {
  const bare = aquaticUdp(THIS_BUILD);
  for (const load of [busy, wide]) {
    const rows = await comparison.run([bare, operatedAquaticUdp(THIS_BUILD)], load);
    printTable(load.name, rows, costs("response", [bare.name], 2));
  }
}

/** Changes a second that other nodes send. */
const CHANGES = 100_000;

async function compareClusters(comparison: Comparison): Promise<void> {
  const alone = regularAquaticUdp(THIS_BUILD);
  const contestants = [
    alone,
    ...[0, CHANGES].map((changes) => clusteredAquaticUdp(THIS_BUILD, changes)),
  ];
  const rows = await comparison.run(contestants, regular);
  printTable(regular.name, rows, costs("response", [alone.name], 2));
  const rate = Math.round((await comparison.rateOf(alone, regular)) / 2);
  const settings = { ...regular.settings, network: { ...regular.settings.network, rate } };
  const half = { ...regular, name: `${regular.name}, half load`, settings };
  const halves = await comparison.run(contestants, half);
  printTable(half.name, halves, [
    ...costs("response", [alone.name], 2),
    figure("p99 µs", "p99"),
    figure("p99.9", "p999"),
    figure("lag ms: p50", "lagP50", 1),
    figure("p99", "lagP99", 1),
    figure("batches lost", "lost"),
  ]);
}

// --- WebTorrent ----------------------------------------------------------------------------------

const OURS = aquaticWs(THIS_BUILD).name;
const WS_REFERENCES = ["floor", bittorrentTracker.name];

const plain = (setting: Setting): Contestant[] => builds(setting, (build) => aquaticWs(build));
const overTls = (setting: Setting): Contestant[] =>
  builds(setting, (build) => aquaticWs(build, "wss", { isTls: true }));
const twoWorkers = (setting: Setting): Contestant[] =>
  builds(setting, (build) => aquaticWs(build, "2 workers", { workers: 2 }));
const deflating = (setting: Setting): Contestant[] => [
  ...builds(setting, (build) =>
    aquaticWs(build, "half of the clients deflate", { deflateShare: 0.5 }),
  ),
  ...builds(setting, (build) => aquaticWs(build, "clients deflate", { deflateShare: 1 })),
  ...builds(setting, (build) =>
    aquaticWs(build, "both deflate", { deflateShare: 1, network: { compress_responses: true } }),
  ),
];

async function compareOffers(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), floorWs, bittorrentTracker, ...othersWs];
  const groups = [];
  for (const load of withOffers) {
    const rows = await comparison.run(contestants, load);
    printTable(load.name, rows, costs("announce", WS_REFERENCES, 1));
    groups.push({ name: load.name, bars: barsOf(rows, 0) });
  }
  drawChart(setting, "ws.svg", "WebTorrent: CPU time per announce, all offers answered", groups);
}

async function compareWithoutOffers(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), floorWs, bittorrentTracker, ...othersWs];
  for (const load of withoutOffers) {
    const rows = await comparison.run(contestants, load);
    const rate = ratio(
      "announces/s to bittorrent-tracker",
      bittorrentTracker.name,
      (row) => row.figures.rate.median,
    );
    printTable(load.name, rows, [...costs("announce", WS_REFERENCES, 2), rate]);
  }
}

async function compareSetups(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [
    ...plain(setting),
    ...twoWorkers(setting),
    ...overTls(setting),
    ...deflating(setting),
  ];
  const rows = await comparison.run(contestants, tenOffers);
  printTable(tenOffers.name, rows, [
    ...costs("announce", [OURS], 1),
    figure("connections that deflate", "deflated"),
  ]);
}

// At half of what the slower of our builds can do, and at half of what bittorrent-tracker can.
async function compareLatency(comparison: Comparison, setting: Setting): Promise<void> {
  const ours = plain(setting);
  const saturations = [];
  for (const contestant of ours) saturations.push(await comparison.rateOf(contestant, fiveOffers));
  const theirs = await comparison.rateOf(bittorrentTracker, fiveOffers);
  for (const [name, rate, contestants] of [
    ["latency", Math.min(...saturations) / 2, [...ours, floorWs, ...othersWs]],
    ["latency at bittorrent-tracker's half", theirs / 2, [...ours, bittorrentTracker]],
  ] as const) {
    const rows = await comparison.run(contestants, atRate(name, rate));
    printTable(`${format(rate)} announces/s, 5 offers`, rows, [
      figure("offer to answer, µs: p50", "answerP50"),
      figure("p99", "answerP99"),
      figure("p99.9", "answerP999"),
      figure("announce to response, µs: p50", "responseP50"),
      figure("p99", "responseP99"),
      figure("p99.9", "responseP999"),
      figure("CPU s/s", "cpuShare", 3),
    ]);
  }
}

async function compareWorkers(comparison: Comparison, setting: Setting): Promise<void> {
  const rate = (await comparison.rateOf(aquaticWs(THIS_BUILD), fiveOffers)) / 2;
  const contestants = [...plain(setting), ...twoWorkers(setting)];
  const rows = await comparison.run(contestants, atRate("two workers", rate));
  printTable(`${format(rate)} announces/s asked, 5 offers`, rows, costs("announce", [OURS], 1));
}

// A quarter of what it takes without: inflating must not bring it to its limit.
async function compareDeflate(comparison: Comparison, setting: Setting): Promise<void> {
  const rate = (await comparison.rateOf(aquaticWs(THIS_BUILD), fiveOffers)) / 4;
  const contestants = [...plain(setting), ...deflating(setting)];
  const rows = await comparison.run(contestants, atRate("deflate", rate));
  printTable(`${format(rate)} announces/s asked, 5 offers`, rows, [
    ...costs("announce", [OURS], 1),
    figure("connections that deflate", "deflated"),
  ]);
}

async function overload(comparison: Comparison, setting: Setting): Promise<void> {
  const saturation = await comparison.rateOf(aquaticWs(THIS_BUILD), fiveOffers);
  const load = atRate("overload", saturation * 2);
  const rows = await comparison.run([...plain(setting), ...othersWs], load);
  printTable(`${format(saturation * 2)} announces/s asked, 5 offers`, rows, [
    figure("announces/s", "rate"),
    figure("answers/s", "answers"),
    figure("CPU s/s", "cpuShare", 2),
    figure("peak MB", "rssPeak", 1, 1e6),
    figure("load tester's CPU s/s", "loadCpuShare", 2),
  ]);
}

async function compareReaders(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), bittorrentTracker, ...othersWs];
  for (const load of [stalled(0), stalled(40)]) {
    const rows = await comparison.run(contestants, load);
    printTable(load.name, rows, [
      figure("announces/s", "rate"),
      figure("offers/s", "offers"),
      figure("CPU s/s", "cpuShare", 2),
      figure("MB at the end", "rssAfter", 1, 1e6),
      figure("peak MB", "rssPeak", 1, 1e6),
    ]);
  }
}

async function compareHeld(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), ...overTls(setting), bittorrentTracker, ...othersWs];
  for (const connections of [10_000, 19_000]) {
    const load = held(connections);
    const rows = await comparison.run(contestants, load, measureHeld);
    const each = ({ figures }: Row): number =>
      (figures.rssAfter.median - figures.rssBefore.median) / connections;
    printTable(load.name, rows, [
      figure("MB without", "rssBefore", 1, 1e6),
      figure("MB with", "rssAfter", 1, 1e6),
      { title: "bytes per connection", text: (row) => format(each(row)) },
      ratio("to bittorrent-tracker", bittorrentTracker.name, each),
    ]);
  }
}

async function comparePeers(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), bittorrentTracker, ...othersWs];
  const [one, many] = [heldWithTorrents(1), heldWithTorrents(64)];
  const bare = await comparison.run(contestants, one, measureHeld);
  const added = await addedBytes(
    comparison,
    contestants,
    bare,
    [["bytes by a peer in one more torrent", many, MANY_TORRENTS_CONNECTIONS * 63]],
    measureHeld,
  );
  printTable("resident memory added", bare, added);
}

async function compareBursts(comparison: Comparison, setting: Setting): Promise<void> {
  const contestants = [...plain(setting), ...overTls(setting), bittorrentTracker, ...othersWs];
  for (const load of [burst(0), burst(400)]) {
    const rows = await comparison.run(contestants, load);
    printTable(`${load.name}, one announce each`, rows, [
      figure("seconds", "burstSeconds", 3),
      ratio(
        "to bittorrent-tracker",
        bittorrentTracker.name,
        ({ figures }) => figures.burstSeconds.median,
      ),
      { title: "refused at most", text: ({ figures }) => format(figures.refused.max) },
      figure("peak MB", "rssPeak", 1, 1e6),
    ]);
  }
}

async function compareClustersWs(comparison: Comparison): Promise<void> {
  const bare = aquaticWs(THIS_BUILD);
  const rows = await comparison.run([bare, clusteredAquaticWs(THIS_BUILD)], tenOffers);
  printTable(tenOffers.name, rows, costs("announce", [bare.name], 1));
}

async function compareOperatedWs(comparison: Comparison): Promise<void> {
  const bare = aquaticWs(THIS_BUILD);
  const rows = await comparison.run([bare, operatedAquaticWs(THIS_BUILD)], tenOffers);
  printTable(tenOffers.name, rows, costs("announce", [bare.name], 1));
}

// -------------------------------------------------------------------------------------------------

// Columns of how much memory each of `count` things takes that a load has and the bare one has not.
async function addedBytes(
  comparison: Comparison,
  contestants: readonly Contestant[],
  bare: readonly Row[],
  loads: readonly (readonly [title: string, load: Load, count: number])[],
  measureOnce?: typeof measureHeld,
) {
  const columns = [];
  for (const [title, load, count] of loads) {
    const rows = await comparison.run(contestants, load, measureOnce);
    const text = (row: Row): string => {
      const { rssAfter } = rows[bare.indexOf(row)].figures;
      return format((rssAfter.median - row.figures.rssAfter.median) / count, 1);
    };
    columns.push({ title, text });
  }
  return columns;
}

function barsOf(rows: readonly Row[], decimals: number): Bar[] {
  return rows.map(({ contestant, figures, isOurs }) => ({
    label: contestant,
    value: figures.cpu.median,
    text: `${format(figures.cpu.median, decimals)} µs, ${format(figures.rate.median / 1000, 1)}k/s`,
    isOurs,
  }));
}

function drawChart(
  { keepsResults }: Setting,
  file: string,
  title: string,
  groups: readonly Group[],
): void {
  if (!keepsResults) return;
  const { commit, machine } = describeMachine();
  keepFile(file, drawBars(title, `and rate, on one core; ${machine}; ${commit}`, groups));
}
