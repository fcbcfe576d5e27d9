// The link to one Valkey server: a connection that publishes and one that subscribes, because a
// client that subscribes can do nothing else. The link connects again forever, with growing pauses
// that differ between nodes. The runtime's client gives up after some tries, loses its
// subscriptions silently, and does not notice a server that hangs; so each attempt has new clients,
// and pings find out. Nothing waits for a server: what it does not take is dropped.

import { RedisClient } from "bun";

const CONNECT_MILLISECONDS = 3000;
const PING_INTERVAL_MILLISECONDS = 1000;
const PING_MILLISECONDS = 3000;
const MIN_PAUSE_MILLISECONDS = 200;
const MAX_PAUSE_MILLISECONDS = 2000;
/** Bytes on their way to one server. More is dropped. */
const MAX_BYTES_IN_FLIGHT = 2 ** 22;

export interface LinkEvents {
  /** A text has arrived at a channel. */
  receive(channel: string, text: string): void;
  /** The link is up: from now on, messages arrive. */
  up(): void;
  /** The link is down, or the first attempt has failed. */
  down(reason: string): void;
}

export class Link {
  /** Bytes that have been published and not confirmed. */
  bytesInFlight = 0;
  #publisher: RedisClient | undefined;
  #isStopped = false;
  /** Ends the current wait. */
  #wake: () => void = () => {};

  constructor(
    private readonly url: string,
    private readonly channels: readonly string[],
    private readonly events: LinkEvents,
  ) {}

  get isUp(): boolean {
    return this.#publisher !== undefined;
  }

  /** Keeps the link up until `stop`. Never rejects. */
  async run(): Promise<void> {
    let pause = MIN_PAUSE_MILLISECONDS;
    let isReported = false;
    while (!this.#isStopped) {
      const { reason, wasUp } = await this.#serveOnce();
      if (this.#isStopped) return;
      if (wasUp) pause = MIN_PAUSE_MILLISECONDS;
      if (wasUp || !isReported) this.events.down(reason);
      isReported = true;
      await this.#wait(pause * (0.5 + Math.random()));
      pause = Math.min(MAX_PAUSE_MILLISECONDS, pause * 2);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Publishes a text. Returns false if it is dropped, because the server is away or too slow. */
  publish(channel: string, text: string): boolean {
    const client = this.#publisher;
    if (client === undefined || this.bytesInFlight > MAX_BYTES_IN_FLIGHT) return false;
    this.bytesInFlight += text.length;
    const settle = (): void => {
      // What was on its way to an earlier client no longer counts.
      if (client === this.#publisher) this.bytesInFlight -= text.length;
    };
    client.publish(channel, text).then(settle, settle);
    return true;
  }

  // Connects, and returns once the connection has ended, or could not be made.
  async #serveOnce(): Promise<{ reason: string; wasUp: boolean }> {
    const state = { problem: "" };
    const clients: RedisClient[] = [];
    try {
      for (let i = 0; i < 2; i++) clients.push(this.#createClient(state));
      await this.#finish(state, CONNECT_MILLISECONDS, "no connection in time", this.#open(clients));
      if (state.problem !== "" || this.#isStopped) return { reason: state.problem, wasUp: false };
      this.bytesInFlight = 0;
      this.#publisher = clients[0];
      this.events.up();
      await this.#watch(clients, state);
      return { reason: state.problem, wasUp: true };
    } catch (error) {
      return { reason: explain(error), wasUp: false };
    } finally {
      this.#publisher = undefined;
      for (const client of clients) client.close();
    }
  }

  #createClient(state: { problem: string }): RedisClient {
    const client = new RedisClient(this.url, {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: CONNECT_MILLISECONDS,
    });
    client.onclose = (error) => {
      state.problem ||= explain(error);
      this.#wake();
    };
    return client;
  }

  async #open([publisher, subscriber]: readonly RedisClient[]): Promise<void> {
    await Promise.all([publisher.connect(), subscriber.connect()]);
    await subscriber.subscribe([...this.channels], (text, channel) => {
      this.events.receive(channel, text);
    });
  }

  // Pings both connections until there is a problem with one.
  async #watch(clients: readonly RedisClient[], state: { problem: string }): Promise<void> {
    while (state.problem === "" && !this.#isStopped) {
      await this.#wait(PING_INTERVAL_MILLISECONDS);
      if (state.problem !== "" || this.#isStopped) return;
      const pongs = Promise.all(clients.map((client) => client.ping()));
      await this.#finish(state, PING_MILLISECONDS, "no answer to a ping", pongs);
    }
  }

  // Waits for `work`, or for a problem: that it fails, or takes too long.
  async #finish(
    state: { problem: string },
    milliseconds: number,
    lateness: string,
    work: Promise<unknown>,
  ): Promise<void> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
      this.#wake();
    };
    work.then(done, (error: unknown) => {
      state.problem ||= explain(error);
      done();
    });
    await this.#wait(milliseconds);
    if (!isDone && !this.#isStopped) state.problem ||= lateness;
  }

  async #wait(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#wake = resolve;
    if (this.#isStopped) resolve();
    await promise;
    clearTimeout(timer);
  }
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : "the connection was closed";
}
