// How the nodes of a cluster learn what they have missed, on the link thread. A node asks one other
// for its peers, all of them or those that have announced themselves since some time, and that one
// streams parts of a snapshot (swarm/snapshot.ts), at a limited rate. A node asks
//
// - one other node, the one here for longest, when it meets the others: for everything the first
//   time, and later for what came while it was alone;
// - a node that returns, for what announced itself there meanwhile, unless it was alone itself;
// - a node of which messages have been lost, for the time since then.
//
// A node that was alone also sends all others what announced itself there meanwhile, or since it
// started. Stops are not sent again: those peers expire.

import { FIRST_KIND } from "../../cluster/cluster.ts";
import { MEMORY_MILLISECONDS, type Node } from "../../cluster/members.ts";
import { BATCH_BYTES } from "../../cluster/message.ts";
import { tickOf } from "../../memory/clock.ts";
import { SnapshotEncoder, snapshotStepWords } from "../../swarm/snapshot.ts";
import type { Table } from "../../swarm/table.ts";
import type { ByFamily } from "../address-family.ts";

/** The kinds of messages between UDP trackers. */
export const KIND = {
  /** Changes, see change-codec.ts. */
  changes: FIRST_KIND,
  /**
   * How many seconds ago the peers announced themselves that the sender wants, or EVERYTHING: u32.
   */
  ask: FIRST_KIND + 1,
  /**
   * A part of what the receiver has asked for: bytes of its address, whether it is the last, words.
   */
  part: FIRST_KIND + 2,
  /** A part of what the sender knows from before it met the others. */
  share: FIRST_KIND + 3,
} as const;

const EVERYTHING = 0xffffffff;
const ASK_BYTES = 4;
const PART_HEAD_BYTES = 4;

/** Added to each time since when a node wants to know: what was on its way then. */
const MARGIN_MILLISECONDS = 10_000;
/** Time for the next part, before another node is asked … */
const PATIENCE_MILLISECONDS = 5000;
/** … and for the first one. */
const FIRST_PATIENCE_MILLISECONDS = 2000;
/** Time until all nodes are asked again, if none has answered. */
const RETRY_MILLISECONDS = 2000;
/** Time between two questions to a node because of lost messages. */
const PAUSE_MILLISECONDS = 10_000;
/** A node takes nothing from one that it does not know yet, which takes a heartbeat. */
const GREETING_MILLISECONDS = 200;
const SHARE_MILLISECONDS = 1500;
const MAX_TRIES = 3;

/** Bytes of parts that are sent in a second … */
const BYTES_PER_SECOND = 4 * 2 ** 20;
/** … and without a pause. */
const MAX_BURST_BYTES = 80 * 2 ** 10;
/** Milliseconds for parts in one turn of the event loop. */
const MAX_TURN_MILLISECONDS = 2;
/** Steps of the walk for one part, each of them some 10 µs, or 200 µs from cold memory. */
const MAX_STEPS = 8;
/** A stream that finds nothing still sends a part after this time. */
const MAX_SILENCE_MILLISECONDS = 1000;

/** The part of a Cluster that is used here. */
export interface Channels {
  /** The nodes that are here, the one known longest first. */
  readonly nodes: readonly Node[];
  /** Whether a stream may send more now. */
  readonly hasRoom: boolean;
  publish(kind: number, payload: Uint8Array): void;
  send(node: Node, kind: number, payload: Uint8Array): void;
}

export interface CatchUpSettings {
  readonly tables: ByFamily<Table>;
  /** Merges a part whose ages were right `age` seconds ago. Returns false if it is not valid. */
  mergePart(family: 4 | 16, part: Int32Array, age: number): boolean;
  /** A node has sent all that this one wanted to know. */
  caughtUp?(node: Node, isEverything: boolean): void;
}

/** What this node wants to know, and from which node: undefined for any. */
interface Question {
  readonly node: Node | undefined;
  /** Since when; -Infinity for everything. All times are in milliseconds. */
  readonly from: number;
  readonly notBefore: number;
  readonly tries: number;
}

/** A question that one node has been asked. */
interface Asked {
  readonly question: Question;
  readonly node: Node;
  /** Until when the next part must come. */
  deadline: number;
  /** Whether messages of the node have been lost since. */
  isTorn: boolean;
}

export class CatchUp {
  /** By the session of the node; "" for any. */
  readonly #questions = new Map<string, Question>();
  /** Nodes that did not answer the question to any node. */
  readonly #tried = new Set<string>();
  #asked: Asked | undefined;
  /** By the session of the node, when it was asked. */
  readonly #askedAt = new Map<string, number>();
  /** By the session of the node that has asked; "" for all. */
  readonly #streams = new Map<string, PartStream>();
  /**
   * When this node sends the others what announced itself while it was alone, and since when that
   * was.
   */
  #shareAt = Infinity;
  #shareFrom = Infinity;
  /** By the session of a node that is lost, since when. */
  readonly #lostSince = new Map<string, number>();
  #aloneSince = -Infinity;
  #allowedBytes = 0;
  #lastTurn = 0;

  constructor(
    private readonly channels: Channels,
    private readonly settings: CatchUpSettings,
  ) {}

  /** Whether parts are on their way from here. */
  get isStreaming(): boolean {
    return this.#streams.size > 0;
  }

  /** A node is here, for the first time or again. */
  join(node: Node, now: number): void {
    const notBefore = now + GREETING_MILLISECONDS;
    const lostSince = this.#lostSince.get(node.session);
    this.#lostSince.delete(node.session);
    const wasAlone = this.channels.nodes.length <= 1;
    if (wasAlone) {
      this.#tried.clear();
      this.#ask({ node: undefined, from: this.#aloneSince, notBefore, tries: 0 });
      this.#shareAt = now + SHARE_MILLISECONDS;
      this.#shareFrom = Math.min(this.#shareFrom, this.#aloneSince);
    } else if (lostSince !== undefined) {
      this.#ask({ node, from: lostSince, notBefore, tries: 0 });
    }
  }

  /** A node is gone, which was silent for some seconds before. */
  lose(node: Node, now: number): void {
    this.#streams.delete(node.session);
    this.#questions.delete(node.session);
    this.#askedAt.delete(node.session);
    if (this.#asked?.node.session === node.session) this.#giveUp(this.#asked, now);
    const since = now - MARGIN_MILLISECONDS;
    if (this.channels.nodes.length === 0) this.#aloneSince = since;
    for (const [session, time] of this.#lostSince) {
      if (now - time > MEMORY_MILLISECONDS + MARGIN_MILLISECONDS) this.#lostSince.delete(session);
    }
    this.#lostSince.set(node.session, since);
  }

  /** Messages of a node have been lost. */
  miss(node: Node, now: number): void {
    // What is lost may be the parts that it is sending, or changes after them.
    if (this.#asked?.node.session === node.session) this.#asked.isTorn = true;
    const askedAt = this.#askedAt.get(node.session) ?? -Infinity;
    const notBefore = Math.max(now, askedAt + PAUSE_MILLISECONDS);
    this.#ask({ node, from: now - MARGIN_MILLISECONDS, notBefore, tries: 0 });
  }

  /** Takes a message of one of these kinds. Returns false if it is not valid. */
  receive(from: Node, kind: number, payload: Buffer, age: number, now: number): boolean {
    if (kind === KIND.ask) return this.#takeQuestion(from, payload, now);
    if (kind === KIND.part || kind === KIND.share)
      return this.#takePart(from, kind, payload, age, now);
    return false;
  }

  /**
   * Asks and sends what is due at `now`. `second` is that of the clock. Called many times a second.
   */
  work(now: number, second: number): void {
    if (this.#asked !== undefined && now > this.#asked.deadline) this.#giveUp(this.#asked, now);
    if (this.#asked === undefined && this.#questions.size > 0) this.#askNext(now);
    if (now >= this.#shareAt) {
      // Without peers that were restored at the start and have not announced themselves since.
      const maxAge = Math.min(second, Math.ceil((now - this.#shareFrom) / 1000));
      this.#streams.set("", new PartStream(this.settings.tables, undefined, maxAge, now));
      this.#shareAt = Infinity;
      this.#shareFrom = Infinity;
    }
    this.#sendParts(now, second);
  }

  #ask(question: Question): void {
    const key = question.node?.session ?? "";
    const known = this.#questions.get(key);
    const from = Math.min(question.from, known?.from ?? Infinity);
    this.#questions.set(key, { ...question, from });
  }

  #askNext(now: number): void {
    for (const [key, question] of this.#questions) {
      if (now < question.notBefore) continue;
      this.#questions.delete(key);
      const node = question.node ?? this.#chooseNode();
      if (node === undefined) {
        // All have been asked; or there is none, and the next one to join will be.
        this.#tried.clear();
        this.#ask({ ...question, notBefore: now + RETRY_MILLISECONDS });
        continue;
      }
      const since = Math.ceil((now - question.from) / 1000);
      const payload = Buffer.alloc(ASK_BYTES);
      payload.writeUInt32LE(Math.min(EVERYTHING, since));
      this.channels.send(node, KIND.ask, payload);
      this.#askedAt.set(node.session, now);
      const deadline = now + FIRST_PATIENCE_MILLISECONDS;
      this.#asked = { question, node, deadline, isTorn: false };
      return;
    }
  }

  #chooseNode(): Node | undefined {
    return this.channels.nodes.find(({ session }) => !this.#tried.has(session));
  }

  // The node is gone, does not answer, or its answer is not complete.
  #giveUp({ isTorn, node, question }: Asked, now: number): void {
    this.#asked = undefined;
    // Any node will do, as long as there is one that answers.
    const isAny = question.node === undefined;
    const tries = question.tries + (isAny && !isTorn ? 0 : 1);
    if (isAny) this.#tried.add(node.session);
    else if (tries >= MAX_TRIES || !this.channels.nodes.some(isSame(node))) return;
    this.#ask({ ...question, notBefore: now, tries });
  }

  #takeQuestion(from: Node, payload: Buffer, now: number): boolean {
    if (payload.length !== ASK_BYTES) return false;
    const since = payload.readUInt32LE();
    const maxAge = since === EVERYTHING ? Infinity : since;
    this.#streams.set(from.session, new PartStream(this.settings.tables, from, maxAge, now));
    return true;
  }

  #takePart(from: Node, kind: number, payload: Buffer, age: number, now: number): boolean {
    const [family, isLast] = payload;
    const bytes = payload.length - PART_HEAD_BYTES;
    if (bytes < 0 || bytes % 4 !== 0 || (family !== 4 && family !== 16) || isLast > 1) return false;
    const part = new Int32Array(bytes / 4);
    new Uint8Array(part.buffer).set(payload.subarray(PART_HEAD_BYTES));
    if (!this.settings.mergePart(family, part, age)) return false;
    const asked = this.#asked;
    if (kind !== KIND.part || asked === undefined || !isSame(from)(asked.node)) return true;
    asked.deadline = now + PATIENCE_MILLISECONDS;
    if (isLast === 0) return true;
    if (asked.isTorn && asked.question.tries + 1 < MAX_TRIES) {
      this.#giveUp(asked, now);
    } else {
      this.#asked = undefined;
      this.#tried.clear();
      this.settings.caughtUp?.(from, asked.question.from === -Infinity);
    }
    return true;
  }

  #sendParts(now: number, second: number): void {
    const elapsed = now - this.#lastTurn;
    this.#lastTurn = now;
    const allowed = this.#allowedBytes + (elapsed * BYTES_PER_SECOND) / 1000;
    this.#allowedBytes = Math.min(MAX_BURST_BYTES, allowed);
    const end = performance.now() + MAX_TURN_MILLISECONDS;
    while (this.#streams.size > 0 && this.#allowedBytes > 0 && this.channels.hasRoom) {
      // The streams take turns.
      const [key, stream] = this.#streams.entries().next().value!;
      this.#streams.delete(key);
      const part = stream.next(now, second);
      if (!stream.isOver) this.#streams.set(key, stream);
      if (part !== undefined) {
        this.#allowedBytes -= part.length;
        if (stream.node === undefined) this.channels.publish(KIND.share, part);
        else this.channels.send(stream.node, KIND.part, part);
      }
      if (performance.now() > end) return;
    }
  }
}

function isSame({ session }: Node): (node: Node) => boolean {
  return (node) => node.session === session;
}

/** The peers of both tables, part by part. */
class PartStream {
  isOver = false;
  #family: 4 | 16 = 4;
  #encoder: SnapshotEncoder;

  constructor(
    private readonly tables: ByFamily<Table>,
    /** The receiver; undefined for all nodes. */
    readonly node: Node | undefined,
    /** Peers that have not announced themselves for more seconds are left out. */
    private readonly maxAge: number,
    private sentAt: number,
  ) {
    this.#encoder = this.#open(4);
  }

  /**
   * Returns the payload of the next part, with ages as of `second`, or undefined if there is
   * nothing to send yet. `now` is in milliseconds.
   */
  next(now: number, second: number): Uint8Array | undefined {
    const family = this.#family;
    const encoder = this.#encoder;
    encoder.tick = tickOf(second);
    const isEnd = encoder.next(MAX_STEPS);
    if (isEnd && family === 4) {
      this.#family = 16;
      this.#encoder = this.#open(16);
    } else if (isEnd) {
      this.isOver = true;
    }
    const isDue = this.isOver || now - this.sentAt > MAX_SILENCE_MILLISECONDS;
    if (encoder.length === 0 && !isDue) return undefined;
    this.sentAt = now;
    const words = new Uint8Array(encoder.words.buffer, 0, encoder.length * 4);
    const payload = new Uint8Array(PART_HEAD_BYTES + words.length);
    payload[0] = family;
    payload[1] = Number(this.isOver);
    payload.set(words, PART_HEAD_BYTES);
    return payload;
  }

  #open(family: 4 | 16): SnapshotEncoder {
    const table = this.tables[family];
    const maxWords = Math.floor((BATCH_BYTES - PART_HEAD_BYTES) / 4);
    const partWords = maxWords - snapshotStepWords(table.blocks.stride);
    return new SnapshotEncoder(table, 0, { partWords, maxAge: this.maxAge });
  }
}
