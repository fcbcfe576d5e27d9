// Texts that a client might send, likely and not, to try the reader with.

import fc from "fast-check";

/** An offer's id. */
export const idOf = (n: number): string => `offer-id-${n}-123456789`;

const byte = fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code));
const id = fc.oneof(
  fc.constant(idOf(1)),
  fc.string({ unit: byte, minLength: 20, maxLength: 20 }),
  fc.string({ minLength: 18, maxLength: 22 }),
  fc.string({ unit: "binary", minLength: 60, maxLength: 66 }),
);
const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -0,
    5,
    -1,
    2.5,
    1e300,
    "",
    "null",
    [],
    {},
    [null],
    '"',
    "\\",
    '\\"',
  ),
  fc.string({ unit: "binary" }),
  fc.jsonValue({ maxDepth: 2 }),
);
const description = fc.oneof(
  fc.record({ type: fc.string(), sdp: fc.oneof(fc.string({ unit: byte }), odd) }),
  fc.record({ sdp: fc.string() }),
  odd,
);
const offer = fc.oneof(
  fc.record({ offer: description, offer_id: id }),
  fc.record({ offer_id: fc.oneof(id, odd), offer: description, sdp: odd, x: description }),
  odd,
);
const event = fc.oneof(fc.constantFrom("started", "completed", "stopped", "x"), odd);
const value: Record<string, fc.Arbitrary<unknown>> = {
  action: fc.oneof(fc.constantFrom("announce", "scrape", "x", "x".repeat(21)), odd),
  answer: description,
  event,
  info_hash: fc.oneof(id, fc.array(id), odd),
  left: fc.oneof(fc.constantFrom(0, 1, -0, 0.5, null), odd),
  numwant: fc.oneof(fc.nat(12), odd),
  offer_id: fc.oneof(id, odd),
  offers: fc.oneof(fc.array(offer, { maxLength: 12 }), offer),
  peer_id: fc.oneof(id, odd),
  sdp: odd,
  to_peer_id: fc.oneof(id, odd),
  __proto__x: odd,
  x: fc.oneof(offer, odd),
};
const member = fc
  .constantFrom(...Object.keys(value))
  .chain((key) => fc.tuple(fc.constant(key), value[key]));

/** A message before it is a text. */
interface Parts {
  /** Keys, and values as JSON. */
  members: string[][];
  /** Between any two tokens of the message's own level. */
  spaces: string;
  /** Letters, by their number among all, that are printed as escapes. */
  escapes: number[];
}

// Keys may come twice. Most have what makes a message of them.
export const anyMessage: fc.Arbitrary<Parts> = fc
  .tuple(fc.array(member, { maxLength: 12 }), fc.constantFrom('"announce"', '"scrape"', '"a"'))
  .chain(([members, action]) =>
    fc.record({
      members: fc.constant<string[][]>([
        ...members.map(([key, each]) => [key, JSON.stringify(each)]),
        ["action", action],
      ]),
      spaces: fc.constantFrom("", "", " ", "  ", "\n\t", "\r\n"),
      escapes: fc.array(fc.nat(), { maxLength: 3 }),
    }),
  );

/** Replaces some letters, wherever they stand, by escapes. */
function escape(text: string, places: number[]): string {
  const letters = text.split("").flatMap((char, at) => (/[a-z]/.test(char) ? [at] : []));
  const chosen = new Set(places.map((place) => letters[place % letters.length]));
  return Array.from(text.split(""), (char, at) =>
    chosen.has(at) ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : char,
  ).join("");
}

/** The message as a client might write it. */
export function print({ escapes, members, spaces }: Parts): string {
  const separate = (text: string): string => `${spaces}${text}${spaces}`;
  const printed = members.map(([key, each]) =>
    separate(`${JSON.stringify(key)}${separate(":")}${each}`),
  );
  return escape(`${spaces}{${printed.join(",")}}${spaces}`, escapes);
}
