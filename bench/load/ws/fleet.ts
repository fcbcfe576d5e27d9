// All clients of a load worker: opens their connections, has them announce when it is time, and
// closes and opens some again. Runs on events; `tick` is called by a timer.

import { Random } from "../../../src/memory/random.ts";
import { PART } from "../control.ts";
import { OpenLoop, type Pace, SILENCE } from "../pace.ts";
import { Roster } from "../roster.ts";
import { Connection, type Owner, PROGRESS } from "./connection.ts";
import { Dialogue } from "./dialogue.ts";
import { FrameWriter } from "./frame.ts";
import type { FrameFault } from "./frame-reader.ts";
import { handshakeRequest } from "./handshake.ts";
import { Ledger } from "./ledger.ts";
import { faultIndex } from "./message-check.ts";
import { TABLE, type WorkerSession } from "./session.ts";
import { TALLY } from "./tally.ts";

const BINARY = faultIndex("binary message");

export class Fleet implements Owner {
  readonly out: FrameWriter;
  readonly #connections: Connection[] = [];
  readonly #dialogue: Dialogue;
  readonly #ledger: Ledger;
  readonly #exact: Int32Array;
  readonly #lives: Int32Array;
  readonly #announces: Int32Array;
  readonly #random: Random;
  readonly #url: URL;
  /** Without compression, and with it. */
  readonly #handshakes: readonly Buffer[];

  #unopened = 0;
  /** Connections in the setup that are neither done nor refused. */
  #opening = 0;
  #settled = 0;
  #concurrency: number;
  #setupBegan = 0;
  #pace: Pace = SILENCE;
  #churn: Pace = SILENCE;
  #turn = 0;

  constructor(private readonly session: WorkerSession) {
    const { config, worker } = session;
    const { connect_concurrency, connections } = config.network;
    this.#exact = new Int32Array(session.exact);
    this.#lives = new Int32Array(session.lives);
    this.#announces = new Int32Array(session.announces);
    this.#ledger = new Ledger(session);
    this.#url = new URL(config.server_url);
    this.#handshakes = [false, true].map((deflate) => handshakeRequest(this.#url, deflate));
    this.#random = new Random(config.seed, worker, 1);
    // Never zero: a tracker might have less to do.
    this.out = new FrameWriter(1 + this.#random.below(255));
    const roster = new Roster(session.roster);
    for (let number = worker; number < connections; number += config.workers) {
      this.#connections.push(this.#makeConnection(number, roster));
    }
    const own = this.#connections.length;
    this.#dialogue = new Dialogue(session, this.#ledger, roster, own, this.out, (connection) =>
      this.#settle(connection),
    );
    const concurrency = Math.ceil(connect_concurrency / config.workers);
    this.#concurrency = concurrency === 0 ? own : concurrency;
  }

  #makeConnection(number: number, roster: Roster): Connection {
    const { connections, deflate_share, stalled } = this.session.config.network;
    // Evenly spread over the torrents: so many of the first `number` and so many of the next.
    const isAmong = (count: number): boolean =>
      Math.floor(((number + 1) * count) / connections) > Math.floor((number * count) / connections);
    return new Connection(
      this,
      number,
      this.#connections.length,
      roster.torrentOf(number),
      roster.isSeeder(number),
      isAmong(stalled),
      isAmong(Math.round(deflate_share * connections)),
    );
  }

  // --- the run ---------------------------------------------------------------------------------

  /** Starts to open the connections. */
  setUp(): void {
    this.#setupBegan = performance.now();
    this.#openMore();
  }

  /** All connections are open and have announced, or were refused. */
  get isSetUp(): boolean {
    return this.#settled === this.#connections.length;
  }

  /** Begins to measure. */
  measure(): void {
    const { config } = this.session;
    const { churn, rate } = config.network;
    const { announce, repeat } = config.requests;
    const dialogue = this.#dialogue;
    const now = performance.now();
    this.#ledger.enter(PART.measured);
    if (churn > 0) this.#churn = new OpenLoop(now, churn / config.workers);
    if (!announce || !repeat) return;
    if (rate > 0) {
      this.#pace = new OpenLoop(now, rate / config.workers);
      return;
    }
    dialogue.isClosedLoop = true;
    dialogue.now = now;
    for (const connection of this.#connections) {
      if (!dialogue.isReady(connection)) continue;
      dialogue.announceTogether(connection);
      connection.flush();
    }
  }

  /** Announces no more, but answers. */
  finish(): void {
    this.#ledger.enter(PART.after);
    this.#pace = SILENCE;
    this.#churn = SILENCE;
    this.#dialogue.isClosedLoop = false;
  }

  /** Announces that are not answered yet. */
  get unanswered(): number {
    let count = 0;
    for (const { announces, progress, responses } of this.#connections) {
      if (progress === PROGRESS.open) count += announces - responses;
    }
    return count;
  }

  /** Counts those as lost, and resets all connections: their ports are free at once. */
  giveUp(): void {
    this.#ledger.add(TALLY.lost, this.unanswered);
    // Other workers may still get responses, which count those that are there.
    Atomics.store(this.#exact, 0, 0);
    for (const connection of this.#connections) connection.vanish();
  }

  /** Does what is due. */
  tick(): void {
    const now = performance.now();
    const dialogue = this.#dialogue;
    dialogue.now = now;
    for (let due = this.#pace.dueBy(now); due > 0; due--) {
      const dueAt = this.#pace.nextDue(now);
      this.#pace.advance();
      this.#announceNext(dueAt);
    }
    for (let due = this.#churn.dueBy(now); due > 0; due--) {
      this.#churn.advance();
      this.#closeOne();
    }
    if (!dialogue.isClosedLoop) return;
    for (const connection of this.#connections) dialogue.stopWaiting(connection);
  }

  // The next connection in turn, at a rate.
  #announceNext(dueAt: number): void {
    const { length } = this.#connections;
    for (let tries = 0; tries < length; tries++) {
      const connection = this.#connections[this.#turn];
      this.#turn = this.#turn + 1 === length ? 0 : this.#turn + 1;
      if (!this.#dialogue.isReady(connection)) continue;
      if (this.#dialogue.isBehind(connection)) break;
      this.#dialogue.announce(connection, dueAt);
      return connection.flush();
    }
    this.#ledger.count(TALLY.notSent);
  }

  // Any one that is there, or the next.
  #closeOne(): void {
    const { length } = this.#connections;
    const first = this.#random.below(length);
    for (let tries = 0; tries < length; tries++) {
      const connection = this.#connections[(first + tries) % length];
      if (!this.#dialogue.isReady(connection)) continue;
      if (this.#random.below(2 ** 30) >= this.session.config.network.churn_stopped * 2 ** 30) {
        return connection.vanish();
      }
      this.#dialogue.stop(connection);
      return connection.close();
    }
  }

  // --- connections -----------------------------------------------------------------------------

  #openMore(): void {
    while (this.#opening < this.#concurrency && this.#unopened < this.#connections.length) {
      this.#opening++;
      this.#open(this.#connections[this.#unopened++]);
    }
  }

  #open(connection: Connection): void {
    connection.reset();
    this.#announces[connection.number] = 0;
    const { hostname, port } = this.#url;
    const isTls = this.#url.protocol === "wss:";
    const { client_ips } = this.session.config.network;
    const options = {
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || (isTls ? 443 : 80),
      data: connection,
      socket: this.#handlers,
      ...(client_ips > 1 ? { localAddress: clientAddress(connection.number % client_ips) } : {}),
    };
    const tls = { rejectUnauthorized: false };
    Bun.connect<Connection>(isTls ? { ...options, tls } : options).catch((error: unknown) => {
      connection.end(String((error as NodeJS.ErrnoException).code ?? error));
    });
  }

  readonly #handlers: Bun.SocketHandler<Connection> = {
    open: (socket) => {
      if (this.#url.protocol === "ws:") this.#begin(socket);
    },
    handshake: (socket) => this.#begin(socket),
    data: (socket, chunk) => {
      this.#dialogue.now = performance.now();
      this.#ledger.add(TALLY.bytesIn, chunk.length);
      socket.data.receive(chunk);
      socket.data.flush();
    },
    drain: (socket) => socket.data.drain(),
    close: (socket) => socket.data.end("without a close frame", socket),
    error: (socket, error) => socket.data.end(error.message, socket),
    connectError: (socket, error) => socket.data.end(error.message),
  };

  #begin(socket: Bun.Socket<Connection>): void {
    socket.data.begin(socket, this.#handshakes[Number(socket.data.wantsDeflate)]);
  }

  takeOpen(connection: Connection): void {
    this.#ledger.count(TALLY.opened);
    if (connection.deflate) this.#ledger.count(TALLY.deflated);
    if (this.session.config.requests.announce) this.#dialogue.start(connection);
    else this.#settle(connection);
  }

  takeEnd(connection: Connection, reason: string): void {
    const { number, progress } = connection;
    connection.progress = PROGRESS.closed;
    if (progress === PROGRESS.closing) {
      connection.life++;
      this.#lives[number] = connection.life;
      this.#ledger.count(TALLY.churned);
      if (this.#ledger.part === PART.measured) this.#open(connection);
      return;
    }
    Atomics.store(this.#exact, 0, 0);
    const isRefused = progress === PROGRESS.connecting;
    this.#ledger.count(isRefused ? TALLY.refused : TALLY.closed);
    const table = isRefused ? TABLE.refusals : TABLE.closes;
    this.#ledger.countText(table, reason);
    this.#settle(connection);
  }

  // The connection is done with the setup, one way or the other.
  #settle(connection: Connection): void {
    if (connection.isStalled && connection.progress === PROGRESS.open) connection.stopReading();
    if (this.#ledger.part !== PART.setup || connection.isSettled) return;
    connection.isSettled = true;
    this.#opening--;
    this.#settled++;
    if (!this.isSetUp) return this.#openMore();
    const bursts = new Float64Array(this.session.bursts);
    bursts[this.session.worker] = performance.now() - this.#setupBegan;
  }

  // --- what comes in ---------------------------------------------------------------------------

  takeText(connection: Connection, bytes: Buffer, start: number, end: number): void {
    this.#dialogue.takeText(connection, bytes, start, end);
  }

  takeBinary(): void {
    this.#ledger.countFault(BINARY);
  }

  takeFault(_connection: Connection, fault: FrameFault): void {
    this.#ledger.countFault(faultIndex(fault));
  }

  countOut(bytes: number): void {
    this.#ledger.add(TALLY.bytesOut, bytes);
  }
}

/** Client number `index`: 127.0.0.1 and those after it, without broadcast-like ends. */
function clientAddress(index: number): string {
  return `127.0.${Math.floor(index / 250)}.${1 + (index % 250)}`;
}
