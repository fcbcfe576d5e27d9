// `bun run fuzz [seed] [rounds]`: fuzzes for longer than the tests do, by default from a random
// seed. Prints what is needed to repeat the run.

import { fuzzHandler } from "./handler-fuzzer.ts";
import { fuzzSockets } from "./socket-fuzzer.ts";

/** A connection takes as long as so many datagrams. */
const DATAGRAMS_PER_CONNECTION = 100;

const [seedText, roundsText] = process.argv.slice(2);
const seed = Number(seedText ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const rounds = Number(roundsText ?? 1_000_000);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(rounds)) {
  console.error("usage: bun run fuzz [seed] [rounds]");
  process.exit(2);
}
console.log(`fuzz: seed ${seed}, ${rounds} rounds`);
console.log(fuzzHandler(seed, rounds));
console.log(await fuzzSockets(seed, Math.ceil(rounds / DATAGRAMS_PER_CONNECTION)));
