// `bun run fuzz [seed] [rounds]`: fuzzes for longer than the tests do, from a random seed if none
// is given. What it prints is enough to do the same again.

import { fuzzHandler } from "./handler-fuzzer.ts";

const [seedText, roundsText] = process.argv.slice(2);
const seed = Number(seedText ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const rounds = Number(roundsText ?? 1_000_000);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(rounds)) {
  console.error("usage: bun run fuzz [seed] [rounds]");
  process.exit(2);
}
console.log(`fuzz: seed ${seed}, ${rounds} rounds`);
console.log(fuzzHandler(seed, rounds));
