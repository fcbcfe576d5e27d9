// The link worker of a cluster: sends what has changed here to the other nodes, and merges what
// they send. It reads the rings of the workers many times a second, so that they never have to wake
// it. The connections to the servers, and all waiting, are in its event loop.

import { CONTROL } from "../app/control.ts";
import { Counters } from "../app/counters.ts";
import { LiveConfigReader } from "../app/live-config.ts";
import { COUNTER } from "../app/metrics.ts";
import { Pulse } from "../app/pulse.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { Cluster, type ClusterEvents } from "../cluster/cluster.ts";
import type { Node } from "../cluster/members.ts";
import { BATCH_BYTES } from "../cluster/message.ts";
import type { ClusterNews } from "../cluster/status.ts";
import { tickAge, tickOf } from "../memory/clock.ts";
import type { RingReader } from "../memory/ring.ts";
import { AccessList } from "../swarm/access-list.ts";
import { FLAG_STOPPED } from "../swarm/layout.ts";
import { Table } from "../swarm/table.ts";
import { CatchUp, KIND } from "./link/catch-up.ts";
import { ChangeEncoder } from "./link/change-codec.ts";
import { CHANGE, openChangeReader } from "./changes.ts";
import { udpSchema } from "./config.ts";
import { FineClock } from "./link/fine-clock.ts";
import { Merger } from "./link/merger.ts";
import { Origins } from "./link/origins.ts";
import { countAnswering, type LinkWorkerSetup } from "./setup.ts";

/**
 * Time between two looks at the rings: changes wait so long for others, or until a message is full.
 * To wake up costs some 100 µs, as much as several messages.
 */
const GATHER_MILLISECONDS = 50;
/**
 * The same while a ring might be full sooner, and while peers are sent to a node that has asked.
 */
const BUSY_MILLISECONDS = 10;
/** Changes of one look from which on a ring might be: a third of what fits. */
const MANY_CHANGES = 4000;
/** Changes of one worker that are read before anything else gets its turn. */
const MAX_AT_ONCE = 1 << 14;

serveWorker<LinkWorkerSetup, void>(async (setup, tell) => {
  const worker = new LinkWorker(setup, tell);
  return { ready: undefined, serve: () => worker.serve() };
});

class LinkWorker implements ClusterEvents {
  readonly #control: Int32Array;
  readonly #clock: FineClock;
  readonly #counters: Counters;
  readonly #rings: readonly RingReader[];
  readonly #encoder = new ChangeEncoder(BATCH_BYTES);
  readonly #merger: Merger;
  readonly #origins: Origins;
  readonly #catchUp: CatchUp;
  readonly #cluster: Cluster;
  readonly #refresh: (now: number) => void;
  #sentAt = 0;

  constructor(setup: LinkWorkerSetup, tell: (news: ClusterNews) => void) {
    const { config, worker } = setup;
    const counters = new Counters(setup.counters, worker);
    const tables = { 4: new Table(setup.tables[4]), 16: new Table(setup.tables[16]) };
    const { max_peer_age } = config.cleaning;
    this.#control = new Int32Array(setup.control);
    this.#clock = new FineClock(this.#control);
    this.#counters = counters;
    this.#rings = Array.from({ length: countAnswering(config) }, (_, index) => {
      return openChangeReader(setup.changes, index);
    });
    this.#origins = new Origins(max_peer_age);
    this.#merger = new Merger({
      tables,
      access: new AccessList(setup.accessList),
      counters,
      maxPeerAge: max_peer_age,
      origins: this.#origins,
    });
    const countPeers = ({ index }: Node): number => this.#origins.count(index, this.#now);
    this.#cluster = new Cluster(
      { tracker: "udp", cluster: config.cluster, tell, countPeers },
      this,
    );
    this.#catchUp = new CatchUp(this.#cluster, {
      tables,
      mergePart: (family, part, age) => {
        return this.#merger.mergePart(family, part, age, this.#clock.read());
      },
      caughtUp(node, isEverything) {
        if (!isEverything) return;
        const message = `cluster: has the swarms of node ${node.name}`;
        tell({ event: "log", level: "info", message });
      },
    });
    const live = new LiveConfigReader(udpSchema, config, setup, ({ cleaning, limits }) => {
      this.#merger.configure(cleaning.max_peer_age);
      this.#origins.configure(cleaning.max_peer_age);
      for (const table of [tables[4], tables[16]]) table.limitAddresses(limits.max_peers_per_ip);
    });
    const pulse = new Pulse(counters);
    this.#refresh = (now) => {
      live.refresh();
      pulse.beat(now);
    };
  }

  async serve(): Promise<void> {
    const control = this.#control;
    const isStopped = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
    // Before that, this process may be root.
    while (Atomics.load(control, CONTROL.serving) === 0) {
      if (isStopped()) return;
      await Bun.sleep(BUSY_MILLISECONDS);
    }
    this.#cluster.start();
    while (!isStopped()) {
      this.#refresh(this.#now);
      this.#clock.read();
      const isBusy = this.#takeChanges() >= MANY_CHANGES;
      const isDue = performance.now() - this.#sentAt >= GATHER_MILLISECONDS;
      if (isDue || !isBusy) this.#sendChanges();
      this.#catchUp.work(performance.now(), this.#now);
      const isHurried = isBusy || this.#catchUp.isStreaming;
      await Bun.sleep(isHurried ? BUSY_MILLISECONDS : GATHER_MILLISECONDS);
    }
    this.#takeChanges();
    this.#sendChanges();
    await this.#cluster.stop();
  }

  receive(from: Node, kind: number, payload: Buffer, age: number): boolean {
    if (kind === KIND.changes) {
      return this.#merger.mergeChanges(payload, age, this.#clock.read(), from.index);
    }
    return this.#catchUp.receive(from, kind, payload, age, performance.now());
  }

  join(node: Node, silence: number): void {
    if (silence === Infinity) this.#merger.forget(node.index);
    this.#catchUp.join(node, performance.now());
  }

  lose(node: Node): void {
    this.#catchUp.lose(node, performance.now());
  }

  miss(node: Node): void {
    this.#catchUp.miss(node, performance.now());
  }

  get #now(): number {
    return this.#clock.second;
  }

  // Reads the rings, and sends what fills a message. Returns how much was in the fullest.
  #takeChanges(): number {
    return Math.max(...this.#rings.map((ring) => this.#takeFrom(ring)));
  }

  #takeFrom(ring: RingReader): number {
    const { words } = ring;
    const now = this.#now;
    const tick = tickOf(now);
    let count = 0;
    for (let change = ring.peek(); change >= 0 && count < MAX_AT_ONCE; change = ring.peek()) {
      if (!this.#encoder.add(words, change, tick)) {
        this.#sendChanges();
        continue;
      }
      const state = words[change + CHANGE.state];
      if ((state & FLAG_STOPPED) !== 0) {
        this.#merger.noteStop(ring, change, tickAge(state >>> 16, tick), now);
      }
      ring.advance();
      count++;
    }
    if (count > 0) {
      ring.release();
      this.#counters.add(COUNTER.changesSent, count);
    }
    return count;
  }

  #sendChanges(): void {
    if (this.#encoder.isEmpty) return;
    this.#sentAt = performance.now();
    this.#cluster.publish(KIND.changes, this.#encoder.take());
  }
}
