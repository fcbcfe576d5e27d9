// One client: its socket, and what it waits for. Knows how to open, write and close a WebSocket;
// what it is for, its fleet decides.

import { type FrameWriter, OPCODE } from "./frame.ts";
import { type FrameFault, FrameReader, type FrameTarget } from "./frame-reader.ts";
import { readHandshake } from "./handshake.ts";
import type { Peer } from "./requests.ts";

const GOING_AWAY = Buffer.from([1001 >>> 8, 1001 & 0xff]);

export const PROGRESS = { closed: 0, connecting: 1, open: 2, closing: 3 } as const;

/** Handles what happens to connections. */
export interface Owner {
  /** What is to be sent to the connection whose bytes are being read. */
  readonly out: FrameWriter;
  takeOpen(connection: Connection): void;
  takeText(connection: Connection, bytes: Buffer, start: number, end: number): void;
  takeBinary(connection: Connection): void;
  takeFault(connection: Connection, fault: FrameFault): void;
  /** The connection has ended, or could not be opened. */
  takeEnd(connection: Connection, reason: string): void;
  countOut(bytes: number): void;
}

export class Connection implements FrameTarget {
  progress: number = PROGRESS.closed;
  /** How often it has been opened again. */
  life = 0;
  /** What was agreed: whether it compresses what it sends. */
  deflate = false;
  /** Its peer in each of its torrents, while it is open. */
  peers: readonly Peer[] = [];
  /** Done with the setup, or refused in it. */
  isSettled = false;
  /** Responses received, of the announces sent. */
  announces = 0;
  responses = 0;
  /** The first announce whose answers are waited for: those after it were sent with it. */
  awaitedFrom = 0;
  /** Answers that came for those announces, and that should; -1 while nobody knows. */
  answers = 0;
  expectedAnswers = -1;
  /** Since when it waits for them; 0 when it does not. */
  waitsSince = 0;

  #socket: Bun.Socket<Connection> | undefined;
  /** The one that was gone last. */
  #former: Bun.Socket<Connection> | undefined;
  #reader = new FrameReader(this);
  /** What the socket has not taken yet. */
  #unsent: Buffer | undefined;
  #handshake: Buffer | undefined;
  #reason = "";

  constructor(
    private readonly owner: Owner,
    /** Its number among all connections, and among those of its worker. */
    readonly number: number,
    readonly index: number,
    /** The first of its torrents. */
    readonly torrent: number,
    readonly isSeeder: boolean,
    /** It stops reading once its first announces are answered. */
    readonly isStalled: boolean,
    /** It asks for compression. */
    readonly wantsDeflate: boolean,
  ) {}

  /** Forgets all about an earlier socket. */
  reset(): void {
    this.progress = PROGRESS.connecting;
    this.announces = 0;
    this.responses = 0;
    this.answers = 0;
    this.expectedAnswers = -1;
    this.waitsSince = 0;
    this.#reader = new FrameReader(this);
    this.#unsent = undefined;
    this.#handshake = Buffer.alloc(0);
    this.#reason = "";
  }

  /** The socket is connected: asks for a WebSocket. */
  begin(socket: Bun.Socket<Connection>, request: Buffer): void {
    this.#socket = socket;
    this.#write(request, request.length);
  }

  /** Sends what the owner has gathered. */
  flush(): void {
    const { out } = this.owner;
    if (out.length === 0) return;
    if (this.progress === PROGRESS.open) this.#write(out.bytes, out.length);
    out.length = 0;
  }

  receive(chunk: Buffer): void {
    if (this.#handshake === undefined) return this.#reader.read(chunk, 0);
    const bytes = this.#handshake.length > 0 ? Buffer.concat([this.#handshake, chunk]) : chunk;
    const response = readHandshake(bytes);
    if (response.state === "incomplete") {
      this.#handshake = Buffer.from(bytes);
    } else if (response.state === "refused") {
      this.#reason = response.reason;
      this.#socket?.terminate();
    } else {
      this.#handshake = undefined;
      this.progress = PROGRESS.open;
      this.deflate = response.deflate;
      this.#reader.allowsDeflate = response.deflate;
      this.owner.takeOpen(this);
      this.#reader.read(bytes, response.end);
    }
  }

  drain(): void {
    const unsent = this.#unsent;
    if (unsent === undefined) return;
    this.#unsent = undefined;
    this.#write(unsent, unsent.length);
  }

  stopReading(): void {
    this.#socket?.pause();
  }

  /** Closes the WebSocket as a page that is left, after what the owner has gathered. */
  close(): void {
    this.owner.out.appendControl(OPCODE.close, GOING_AWAY);
    this.flush();
    this.progress = PROGRESS.closing;
  }

  /** Resets the connection, without a word. */
  vanish(): void {
    this.progress = PROGRESS.closing;
    this.#socket?.terminate();
  }

  /** The socket is gone, or there never was one. */
  end(reason: string, socket?: Bun.Socket<Connection>): void {
    // An error and the end that follows it are one; the next socket may be there by then.
    if (socket !== undefined && socket === this.#former) return;
    this.#former = socket;
    if (this.progress === PROGRESS.closed) return;
    this.owner.takeEnd(this, this.#reason || reason);
  }

  takeText(bytes: Buffer, start: number, end: number): void {
    this.owner.takeText(this, bytes, start, end);
  }

  takeBinary(): void {
    this.owner.takeBinary(this);
  }

  takeControl(opcode: number, payload: Buffer): void {
    const { out } = this.owner;
    if (opcode === OPCODE.ping) {
      out.appendControl(OPCODE.pong, payload);
    } else if (opcode === OPCODE.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#reason = `${code} ${payload.toString("utf8", 2)}`.trimEnd();
      out.appendControl(OPCODE.close, payload.subarray(0, 2));
      this.flush();
      this.#socket?.end();
    }
  }

  takeFault(fault: FrameFault): void {
    this.owner.takeFault(this, fault);
    this.#reason = fault;
    this.#socket?.terminate();
  }

  #write(bytes: Buffer, length: number): void {
    if (this.#unsent !== undefined) {
      this.#unsent = Buffer.concat([this.#unsent, bytes.subarray(0, length)]);
      return;
    }
    const written = Math.max(0, this.#socket!.write(bytes, 0, length));
    this.owner.countOut(written);
    if (written < length) this.#unsent = Buffer.from(bytes.subarray(written, length));
  }
}
