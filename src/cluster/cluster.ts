// A cluster as one of its nodes takes part in it: publishes messages to all nodes or to one,
// receives theirs, and knows which nodes are here. Used by the link thread of a tracker. Nothing
// here waits, and nothing that comes from a server throws.

import { type ClusterConfig, describeServer } from "./config.ts";
import { Link } from "./link.ts";
import { type Member, Members, type Node } from "./members.ts";
import { MessageCodec, type Message } from "./message.ts";
import { Sequence } from "./sequence.ts";
import {
  type ClusterNews,
  type ClusterStatus,
  createCounts,
  observeLag,
  type Rejection,
} from "./status.ts";

/** Kinds of messages. The trackers' own are from FIRST_KIND on. */
const KIND = { heartbeat: 0, goodbye: 1 } as const;
export const FIRST_KIND = 16;

const HEARTBEAT_MILLISECONDS = 1000;
const TICK_MILLISECONDS = 100;

/** How far a sender's clock may be ahead or, with its messages' way, behind: replays end here. */
const MAX_AHEAD_MILLISECONDS = 90_000;
const MAX_BEHIND_MILLISECONDS = 120_000;

/** Bytes on their way up to which a stream goes on. */
const STREAM_BYTES_IN_FLIGHT = 2 ** 18;

export interface ClusterSettings {
  readonly tracker: "udp" | "ws";
  readonly cluster: ClusterConfig;
  /** Told what happens, and the status every second. */
  readonly tell: (news: ClusterNews) => void;
  /** Peers that announce at a node, as far as the tracker knows. */
  readonly countPeers?: (node: Node) => number;
}

export interface ClusterEvents {
  /**
   * A message of a node that is here, after those that it sent before to the same channel, with at
   * most a short wait for them. `age` is how many seconds ago it was sent. Returns false if its
   * content is not valid.
   */
  receive(from: Node, kind: number, payload: Buffer, age: number): boolean;
  /**
   * A node is here: for the first time (`silence` is Infinity), or again after so many seconds in
   * which it was not heard.
   */
  join(node: Node, silence: number): void;
  /** A node is gone. */
  lose(node: Node): void;
  /** Messages of a node have been lost. */
  miss(node: Node): void;
}

export class Cluster {
  readonly counts = createCounts();
  /** The name of this node. */
  readonly node: string;
  readonly #codec: MessageCodec;
  readonly #links: readonly Link[];
  readonly #servers: readonly string[];
  readonly #members: Members;
  readonly #common: string;
  readonly #own: string;
  /** By channel, the number of the next message. */
  readonly #sequences = new Map<string, number>();
  readonly #timers: Timer[] = [];
  #lastTick = 0;

  constructor(
    private readonly settings: ClusterSettings,
    private readonly events: ClusterEvents,
  ) {
    const { cluster, tracker } = settings;
    const { name, secret, servers } = cluster;
    this.#codec = new MessageCodec(secret, name);
    this.node = cluster.node === "" ? this.#codec.session.slice(0, 8) : cluster.node;
    const prefix = `aquatic:${name}:${tracker}:`;
    this.#common = `${prefix}all`;
    this.#own = prefix + this.#codec.session;
    this.#servers = servers.map(describeServer);
    this.#members = new Members({
      join: this.#join,
      lose: (member, reason) => {
        this.#log("warn", `node ${member.name} is lost (${reason})`);
        events.lose(member);
      },
    });
    this.#links = servers.map((url, index) => {
      const server = this.#servers[index];
      return new Link(url, [this.#common, this.#own], {
        receive: (channel, text) => this.#receive(channel, text),
        up: () => {
          this.#log("info", `connected to ${server}`);
          this.#beat();
        },
        down: (reason) => {
          const hint = "check the address, TLS, the user and the password";
          this.#log("warn", `no connection to ${server} (${reason}); ${hint}; trying again`);
        },
      });
    });
  }

  /** Takes part from now on. */
  start(): void {
    for (const link of this.#links) void link.run();
    this.#timers.push(
      setInterval(() => this.#beat(), HEARTBEAT_MILLISECONDS),
      setInterval(() => this.#tick(), TICK_MILLISECONDS),
    );
  }

  /** Says goodbye, and ends the links once that is sent, or after a moment. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#publish(this.#common, KIND.goodbye, new Uint8Array(0));
    const until = performance.now() + TICK_MILLISECONDS;
    while (this.#links.some(({ bytesInFlight, isUp }) => isUp && bytesInFlight > 0)) {
      if (performance.now() > until) break;
      await Bun.sleep(1);
    }
    for (const link of this.#links) link.stop();
  }

  /** The nodes that are here, the one known longest first. */
  get nodes(): readonly Node[] {
    return this.#members.here;
  }

  /** Whether any server can be reached. */
  get isUp(): boolean {
    return this.#links.some(({ isUp }) => isUp);
  }

  /** Whether a stream may send more now. */
  get hasRoom(): boolean {
    return this.#links.some((link) => link.isUp && link.bytesInFlight < STREAM_BYTES_IN_FLIGHT);
  }

  /** Sends a payload, of BATCH_BYTES if possible, to all nodes. */
  publish(kind: number, payload: Uint8Array): void {
    this.#publish(this.#common, kind, payload);
  }

  /** Sends a payload to one node. */
  send(node: Node, kind: number, payload: Uint8Array): void {
    const prefix = this.#own.slice(0, -this.#codec.session.length);
    this.#publish(prefix + node.session, kind, payload);
  }

  get status(): ClusterStatus {
    const { countPeers } = this.settings;
    return {
      node: this.node,
      servers: this.#links.map(({ isUp }, index) => ({ server: this.#servers[index], isUp })),
      nodes: this.#members.here.map((node) => {
        const { name, session } = node;
        return { name, session, ...(countPeers && { peers: countPeers(node) }) };
      }),
      counts: this.counts,
    };
  }

  #publish(channel: string, kind: number, payload: Uint8Array): void {
    const { counts } = this;
    const sequence = this.#sequences.get(channel) ?? 0;
    this.#sequences.set(channel, sequence + 1);
    const text = this.#codec.write(channel, kind, sequence, Date.now(), payload);
    counts.batchesOut++;
    for (const link of this.#links) {
      if (link.publish(channel, text)) counts.bytesOut += text.length;
      else counts.unsent++;
    }
  }

  #receive(channel: string, text: string): void {
    if (this.#codec.isOwn(text)) return;
    const { counts } = this;
    counts.batchesIn++;
    counts.bytesIn += text.length;
    const message = this.#codec.read(channel, text);
    if (message === undefined) return this.#reject("signature");
    const way = Date.now() - message.sent;
    if (way < -MAX_AHEAD_MILLISECONDS || way > MAX_BEHIND_MILLISECONDS) return this.#reject("time");
    const now = performance.now();
    const member = this.#members.reach(message.session, now);
    if (member === undefined) return this.#reject("nodes");
    this.#sequenceOf(member, channel).add(message, now);
  }

  #sequenceOf(member: Member, channel: string): Sequence {
    const known = member.sequences.get(channel);
    if (known !== undefined) return known;
    const sequence = new Sequence(this.counts, {
      take: (message) => this.#take(member, message),
      miss: () => member.isHere && this.events.miss(member),
    });
    member.sequences.set(channel, sequence);
    return sequence;
  }

  // Takes a message of a node in its order.
  #take(member: Member, { kind, payload, sent }: Message): void {
    const now = performance.now();
    if (kind === KIND.heartbeat) this.#members.hear(member, payload.toString(), now);
    else if (kind === KIND.goodbye) this.#members.leave(member);
    member.heardAt = now;
    const lag = member.measureLag(Date.now(), sent) / 1000;
    // A node is asked for what it sent before its first heartbeat.
    if (kind >= FIRST_KIND && member.isHere && !this.events.receive(member, kind, payload, lag)) {
      this.#reject("content");
    }
    observeLag(this.counts, member.measureLag(Date.now(), sent) / 1000);
  }

  #reject(reason: Rejection): void {
    this.counts.rejected[reason]++;
  }

  readonly #join = (member: Member, silence: number): void => {
    const back = Number.isFinite(silence) ? `is back after ${silence.toFixed(1)} s` : "has joined";
    this.#log("info", `node ${member.name} ${back}`);
    const twin = this.#members.here.find(({ name, session }) => {
      return name === member.name && session !== member.session;
    });
    if (twin !== undefined || member.name === this.node) {
      this.#log("warn", `another node is named ${member.name}, unless it has restarted`);
    }
    this.events.join(member, silence);
    // So that it learns of this node at once, too.
    this.#beat();
  };

  #beat(): void {
    this.#publish(this.#common, KIND.heartbeat, Buffer.from(this.node));
    this.settings.tell({ event: "status", status: this.status });
  }

  #tick(): void {
    const now = performance.now();
    // If this thread, or the system, has slept, the others were not silent.
    const slept = now - this.#lastTick - TICK_MILLISECONDS;
    if (this.#lastTick !== 0 && slept > HEARTBEAT_MILLISECONDS) this.#members.excuse(slept);
    this.#lastTick = now;
    this.#members.tick(now);
  }

  #log(level: "info" | "warn", message: string): void {
    this.settings.tell({ event: "log", level, message: `cluster: ${message}` });
  }
}
