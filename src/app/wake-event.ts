// Wakes a thread that blocks in poll(2) and so cannot sleep at a doorbell's futex: an eventfd that
// the main thread creates. Request workers signal it, and so does the main thread when the tracker
// stops.

import { ptr } from "bun:ffi";
import { claimSleeper, ringDoorbell } from "../memory/doorbell.ts";
import { openLibc } from "./libc.ts";

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const calls = openLibc({
  eventfd: { args: ["u32", "i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "usize"], returns: "i32" },
  write: { args: ["i32", "ptr", "usize"], returns: "i32" },
});

// Eight bytes each, as an eventfd requires: the value to add, and room to read the sum.
const one = new BigUint64Array([1n]);
const sum = new BigUint64Array(1);

/** Returns the descriptor of a new event, valid in all threads; negative if there is none. */
export function openWakeEvent(): number {
  return calls?.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) ?? -1;
}

/** Makes the event readable: ends the sleeper's poll, or its next one. */
export function signalWakeEvent(fd: number): void {
  calls?.write(fd, ptr(one), 8);
}

/**
 * Wakes a worker that sleeps at `control[doorbell]`, or in a system call that ends when `wakeEvent`
 * becomes readable; negative if there is none.
 */
export function wakeWorker(control: Int32Array, doorbell: number, wakeEvent: number): void {
  if (wakeEvent < 0) ringDoorbell(control, doorbell);
  else if (claimSleeper(control, doorbell)) signalWakeEvent(wakeEvent);
}

/** Makes the event unreadable again. */
export function clearWakeEvent(fd: number): void {
  calls?.read(fd, ptr(sum), 8);
}
