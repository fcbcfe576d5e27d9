// What a socket backend gives to the rest of the tracker, and what it reports. There are three:
// 'epoll', 'bytes' and 'bun', each in a file of its name.

import type { SocketAddress } from "../../app/socket-address.ts";
import type { Client } from "../client.ts";
import type { ClientAddresses } from "../client-address.ts";
import type { Inbox } from "../message/inbox.ts";
import type { AllowedOrigins } from "../origin.ts";
import type { Certificate } from "./tls.ts";

/** The names that can be configured, besides 'auto'. */
export type BackendName = "epoll" | "bytes" | "bun";

/** One connection. */
export interface Socket {
  /**
   * Sends the frames from `start` to before `end` of `bytes`, as written by `writeFrameHead`, and
   * returns how many bytes it took. If not all, the client has to read first: `drain` is reported
   * then. `start` is that of a frame, or where the last write ended.
   */
  write(bytes: Buffer, start: number, end: number): number;
  /** Sends a ping. */
  ping(): void;
  /** Compresses a message for a frame with RSV1, if that is to be done (RFC 7692). */
  readonly compress: ((message: Buffer) => Buffer) | undefined;
  /** Bytes that the backend itself keeps because the client does not read. */
  readonly bufferedBytes: number;
  /** Closes the connection with a close frame, if one can be sent. Nothing is received any more. */
  close(code: number, reason: string): void;
  /** Closes the connection at once. `close` has been reported when this returns. */
  terminate(): void;
}

/** Why a backend lets no connection open, or ends it before. */
export type Refusal =
  /** The page's origin is not allowed. */
  | "origin"
  /** The request is invalid, or no handshake that the tracker knows. */
  | "handshake"
  /** The request did not come as a whole in time. */
  | "late"
  /** The client and the tracker did not agree on TLS. */
  | "tls";

/** What a backend reports. */
export interface SocketEvents {
  /** Whether the client at `address` may open another connection. */
  hasRoom(address: string): boolean;
  /** A connection of the client at `address`, for which there is room, has opened. */
  open(socket: Socket, address: string): Client;
  /** A message has been received and is in the inbox. */
  receive(client: Client): void;
  /** The client has answered a ping, or has sent a pong of its own accord. */
  receivePong(client: Client): void;
  /** A control frame is to be sent, in the same order as messages. */
  sendControl(client: Client, opcode: number, payload: Buffer): void;
  /** The connection is about to be closed by the client: what is due to it can be sent only now. */
  flush(client: Client): void;
  /** The client has read something after `write` returned false. */
  drain(client: Client): void;
  /**
   * A client was refused for another reason than a lack of room. 'bun' does not see all of them.
   */
  refuse(reason: Refusal): void;
  /** The connection has closed; `violation` is the code if the client violated the protocol. */
  close(client: Client, violation?: number): void;
  /** A mistake of the tracker: the connection must close, and only that connection. */
  fail(socket: Socket, client: Client | undefined, error: unknown): void;
  /** About so many bytes were allocated that are garbage soon. */
  noteGarbage(bytes: number): void;
}

export interface ListenSettings {
  readonly addresses: ClientAddresses;
  readonly origins: AllowedOrigins;
  /** An IPv6 address accepts IPv6 clients only. */
  readonly ipv6Only: boolean;
  /** The longest message from a client, after inflation. */
  readonly maxMessageBytes: number;
  /** Seconds without a sign of life after which the tracker closes a connection. */
  readonly maxAge: number;
  /** Whether compressed messages are accepted (permessage-deflate, RFC 7692). */
  readonly acceptCompressed: boolean;
  /** Whether messages to clients that accept it are compressed. */
  readonly compress: boolean;
  readonly certificate: Certificate | undefined;
}

/** A listening address. */
export interface Listener {
  readonly port: number;
  /** The socket, if the next listener of the address can take it over. */
  readonly fd?: number;
  /** Stops listening; with `closeConnections`, closes the connections that it accepted, too. */
  stop(closeConnections: boolean): void;
}

/**
 * Starts to listen, beside other listeners of the same address. `predecessor` is the listener of
 * this worker that the new one will replace. Throws if the system refuses.
 */
export type Listen = (
  address: SocketAddress,
  settings: ListenSettings,
  inbox: Inbox,
  events: SocketEvents,
  predecessor?: Listener,
) => Listener;
