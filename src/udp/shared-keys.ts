// The keys of connection ids in a cluster: a connect that one node has answered is valid at all
// others. Ids count from a time that all nodes know, and the key of each period is derived from the
// cluster's secret, so nodes agree without a message. The main thread calls this with each tick.
//
// The clocks of nodes differ. An id from a node whose clock is ahead is one from the future,
// perhaps from the next period, and an id from a node whose clock is behind looks older than it is.

import { deriveKey } from "../cluster/keys.ts";
import { AGE, keyPeriod, setConnectionKey } from "./connection-id.ts";

/** Seconds by which the clocks of two nodes may differ. */
export const MAX_SKEW_SECONDS = 90;

/** The Unix time from which ids count, 2020-01-01, so that the second fits a word until 2088. */
const EPOCH = 1_577_836_800;

/** A smaller difference of the wall clock is one of rounding. */
const MIN_STEP_SECONDS = 2;

/** What the keys are derived from. */
export interface SharedSecret {
  readonly secret: string;
  /** The cluster's name. */
  readonly name: string;
}

/**
 * Sets the keys for the second `now` of this tracker's clock, at the Unix time `wallTime`: those of
 * the period, the one before and the next one. Follows the wall clock if that has stepped.
 */
export function shareConnectionKeys(
  keys: Int32Array,
  { name, secret }: SharedSecret,
  maxAge: number,
  now: number,
  wallTime: number,
): void {
  const period = keyPeriod(maxAge + MAX_SKEW_SECONDS);
  const age = Math.round(wallTime) - EPOCH - now;
  const isStep = Math.abs(age - keys[AGE]) >= MIN_STEP_SECONDS;
  const current = Math.floor((now + (isStep ? age : keys[AGE])) / period);
  const createKey = (number: number): Int32Array => {
    const purpose = `connection ids of period ${number} of ${period} seconds`;
    const bytes = deriveKey(secret, name, purpose, 8);
    return new Int32Array([bytes.readInt32LE(0), bytes.readInt32LE(4)]);
  };
  for (const number of [current - 1, current, current + 1]) {
    setConnectionKey(keys, number, createKey);
  }
  // After the keys, so that a worker that sees the step finds its keys.
  if (isStep) keys[AGE] = age;
}
