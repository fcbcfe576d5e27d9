// Compares aquatic-udp with opentracker, and aquatic-ws with bittorrent-tracker, and both with the
// floor under any such tracker, on this machine: every contestant in turn, several rounds, medians.
// Each is pinned to core 0, the load to core 1. Prints the README's tables; writes a summary of
// each section, and charts, to bench/results, unless --against or --only is given.
//
// usage: bun run bench [--rounds N] [--seconds N] [--against PATH] [--only NAME,…] [SECTION]...
//
// Sections: for UDP (udp: all of them) busy, wide, crowded, rates, memory, flat, cleaning, cluster,
// operated; for WebTorrent (ws) ws-offers, ws-none, ws-setups, ws-latency, ws-workers, ws-deflate,
// ws-overload, ws-readers, ws-memory, ws-peers, ws-burst, ws-cluster, ws-operated. Without any, all.
//
//   --rounds N      5 if not given
//   --seconds N     of each run, 6 if not given; the first is warm-up
//   --against PATH  another checkout of this repository, installed, whose trackers take part
//   --only NAME,…   only contestants whose names begin like one of these
//
// Other trackers take part if the environment names them: OPENTRACKER (beside the one that is
// installed), AQUATIC_UDP_RUST,
// AQUATIC_WS_RUST, WT_TRACKER_RUST (programs) and WT_TRACKER (its run-tracker.js, for Node).

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Comparison } from "./compare/comparison.ts";
import { commitOf } from "./compare/results.ts";
import { SECTIONS } from "./compare/sections.ts";

const { positionals, values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "6" },
    against: { type: "string" },
    only: { type: "string", default: "" },
  },
  allowPositionals: true,
});
const isPartial = values.only !== "" || values.against !== undefined;
const setting = {
  keepsResults: !isPartial,
  rounds: readCount("rounds", 1),
  seconds: readCount("seconds", 2),
  only: values.only.split(",").filter((name) => name !== ""),
  against: values.against === undefined ? undefined : nameBuild(resolve(values.against)),
};
const names = Object.keys(SECTIONS);
for (const name of positionals) {
  if (["udp", "ws", ...names].includes(name)) continue;
  throw new Error(`no section ${name}: there are udp, ws, ${names.join(", ")}`);
}
for (const [name, { protocol, run }] of Object.entries(SECTIONS)) {
  const isWanted =
    positionals.length === 0 || [name, protocol].some((n) => positionals.includes(n));
  if (isWanted)
    await run(new Comparison(name.includes("-") ? name : `udp-${name}`, setting), setting);
}

function nameBuild(root: string) {
  return { root, suffix: `, ${commitOf(root)}` };
}

function readCount(name: "rounds" | "seconds", least: number): number {
  const count = Number(values[name]);
  if (Number.isInteger(count) && count >= least) return count;
  throw new Error(`--${name}: a whole number from ${least} on`);
}
