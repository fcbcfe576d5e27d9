import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Client } from "../../src/ws/client.ts";
import { type Held, HeldMessages } from "../../src/ws/held-messages.ts";

const MEBI = 2 ** 20;
/** Short messages of one connection, and of all. */
const MOST_EACH = 256;
const MOST = 4096;

/** Only which is which matters, and what stands for its address. */
const createClient = (addressHash = 0): Client => ({ addressHash }) as Client;

const GREEDY = 1000;

const large = Buffer.alloc(2 * MEBI, "x");
const ofLength = (length: number): Buffer => large.subarray(0, length);
const short = ofLength(1);

function create() {
  const refused: Held[] = [];
  return { messages: new HeldMessages((held) => refused.push(held)), refused };
}

/** Fills it up, from one address. */
function fill(messages: HeldMessages): Client[] {
  return Array.from({ length: MOST / MOST_EACH }, () => {
    const client = createClient(GREEDY);
    for (let i = 0; i < MOST_EACH; i++) {
      expect(messages.add(client, Buffer.from(String(i)))).toBeDefined();
    }
    return client;
  });
}

test("one connection has so many, or so much", () => {
  const { messages, refused } = create();
  const [one, other] = [createClient(), createClient()];
  for (let i = 0; i < MOST_EACH; i++) expect(messages.add(one, short)).toBeDefined();
  expect(messages.add(one, short)).toBeUndefined();
  expect(messages.add(other, ofLength(MEBI + 1))).toBeUndefined();
  const half = messages.add(other, ofLength(MEBI / 2))!;
  expect(messages.add(other, ofLength(MEBI / 2 + 1))).toBeUndefined();
  messages.remove(half);
  expect(messages.add(other, ofLength(MEBI))).toBeDefined();
  expect(refused).toEqual([]);
});

describe("what is full", () => {
  test("has room for another address, at the cost of who has the most", () => {
    const { messages, refused } = create();
    fill(messages);
    const honest = Array.from({ length: 100 }, (_, i) => createClient(i % 10));
    for (const client of honest) expect(messages.add(client, short)).toBeDefined();
    expect(refused.map(({ client }) => client.addressHash)).toEqual(
      Array.from(honest, () => GREEDY),
    );
    // The newest ones first, of each in turn.
    expect(Math.min(...refused.map(({ message }) => Number(message)))).toBe(MOST_EACH - 7);
    expect(refused.every(({ isDropped }) => isDropped)).toBe(true);
  });

  test("has room for another connection of the same address, which has fewer", () => {
    const { messages, refused } = create();
    const [first] = fill(messages);
    expect(messages.add(first, short)).toBeUndefined();
    const late = createClient(GREEDY);
    for (let i = 0; i < 10; i++) expect(messages.add(late, short)).toBeDefined();
    expect(refused).toHaveLength(10);
    expect(new Set(refused.map(({ client }) => client)).size).toBe(10);
  });

  test("has room again for what goes", () => {
    const { messages, refused } = create();
    fill(messages);
    const late = createClient();
    const held = messages.add(late, short)!;
    messages.remove(held);
    expect(messages.add(late, short)).toBeDefined();
    expect(refused).toHaveLength(1);
  });

  test("gives way for a long message as often as it takes", () => {
    const { messages, refused } = create();
    fill(messages);
    expect(messages.add(createClient(), ofLength(MEBI / 4))).toBeDefined();
    expect(refused).toHaveLength(MEBI / 4 / 4096);
  });
});

test("nobody has to give way to who would have more", () => {
  const step = fc.record({
    client: fc.nat(39),
    length: fc.constantFrom(1, MEBI / 8, MEBI / 2, MEBI, MEBI),
    isRemoved: fc.nat(9).map((n) => n === 0),
  });
  let yielded = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 200 }), (steps) => {
      const clients = Array.from({ length: 40 }, (_, i) => createClient(i % 7));
      const groupOf = ({ client }: { client: Client }): number => client.addressHash;
      const waiting = new Set<Held>();
      const weightOf = (isCounted: (held: Held) => boolean): number =>
        [...waiting]
          .filter(isCounted)
          .reduce((sum, { message }) => sum + Math.max(message.length, 4096), 0);
      let newcomer = { client: clients[0], weight: 0 };
      const messages = new HeldMessages((held) => {
        // Of another address that has more, or of another connection of the same.
        const isOther = groupOf(held) !== groupOf(newcomer);
        const [its, own] = isOther
          ? [groupOf(held), groupOf(newcomer)].map((group) =>
              weightOf((each) => groupOf(each) === group),
            )
          : [held.client, newcomer.client].map((client) =>
              weightOf((each) => each.client === client),
            );
        expect(its).toBeGreaterThan(own + newcomer.weight);
        expect(waiting.delete(held)).toBe(true);
        yielded++;
      });
      for (const { client: n, length, isRemoved } of steps) {
        const client = clients[n];
        newcomer = { client, weight: Math.max(length, 4096) };
        const held = messages.add(client, ofLength(length));
        if (held !== undefined) waiting.add(held);
        expect(weightOf(() => true)).toBeLessThanOrEqual(16 * MEBI);
        const [oldest] = waiting;
        if (!isRemoved || oldest === undefined) continue;
        messages.remove(oldest);
        waiting.delete(oldest);
      }
    }),
    { numRuns: 50 },
  );
  expect(yielded).toBeGreaterThan(0);
});
