// Waits for any of several sockets with ppoll(2), with a timeout in microseconds. Each thread that
// drives batched sockets has one. Waiting allocates nothing.
//
//   struct pollfd                 struct timespec, after the last of them
//   byte 0  fd                    byte 0  tv_sec, 8 bytes
//        4  events    2 bytes          8  tv_nsec, 8 bytes
//        6  revents   2 bytes         16
//        8

import { type Pointer, ptr } from "bun:ffi";
import { Bytes } from "../../memory/bytes.ts";
import { checkResult } from "../../app/libc.ts";
import { calls } from "./system-calls.ts";

const POLLFD_WORDS = 2;
const POLLIN = 1;
const POLLOUT = 4;
const EVENTS = { datagrams: POLLIN, room: POLLOUT, either: POLLIN | POLLOUT } as const;

/** The sockets that one thread waits for, identified by their index in `fds`. */
export class PollSet {
  readonly #memory: Bytes;
  readonly #address: number;
  /** The word of the timespec, which is aligned to 8 bytes like the pollfds. */
  readonly #timeout: number;

  constructor(private readonly fds: readonly number[]) {
    this.#timeout = fds.length * POLLFD_WORDS;
    this.#memory = Bytes.allocate(this.#timeout * 4 + 16);
    this.#address = ptr(this.#memory.bytes);
    for (const [index, fd] of fds.entries()) {
      this.#memory.words[index * POLLFD_WORDS] = fd;
      this.watch(index, "datagrams");
    }
  }

  /** Waits for datagrams on a socket, for room to send, or for either. */
  watch(index: number, what: keyof typeof EVENTS): void {
    this.#memory.halves[index * 4 + 2] = EVENTS[what];
  }

  /**
   * Blocks this thread until a socket is ready or the time has passed; 0 does not block. Returns
   * the number of ready sockets, or minus the error number. EINTR is harmless.
   */
  wait(microseconds: number): number {
    const { words } = this.#memory;
    const timeout = this.#timeout;
    const seconds = Math.floor(microseconds / 1e6);
    words[timeout] = seconds;
    words[timeout + 2] = Math.round((microseconds - seconds * 1e6) * 1000);
    const fds = this.#address as Pointer;
    const wait = (this.#address + timeout * 4) as Pointer;
    return checkResult(calls.ppoll(fds, this.fds.length, wait, null));
  }

  /** Whether the last wait found a datagram or an error to receive. */
  isReadable(index: number): boolean {
    return (this.#memory.halves[index * 4 + 3] & ~POLLOUT) !== 0;
  }
}
