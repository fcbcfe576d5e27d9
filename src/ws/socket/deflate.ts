// The compression of messages (permessage-deflate, RFC 7692), each message by itself: neither side
// keeps a window from one message to the next, so a connection needs no memory for it.

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import type { Inbox } from "../message/inbox.ts";

/** The result of an inflation. */
export const INFLATED = { done: 0, tooBig: 1, invalid: 2 } as const;

export type Inflated = (typeof INFLATED)[keyof typeof INFLATED];

/** The end of a block that a sender leaves out (RFC 7692, 7.2.1). */
const BLOCK_END_BYTES = 4;

/** The smallest window, in bits. The runtime's zlib makes none of 8 bits. */
const MIN_WINDOW_BITS = 9;
const MAX_WINDOW_BITS = 15;

/** What has been negotiated. */
export interface Deflate {
  /** The value of the response's Sec-WebSocket-Extensions. */
  readonly header: string;
  /** The window with which to compress, in bits. */
  readonly windowBits: number;
}

/**
 * Selects the first offer of a Sec-WebSocket-Extensions header that the tracker can accept, or
 * returns undefined.
 */
export function negotiateDeflate(header: string): Deflate | undefined {
  for (const offer of header.split(",")) {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    if (name?.toLowerCase() !== "permessage-deflate") continue;
    const windowBits = readWindowBits(parameters);
    if (windowBits === undefined) continue;
    const limit = windowBits < MAX_WINDOW_BITS ? `; server_max_window_bits=${windowBits}` : "";
    return {
      header: "permessage-deflate; server_no_context_takeover; client_no_context_takeover" + limit,
      windowBits,
    };
  }
  return undefined;
}

// The window that the client allows the server, or undefined if the offer is invalid.
function readWindowBits(parameters: readonly string[]): number | undefined {
  let windowBits = MAX_WINDOW_BITS;
  const seen = new Set<string>();
  for (const parameter of parameters) {
    const [name = "", value] = parameter.split("=").map((part) => part.trim());
    if (seen.has(name)) return undefined;
    seen.add(name);
    const bits = /^"?(8|9|1[0-5])"?$/.exec(value ?? "")?.[1];
    if (name === "server_max_window_bits") {
      windowBits = Number(bits);
      if (!(windowBits >= MIN_WINDOW_BITS)) return undefined;
    } else if (name === "client_max_window_bits") {
      if (value !== undefined && bits === undefined) return undefined;
    } else if (name !== "server_no_context_takeover" && name !== "client_no_context_takeover") {
      return undefined;
    } else if (value !== undefined) {
      return undefined;
    }
  }
  return windowBits;
}

/** Replaces the compressed message in the inbox by what it stands for. Returns one of INFLATED. */
export function inflateMessage(inbox: Inbox): Inflated {
  const compressed = inbox.bytes.subarray(0, inbox.length);
  try {
    inbox.set(
      inflateRawSync(compressed, {
        // The message does not end with a final block.
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: inbox.maxBytes,
      }),
    );
    return INFLATED.done;
  } catch (error) {
    const isTooBig = (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    return isTooBig ? INFLATED.tooBig : INFLATED.invalid;
  }
}

/** Compresses a message. */
export function deflateMessage(message: Buffer, windowBits: number): Buffer {
  const deflated = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH, windowBits });
  return deflated.subarray(0, deflated.length - BLOCK_END_BYTES);
}
