// The messages of one turn of the event loop, in chains for several clients.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KIND, type Kind } from "../../src/ws/deliveries.ts";
import { OPCODE, RSV1 } from "../../src/ws/socket/frame.ts";
import { type Chain, NO_MESSAGE, Spool } from "../../src/ws/spool.ts";
import { frameOf, readFrames } from "./frames.ts";

const MEBI = 2 ** 20;
const MAX_MESSAGES = 2 ** 13;

const { response, answer, offer } = KIND;

const createChain = (): Chain => ({ firstMessage: NO_MESSAGE, lastMessage: NO_MESSAGE });

/** Adds a text that has something before and behind it. */
function add(spool: Spool, chain: Chain, kind: Kind, text: string, opcode: number = OPCODE.text) {
  const message = Buffer.from(`before ${text} after`);
  spool.add(chain, kind, opcode, message, 7, Buffer.byteLength(text));
}

function gather(spool: Spool, chain: Chain): Buffer {
  spool.gather(chain);
  return Buffer.from(spool.frames.subarray(spool.start, spool.end));
}

const textsOf = (spool: Spool, chain: Chain): string[] =>
  readFrames(gather(spool, chain)).map(({ payload }) => payload.toString());

test("messages of each chain are put together, in order", () => {
  const spool = new Spool();
  const [a, b, c] = [createChain(), createChain(), createChain()];
  add(spool, a, response, "a1");
  add(spool, a, offer, "a2");
  add(spool, b, offer, "b1");
  add(spool, a, answer, "a3");
  add(spool, c, answer, "c1");
  add(spool, b, answer, "b2");
  add(spool, b, answer, "b3");
  for (let round = 0; round < 2; round++) {
    expect(textsOf(spool, a)).toEqual(["a1", "a2", "a3"]);
    expect(textsOf(spool, b)).toEqual(["b1", "b2", "b3"]);
    expect(textsOf(spool, c)).toEqual(["c1"]);
  }
});

test("frames have the opcode that they were added with", () => {
  const spool = new Spool();
  const chain = createChain();
  const opcodes = [OPCODE.text, OPCODE.text | RSV1, OPCODE.ping, OPCODE.pong];
  for (const opcode of opcodes) add(spool, chain, response, `${opcode}`, opcode);
  const frames = readFrames(gather(spool, chain));
  expect(frames.map(({ opcode }) => opcode)).toEqual(opcodes);
  expect(frames.map(({ payload }) => Number(payload))).toEqual(opcodes);
});

describe("a cleared spool", () => {
  test("has only what was added since", () => {
    const spool = new Spool();
    for (let round = 0; round < 5; round++) {
      const [a, b] = [createChain(), createChain()];
      for (let i = 0; i < round + 1; i++) {
        add(spool, a, offer, `a${round} ${i}`);
        add(spool, b, offer, `b${round} ${i}`);
      }
      expect(textsOf(spool, a)).toEqual(
        Array.from({ length: round + 1 }, (_, i) => `a${round} ${i}`),
      );
      expect(textsOf(spool, b)).toEqual(
        Array.from({ length: round + 1 }, (_, i) => `b${round} ${i}`),
      );
      spool.clear();
    }
  });

  test("is not full", () => {
    const spool = new Spool();
    const text = "x".repeat(100_000);
    for (let i = 0; i * 100_000 <= MEBI; i++) {
      expect(spool.isFull).toBe(false);
      add(spool, createChain(), offer, text);
    }
    expect(spool.isFull).toBe(true);
    spool.clear();
    for (let i = 0; i <= MAX_MESSAGES; i++) {
      expect(spool.isFull).toBe(false);
      add(spool, createChain(), offer, "");
    }
    expect(spool.isFull).toBe(true);
    spool.clear();
    expect(spool.isFull).toBe(false);
  });
});

test("a full spool takes more, as one message may bring much", () => {
  const spool = new Spool();
  const chains = [createChain(), createChain()];
  const expected: string[][] = [[], []];
  for (let i = 0; i < 3 * MAX_MESSAGES; i++) {
    const text = `${i}`.padEnd(i % 1000 === 0 ? 200_000 : 20, "-");
    add(spool, chains[i % 2], offer, text);
    expected[i % 2].push(text);
  }
  expect(textsOf(spool, chains[0])).toEqual(expected[0]);
  expect(textsOf(spool, chains[1])).toEqual(expected[1]);
});

test("whatever is added, gathered and cleared, each chain has its own frames and kinds", () => {
  const length = fc.oneof(
    { weight: 8, arbitrary: fc.nat(300) },
    { weight: 1, arbitrary: fc.constantFrom(125, 126, 65_535, 65_536, 300_000) },
  );
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        chain: fc.nat(3),
        kind: fc.constantFrom<Kind>(response, answer, offer),
        length,
      }),
    },
    { weight: 2, arbitrary: fc.record({ gathered: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
  );
  const spool = new Spool();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      let chains = Array.from({ length: 4 }, createChain);
      let model: { kind: Kind; frame: Buffer }[][] = [[], [], [], []];
      let serial = 0;
      spool.clear();
      for (const todo of steps) {
        if (todo === "clear") {
          spool.clear();
          chains = Array.from({ length: 4 }, createChain);
          model = [[], [], [], []];
        } else if ("gathered" in todo) {
          const chain = chains[todo.gathered];
          const expected = model[todo.gathered];
          const kept: { kind: Kind; frame: Buffer }[] = [];
          spool.forEach(chain, (kind, bytes, start, end) => {
            kept.push({ kind, frame: Buffer.from(bytes.subarray(start, end)) });
          });
          expect(kept).toEqual(expected);
          if (expected.length === 0) continue;
          const frames = Buffer.concat(expected.map(({ frame }) => frame));
          expect(gather(spool, chain).equals(frames)).toBe(true);
        } else {
          const payload = Buffer.alloc(todo.length, String(serial++));
          spool.add(chains[todo.chain], todo.kind, OPCODE.text, payload, 0, payload.length);
          model[todo.chain].push({ kind: todo.kind, frame: frameOf(OPCODE.text, payload) });
        }
      }
    }),
    { numRuns: 200 },
  );
});
