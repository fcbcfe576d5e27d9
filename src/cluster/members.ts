// The other nodes of a cluster: which of them are here, and what they sent last. A node is here
// from its first heartbeat until it says goodbye, or has been silent for some seconds. All methods
// take the time in milliseconds.

import type { Sequence } from "./sequence.ts";

/** Milliseconds of silence after which a node is lost. */
export const MAX_SILENCE_MILLISECONDS = 4500;
/**
 * Milliseconds for which a lost node is remembered. No message is accepted that is older than this.
 */
export const MEMORY_MILLISECONDS = 300_000;
/** Maximum number of nodes, the lost ones included. */
export const MAX_NODES = 255;

/** Milliseconds after which a node's clock is compared anew. */
const OFFSET_PERIOD_MILLISECONDS = 60_000;

/** Another node. */
export interface Node {
  /** Hexadecimal digits, different for each start of a node. */
  readonly session: string;
  readonly name: string;
  /** From 0 to 254, different from those of the other nodes that are here. */
  readonly index: number;
}

/** A node as this one remembers it. */
export class Member implements Node {
  name: string;
  isHere = false;
  /** When something of it last arrived. */
  heardAt: number;
  /** -1 before it was here for the first time. */
  joinedAt = -1;
  /** When it was last heard before it was lost. */
  missedSince = 0;
  /** By channel. */
  readonly sequences = new Map<string, Sequence>();
  /** Clock here less clock there, and the time of the fastest message: the least seen of late. */
  #offset = Infinity;
  #nextOffset = Infinity;
  #offsetSince = -Infinity;

  constructor(
    readonly session: string,
    readonly index: number,
    now: number,
  ) {
    this.name = session;
    this.heardAt = now;
  }

  /**
   * Milliseconds that a message took beyond the fastest of late, whatever the clocks of both nodes
   * show. `arrived` and `sent` are Unix times in milliseconds.
   */
  measureLag(arrived: number, sent: number): number {
    const offset = arrived - sent;
    if (arrived - this.#offsetSince > OFFSET_PERIOD_MILLISECONDS || arrived < this.#offsetSince) {
      this.#offset = this.#nextOffset;
      this.#nextOffset = offset;
      this.#offsetSince = arrived;
    }
    this.#nextOffset = Math.min(this.#nextOffset, offset);
    this.#offset = Math.min(this.#offset, this.#nextOffset);
    return offset - this.#offset;
  }
}

export interface MemberEvents {
  /** A node is here, after so many seconds without it; Infinity for the first time. */
  join(node: Member, silence: number): void;
  lose(node: Member, reason: "silent" | "goodbye"): void;
}

export class Members {
  readonly #members = new Map<string, Member>();

  constructor(private readonly events: MemberEvents) {}

  /** The nodes that are here, the ones known longest first. */
  get here(): readonly Member[] {
    const here = [...this.#members.values()].filter(({ isHere }) => isHere);
    return here.sort((a, b) => a.joinedAt - b.joinedAt);
  }

  /** The node of a session, remembered from now on; undefined if there are too many. */
  reach(session: string, now: number): Member | undefined {
    const known = this.#members.get(session);
    if (known !== undefined || this.#members.size >= MAX_NODES) return known;
    const used = new Set([...this.#members.values()].map(({ index }) => index));
    let index = 0;
    while (used.has(index)) index++;
    const member = new Member(session, index, now);
    this.#members.set(session, member);
    return member;
  }

  /** Takes a heartbeat of a node. */
  hear(member: Member, name: string, now: number): void {
    member.name = name;
    if (member.isHere) return;
    member.isHere = true;
    const silence = member.joinedAt < 0 ? Infinity : (now - member.missedSince) / 1000;
    member.joinedAt = now;
    this.events.join(member, silence);
  }

  /** Takes the goodbye of a node. */
  leave(member: Member): void {
    if (member.isHere) this.#lose(member, "goodbye");
  }

  /** Notices nodes that have been silent for too long, and gives up messages that do not come. */
  tick(now: number): void {
    for (const member of this.#members.values()) {
      for (const sequence of member.sequences.values()) sequence.expire(now);
      const silence = now - member.heardAt;
      if (silence > MEMORY_MILLISECONDS) this.#members.delete(member.session);
      if (silence <= MAX_SILENCE_MILLISECONDS || !member.isHere) continue;
      this.#lose(member, "silent");
    }
  }

  /** Does not count so many milliseconds, in which this node could not listen, as silence. */
  excuse(milliseconds: number): void {
    for (const member of this.#members.values()) member.heardAt += milliseconds;
  }

  #lose(member: Member, reason: "silent" | "goodbye"): void {
    member.isHere = false;
    // Later messages of it may come before a heartbeat.
    member.missedSince = member.heardAt;
    this.events.lose(member, reason);
  }
}
