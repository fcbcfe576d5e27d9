// The system calls for which the runtime has no function: batches of datagrams, raw sockets, and
// waiting for several of them. Linux on x64 and arm64 with glibc or musl. Each thread that imports
// this opens its own; the files of the batched sockets beside this one call it.

import type { Pointer } from "bun:ffi";
import { checkResult, hasErrno, openLibc } from "../../app/libc.ts";

// From asm/unistd_64.h and asm-generic/unistd.h.
const NUMBERS = {
  x64: { recvmmsg: 299, sendmmsg: 307 },
  arm64: { recvmmsg: 243, sendmmsg: 269 },
} as const;

const numbers =
  process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64")
    ? NUMBERS[process.arch]
    : undefined;

// C declares `syscall` with `...`; both ABIs pass integers there as in any other function.
const libc =
  numbers &&
  openLibc({
    syscall: { args: ["u64", "i32", "ptr", "u32", "u32", "ptr"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    ppoll: { args: ["ptr", "u64", "ptr", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });

/** Whether this system has everything that the batched sockets need. */
export const hasSystemCalls = libc !== undefined && hasErrno;

/** The C library. Use it only if `hasSystemCalls` is true. */
export const calls = libc!;

export const EINTR = 4;
export const EAGAIN = 11;
export const EMSGSIZE = 90;
export const ECONNREFUSED = 111;

/**
 * recvmmsg(2): fills up to `count` of the messages at `headers`, without waiting. Returns their
 * number, or minus the error number. Bypasses the C library, as `sendMessages` must.
 */
export function receiveMessages(fd: number, headers: number, count: number, flags: number): number {
  const number = numbers!.recvmmsg;
  return checkResult(calls.syscall(number, fd, headers as Pointer, count, flags, null));
}

/**
 * sendmmsg(2): sends the `count` messages at `headers`. Returns the number sent, at least one, or
 * minus the error number of the first. musl's own sendmmsg is a loop over sendmsg, a system call
 * for each datagram, so this bypasses the C library.
 */
export function sendMessages(fd: number, headers: number, count: number, flags: number): number {
  const number = numbers!.sendmmsg;
  return checkResult(calls.syscall(number, fd, headers as Pointer, count, flags, null));
}
