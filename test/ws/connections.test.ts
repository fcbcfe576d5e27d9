import { describe, expect, test } from "bun:test";
import {
  allocateConnections,
  Connections,
  MAX_SLOTS,
  nameConnection,
  OwnConnections,
  slotOf,
  workerOf,
} from "../../src/ws/connections.ts";

const address = (last: number, first = 0): Int32Array => new Int32Array([first, 0, -1, last]);

function create(workers: number, most: number) {
  const memory = allocateConnections(workers, most);
  const all = new Connections(memory);
  return { all, own: memory.map((buffer) => new OwnConnections(buffer)) };
}

describe("names", () => {
  test.each([
    [0, 0],
    [0, MAX_SLOTS - 1],
    [1, 0],
    [63, 15_999_999],
    [127, 5],
    [128, 0],
    [255, MAX_SLOTS - 1],
  ])("worker %i, slot %i", (worker, slot) => {
    const name = nameConnection(worker, slot);
    expect(workerOf(name)).toBe(worker);
    expect(slotOf(name)).toBe(slot);
    // The table keeps names in words.
    expect(new Int32Array([name])[0]).toBe(name);
  });
});

describe("a connection", () => {
  test("is open from its opening to its closing, in its generation", () => {
    const { all, own } = create(1, 4);
    const slot = own[0].open(address(1));
    const name = nameConnection(0, slot);
    expect(own[0].generation(slot)).toBe(0);
    expect(all.isOpen(name, 0)).toBe(true);
    expect(all.takesOffers(name, 0)).toBe(true);
    expect(all.isOpen(name, 1)).toBe(false);
    expect(all.takesOffers(name, 1)).toBe(false);
    own[0].close(slot);
    expect(all.isOpen(name, 0)).toBe(false);
    expect(all.isOpen(name, 1)).toBe(false);
    expect(all.takesOffers(name, 1)).toBe(false);
    expect(own[0].generation(slot)).toBe(1);
  });

  test("that was never opened is not open", () => {
    const { all } = create(2, 3);
    expect(all.isOpen(nameConnection(1, 2), 0)).toBe(false);
    expect(all.takesOffers(nameConnection(1, 2), 0)).toBe(false);
  });

  test("can be full, and is open all the same", () => {
    const { all, own } = create(1, 2);
    const slots = [own[0].open(address(1)), own[0].open(address(1))];
    const names = slots.map((slot) => nameConnection(0, slot));
    own[0].setFull(slots[0], true);
    own[0].setFull(slots[0], true);
    expect(names.map((name) => all.takesOffers(name, 0))).toEqual([false, true]);
    expect(names.map((name) => all.isOpen(name, 0))).toEqual([true, true]);
    expect(all.isOpen(names[0], 1)).toBe(false);
    expect(own[0].generation(slots[0])).toBe(0);
    own[0].setFull(slots[0], false);
    expect(all.takesOffers(names[0], 0)).toBe(true);
    // Who is full when it closes leaves nothing to the next.
    own[0].setFull(slots[0], true);
    own[0].close(slots[0]);
    expect(own[0].open(address(1))).toBe(slots[0]);
    expect(all.takesOffers(names[0], 1)).toBe(true);
  });

  test("of another worker stands by itself", () => {
    const { all, own } = create(3, 2);
    const slot = own[1].open(address(1));
    expect([0, 1, 2].map((worker) => all.isOpen(nameConnection(worker, slot), 0))).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("of the last of 64 workers is known by its name", () => {
    const { all, own } = create(64, 2);
    own[63].open(address(1));
    const slot = own[63].open(address(2));
    expect(all.isOpen(nameConnection(63, slot), 0)).toBe(true);
    expect(all.isOpen(nameConnection(62, slot), 0)).toBe(false);
  });
});

describe("slots", () => {
  test("are all different until there are no more, and used again", () => {
    const { own } = create(1, 5);
    const slots = Array.from({ length: 5 }, () => {
      expect(own[0].hasRoom).toBe(true);
      return own[0].open(address(1));
    });
    expect(slots).toEqual([0, 1, 2, 3, 4]);
    expect(own[0].hasRoom).toBe(false);
    own[0].close(3);
    own[0].close(1);
    expect(own[0].hasRoom).toBe(true);
    expect(new Set([own[0].open(address(1)), own[0].open(address(1))])).toEqual(new Set([1, 3]));
    expect(own[0].hasRoom).toBe(false);
  });

  test("have 65,536 generations, and then the first again", () => {
    const { all, own } = create(1, 1);
    for (let generation = 0; generation < 65_536; generation++) {
      const slot = own[0].open(address(1));
      if (own[0].generation(slot) !== generation) throw new Error(`not ${generation}`);
      if (!all.takesOffers(nameConnection(0, slot), generation)) throw new Error("not open");
      own[0].close(slot);
    }
    expect(own[0].generation(0)).toBe(0);
    own[0].open(address(1));
    expect(all.isOpen(nameConnection(0, 0), 0)).toBe(true);
    expect(all.isOpen(nameConnection(0, 0), 65_535)).toBe(false);
  });
});

test("a slot has the address of its connection, and the next one's when it is used again", () => {
  const { own } = create(1, 3);
  const addresses = [address(1), address(2, 7)];
  const slots = addresses.map((each) => own[0].open(each));
  expect(slots.map((slot) => own[0].address(slot))).toEqual(addresses);
  own[0].close(slots[0]);
  expect(own[0].open(address(3))).toBe(slots[0]);
  expect(slots.map((slot) => own[0].address(slot))).toEqual([address(3), addresses[1]]);
});
