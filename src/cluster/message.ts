// A message between nodes, as text that survives publish and subscribe: Base64 of
//
//   byte   0         8         9      10         16     24
//        [ session | version | kind | sequence | sent | payload | signature: 16 bytes ]
//
// Numbers are little-endian. The session is random for each start of a node. The sequence number
// counts the messages of a session to one channel. `sent` is the sender's Unix time in
// milliseconds, a double. The signature is the HMAC-SHA256, cut to 16 bytes, of the channel and of
// all that precedes it.

import { timingSafeEqual } from "node:crypto";
import { deriveKey } from "./keys.ts";

const VERSION = 1;
const HEAD = { session: 0, version: 8, kind: 9, sequence: 10, sent: 16, bytes: 24 } as const;
const SESSION_BYTES = 8;
const SEQUENCE_BYTES = 6;
const SIGNATURE_BYTES = 16;

/** Bytes of a message beside its payload. */
const OVERHEAD_BYTES = HEAD.bytes + SIGNATURE_BYTES;

/** Bytes of a payload up to which the text of a message has at most 16 KiB. */
export const BATCH_BYTES = 12_288 - OVERHEAD_BYTES;

/**
 * Characters of the longest text that is looked at: an offer or an answer of the greatest
 * max_message_size, 16 MiB, with what the tracker adds to it.
 */
export const MAX_TEXT_LENGTH = Math.ceil((2 ** 24 * 4) / 3) + 2 ** 16;

/** Characters of the text that depend on the session alone, all but a few bits of it. */
const SESSION_CHARACTERS = Math.floor((SESSION_BYTES * 8) / 6);

/** What a message says of itself. */
export interface Message {
  /** The sender's session, as hexadecimal digits. */
  readonly session: string;
  readonly kind: number;
  readonly sequence: number;
  /** The sender's Unix time in milliseconds. */
  readonly sent: number;
  readonly payload: Buffer;
}

/** Writes and reads messages. The members of a cluster have the same secret and name. */
export class MessageCodec {
  /** The session of this node, as hexadecimal digits. */
  readonly session: string;
  readonly #session = Buffer.from(crypto.getRandomValues(new Uint8Array(SESSION_BYTES)));
  readonly #key: Buffer;
  readonly #ownPrefix: string;

  constructor(secret: string, name: string) {
    this.#key = deriveKey(secret, name, "signatures", 32);
    this.session = this.#session.toString("hex");
    this.#ownPrefix = this.#session.toString("base64").slice(0, SESSION_CHARACTERS);
  }

  /** Writes a message of this node. `sent` is the Unix time in milliseconds. */
  write(
    channel: string,
    kind: number,
    sequence: number,
    sent: number,
    payload: Uint8Array,
  ): string {
    const bytes = Buffer.allocUnsafe(OVERHEAD_BYTES + payload.length);
    bytes.set(this.#session, HEAD.session);
    bytes.writeUInt8(VERSION, HEAD.version);
    bytes.writeUInt8(kind, HEAD.kind);
    bytes.writeUIntLE(sequence, HEAD.sequence, SEQUENCE_BYTES);
    bytes.writeDoubleLE(sent, HEAD.sent);
    bytes.set(payload, HEAD.bytes);
    const end = HEAD.bytes + payload.length;
    this.#sign(channel, bytes.subarray(0, end)).copy(bytes, end, 0, SIGNATURE_BYTES);
    return bytes.toString("base64");
  }

  /** Whether this node wrote the text. Cheap: nothing is decoded. */
  isOwn(text: string): boolean {
    return text.startsWith(this.#ownPrefix);
  }

  /**
   * Returns the message of a text, or undefined if no member of the cluster wrote it to this
   * channel.
   */
  read(channel: string, text: string): Message | undefined {
    if (text.length > MAX_TEXT_LENGTH) return undefined;
    const bytes = Buffer.from(text, "base64");
    const end = bytes.length - SIGNATURE_BYTES;
    if (end < HEAD.bytes || bytes[HEAD.version] !== VERSION) return undefined;
    const signature = this.#sign(channel, bytes.subarray(0, end)).subarray(0, SIGNATURE_BYTES);
    if (!timingSafeEqual(signature, bytes.subarray(end))) return undefined;
    const sent = bytes.readDoubleLE(HEAD.sent);
    if (!Number.isFinite(sent)) return undefined;
    return {
      session: bytes.toString("hex", HEAD.session, HEAD.session + SESSION_BYTES),
      kind: bytes[HEAD.kind],
      sequence: bytes.readUIntLE(HEAD.sequence, SEQUENCE_BYTES),
      sent,
      payload: bytes.subarray(HEAD.bytes, end),
    };
  }

  #sign(channel: string, bytes: Uint8Array): Buffer {
    return new Bun.CryptoHasher("sha256", this.#key).update(channel).update(bytes).digest();
  }
}
