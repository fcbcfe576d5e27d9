import { expect, test } from "bun:test";
import {
  MAX_NODES,
  MAX_SILENCE_MILLISECONDS,
  Members,
  MEMORY_MILLISECONDS,
} from "../../src/cluster/members.ts";

function create() {
  const events: string[] = [];
  const members = new Members({
    join: ({ name }, silence) => events.push(`join ${name} ${silence}`),
    lose: ({ name }, reason) => events.push(`lose ${name} ${reason}`),
  });
  return { events, members };
}

test("a node is here from its first heartbeat until it is silent", () => {
  const { events, members } = create();
  const member = members.reach("s1", 0)!;
  expect(members.here).toEqual([]);
  members.hear(member, "one", 0);
  members.hear(member, "one", 10);
  expect(events).toEqual(["join one Infinity"]);
  members.tick(MAX_SILENCE_MILLISECONDS);
  expect(members.here).toEqual([member]);
  members.tick(MAX_SILENCE_MILLISECONDS + 1);
  expect(members.here).toEqual([]);
  // A message of another kind comes first.
  member.heardAt = 8999;
  members.hear(member, "one", 9000);
  expect(events).toEqual(["join one Infinity", "lose one silent", "join one 9"]);
});

test("a goodbye ends it at once", () => {
  const { events, members } = create();
  const member = members.reach("s1", 0)!;
  members.leave(member);
  members.hear(member, "one", 0);
  members.leave(member);
  members.leave(member);
  expect(events).toEqual(["join one Infinity", "lose one goodbye"]);
});

test("time in which nothing could be heard is not silence", () => {
  const { events, members } = create();
  members.hear(members.reach("s1", 0)!, "one", 0);
  members.excuse(20_000);
  members.tick(20_000 + MAX_SILENCE_MILLISECONDS);
  expect(events).toEqual(["join one Infinity"]);
});

test("lost nodes are forgotten, and their numbers used again", () => {
  const { members } = create();
  const first = Array.from({ length: MAX_NODES }, (_, i) => members.reach(`s${i}`, 0)!);
  expect(first.map(({ index }) => index)).toEqual(first.map((_, i) => i));
  expect(members.reach("one more", 0)).toBeUndefined();
  first[7].heardAt = 1000;
  members.tick(MEMORY_MILLISECONDS + 1);
  expect(members.reach("s7", 1000)).toBe(first[7]);
  expect(members.reach("one more", 0)?.index).toBe(0);
  expect(members.reach("s6", 0)).not.toBe(first[6]);
});

test("lag is independent of the difference between clocks", () => {
  const { members } = create();
  for (const skew of [-60_000, 0, 60_000]) {
    const member = members.reach(`s${skew}`, 0)!;
    expect(member.measureLag(1_000_000 + skew + 5, 1_000_000)).toBe(0);
    expect(member.measureLag(1_000_100 + skew + 25, 1_000_100)).toBe(20);
    expect(member.measureLag(1_000_200 + skew + 2, 1_000_200)).toBe(0);
    expect(member.measureLag(1_000_300 + skew + 12, 1_000_300)).toBe(10);
    // The clock there is set back by a second: for a while, all seems late.
    member.measureLag(1_070_000 + skew + 1002, 1_070_000);
    member.measureLag(1_140_000 + skew + 1002, 1_140_000);
    expect(member.measureLag(1_140_100 + skew + 1007, 1_140_100)).toBe(5);
  }
});
