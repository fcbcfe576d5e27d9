// A TCP connection of a client, from its request to its end: the opening handshake, frames in,
// frames out, the closing handshake (RFC 6455, 4 to 7). The backends that see bytes share this.

import { type Client, SENDING } from "../client.ts";
import type { Inbox } from "../message/inbox.ts";
import type { ListenSettings, Refusal, Socket, SocketEvents } from "./backend.ts";
import { closePayload } from "./close-code.ts";
import { deflateMessage } from "./deflate.ts";
import { FRAME_HEAD_BYTES, OPCODE, writeFrameHead } from "./frame.ts";
import { FrameReader, type FrameReceiver } from "./frame-reader.ts";
import {
  answerPlainRequest,
  isUpgrade,
  MAX_HEAD_BYTES,
  parseRequest,
  shakeHands,
  writeResponse,
} from "./handshake.ts";
import { type HttpResponse, RESPONSES } from "./plain-http.ts";

/** Seconds in which a client must complete its request. */
const REQUEST_SECONDS = 10;
/** Seconds in which a client must close a connection that the tracker has closed. */
const LINGER_SECONDS = 5;

/**
 * Garbage of a handshake, counted for more than it is: the memory that garbage takes until it is
 * collected stays with the process, and many clients connect at once after a restart.
 */
const HANDSHAKE_GARBAGE = 2 ** 15;

const NO_BYTES = Buffer.alloc(0);
const HEAD_END = Buffer.from("\r\n\r\n");

/** What a connection needs of its TCP socket. */
export interface TcpSocket {
  /** Undefined if the client has gone already. */
  readonly remoteAddress: string | undefined;
  /** Sends `length` bytes at `bytes[start]`. Returns how many it took; negative after an error. */
  write(bytes: Buffer, start?: number, length?: number): number;
  /** Ends what is sent. */
  shutdown(): void;
  /** Closes the socket at once. */
  terminate(): void;
  /** Terminates the connection after so many seconds; 0 for never. */
  timeout(seconds: number): void;
}

/** What all connections of a listener share. */
export interface ConnectionContext {
  readonly settings: ListenSettings;
  readonly inbox: Inbox;
  readonly events: SocketEvents;
}

export class Connection implements Socket, FrameReceiver {
  /** This backend keeps nothing: what a client does not take stays in its outbox. */
  readonly bufferedBytes = 0;
  compress: ((message: Buffer) => Buffer) | undefined;
  /** What has come of the request. Undefined once it is complete. */
  #head: Buffer | undefined = NO_BYTES;
  #client: Client | undefined;
  #reader: FrameReader | undefined;
  /** A ping to be answered when the client reads again. */
  #ping: Buffer | undefined;
  /** Whether the last byte sent was in the middle of a frame, perhaps. */
  #isMidFrame = false;
  /** The second, by the system's clock, at which the request must be complete. */
  readonly #deadline = performance.now() / 1000 + REQUEST_SECONDS;

  constructor(
    private readonly tcp: TcpSocket,
    private readonly context: ConnectionContext,
  ) {
    tcp.timeout(REQUEST_SECONDS);
  }

  /** Whether frames are read: after the handshake, and before the connection is closed. */
  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  /** Takes the first `length` bytes of `chunk` from the client, and changes them. */
  read(chunk: Buffer, length: number): void {
    try {
      if (this.#reader !== undefined) this.#reader.read(chunk, length, this);
      else if (this.#head !== undefined) this.#readHead(chunk.subarray(0, length));
    } catch (error) {
      // An exception must end this connection, not the tracker.
      this.context.events.fail(this, this.#client, error);
    }
  }

  /** The client has read what was sent. */
  drain(): void {
    const { events } = this.context;
    const client = this.#client;
    if (client === undefined) return;
    try {
      if (this.#ping !== undefined) this.#answerPing(client, this.#ping);
      events.drain(client);
    } catch (error) {
      events.fail(this, client, error);
    }
  }

  write(bytes: Buffer, start: number, end: number): number {
    const sent = Math.max(0, this.tcp.write(bytes, start, end - start));
    this.#isMidFrame = sent < end - start;
    return sent;
  }

  ping(): void {
    if (this.#client === undefined) return;
    this.context.events.sendControl(this.#client, OPCODE.ping, NO_BYTES);
  }

  close(code: number, reason: string): void {
    this.#close(code, reason);
  }

  #close(code: number, reason: string, violation?: number): void {
    if (this.#reader === undefined) return this.terminate();
    const payload = closePayload(code, reason);
    const frame = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + payload.length);
    const start = writeFrameHead(frame, 0, OPCODE.close, payload.length);
    payload.copy(frame, start);
    // Without a frame in between, there is no way but to cut it off.
    const isPossible = !this.#isMidFrame;
    this.end(violation);
    if (!isPossible) return this.terminate();
    this.#closeAfter(frame.subarray(0, start + payload.length));
  }

  terminate(): void {
    this.end();
    this.tcp.terminate();
  }

  /** The time for the request, or for the client to close its side, is up. */
  expire(): void {
    if (this.#head !== undefined) this.context.events.refuse("late");
    this.terminate();
  }

  /**
   * Reports, once, that the connection is closed: with the code of a violation, if there was one.
   */
  end(violation?: number): void {
    const client = this.#client;
    this.#head = undefined;
    this.#client = undefined;
    this.#reader = undefined;
    this.#ping = undefined;
    if (client !== undefined) this.context.events.close(client, violation);
  }

  // --- frames
  // --------------------------------------------------------------------------------------

  receiveMessage(): void {
    if (this.#client !== undefined) this.context.events.receive(this.#client);
  }

  receivePing(payload: Buffer): void {
    const client = this.#client;
    if (client === undefined) return;
    // To one that does not read, only the last ping is answered (RFC 6455, 5.5.3).
    if (client.sending === SENDING.blocked) this.#ping = Buffer.from(payload);
    else this.#answerPing(client, payload);
  }

  receivePong(): void {
    if (this.#client !== undefined) this.context.events.receivePong(this.#client);
  }

  receiveClose(code: number): void {
    this.#endFrames(code, "");
  }

  receiveViolation(code: number, reason: string): void {
    this.#endFrames(code, reason, code);
  }

  // The client may wait for the responses to what it has sent before.
  #endFrames(code: number, reason: string, violation?: number): void {
    if (this.#client !== undefined) this.context.events.flush(this.#client);
    this.#close(code, reason, violation);
  }

  #answerPing(client: Client, payload: Buffer): void {
    this.#ping = undefined;
    this.context.events.sendControl(client, OPCODE.pong, payload);
  }

  // --- the request
  // ---------------------------------------------------------------------------------

  #readHead(chunk: Buffer): void {
    if (performance.now() / 1000 > this.#deadline) return this.expire();
    const head = Buffer.concat([this.#head!, chunk]);
    const end = head.indexOf(HEAD_END);
    const length = end < 0 ? head.length : end;
    if (length > MAX_HEAD_BYTES) return this.#refuse("handshake", RESPONSES.headTooLong);
    this.#head = head;
    if (end < 0) return;
    this.context.events.noteGarbage(HANDSHAKE_GARBAGE);
    const request = parseRequest(head.toString("latin1", 0, end));
    if (request === undefined) return this.#refuse("handshake", RESPONSES.badRequest);
    if (!isUpgrade(request)) return this.#closeAfter(Buffer.from(answerPlainRequest(request)));
    const { addresses, acceptCompressed, origins } = this.context.settings;
    if (!origins.has(request.headers.get("origin"))) {
      return this.#refuse("origin", RESPONSES.forbiddenOrigin);
    }
    const { remoteAddress } = this.tcp;
    if (remoteAddress === undefined) return this.terminate();
    const address = addresses.find(remoteAddress, request.headers);
    if (!this.context.events.hasRoom(address)) return this.#respond(RESPONSES.noRoom);
    const handshake = shakeHands(request, acceptCompressed);
    if ("status" in handshake) return this.#refuse("handshake", handshake);
    this.#open(address, handshake.response, handshake.windowBits);
    const rest = end + HEAD_END.length;
    if (rest < head.length) this.read(head.subarray(rest), head.length - rest);
  }

  #open(address: string, response: string, windowBits: number | undefined): void {
    const { events, inbox, settings } = this.context;
    this.#head = undefined;
    this.#reader = new FrameReader(inbox, windowBits !== undefined);
    if (settings.compress && windowBits !== undefined) {
      this.compress = (message) => deflateMessage(message, windowBits);
    }
    // Before the client learns it: its next connection, at another worker, must see this one
    // counted.
    this.#client = events.open(this, address);
    const text = Buffer.from(response);
    // Nothing has been sent yet, so there is room for it.
    if (this.tcp.write(text) < text.length) return this.terminate();
    this.tcp.timeout(0);
  }

  #refuse(reason: Refusal, response: HttpResponse): void {
    this.context.events.refuse(reason);
    this.#respond(response);
  }

  #respond(response: HttpResponse): void {
    this.#closeAfter(Buffer.from(writeResponse(response)));
  }

  // Sends the last bytes and waits for the client to close: closed at once, with bytes of the
  // client unread, the connection would be reset and the last bytes lost.
  #closeAfter(bytes: Buffer): void {
    this.#head = undefined;
    this.tcp.write(bytes);
    this.tcp.timeout(LINGER_SECONDS);
    this.tcp.shutdown();
  }
}
