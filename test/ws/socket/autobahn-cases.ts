// The cases of the Autobahn test suite for servers (sections 1-7, 9, 12 and 13) as a table, under
// their names there. What differs from the original:
// - The original waits a second where a case says nothing; here the next bytes follow when the
//   previous ones have been written, in a packet of their own.
// - Messages of 9.3 to 9.6, and the fragments of 9.3 and 9.4, have a sixteenth of their length. There
//   are fewer messages in 9.7, 9.8, 12 and 13. The payloads of 12 are made here.
// - The type of a message, text or bytes, is not compared: the tracker sends texts only.

import { OPCODE } from "../../../src/ws/socket/frame.ts";
import {
  clientFrame,
  closePayload,
  COMPRESSED,
  deflate,
  type FrameShape,
} from "./client-frames.ts";

export interface AutobahnCase {
  readonly name: string;
  /** What the client sends, each in a packet of its own. */
  readonly chunks: readonly Buffer[];
  /** What has to come back: messages, and pongs as `["pong", payload]`. */
  readonly expected: readonly (Buffer | readonly ["pong", Buffer])[];
  /** The code with which the server closes; several if the standard leaves it open. Without any, the
   * client closes with 1000 once all has come. */
  readonly codes?: readonly number[];
  /** Whether the standard does not say what has to happen: the connection must end. */
  readonly isInformational?: boolean;
  /** The client's Sec-WebSocket-Extensions. */
  readonly offer?: string;
  /** The window that the server has to use then. */
  readonly windowBits?: number;
}

const { binary, close, continuation, ping, pong, text } = OPCODE;

const PROTOCOL_ERROR = [1002];
const INVALID_TEXT = [1007];
const NORMAL = [1000];
const part = { isLast: false };
const HELLO = "Hello, world!";

export const AUTOBAHN_CASES: readonly AutobahnCase[] = [
  ...framing(),
  ...pings(),
  ...reservedBits(),
  ...opcodes(),
  ...fragmentation(),
  ...utf8(),
  ...utf8Sequences(),
  ...closing(),
  ...closeCodes(),
  ...sizes(),
  ...manyMessages(),
  ...compression(),
];

function valid(name: string, chunks: Buffer[], ...expected: AutobahnCase["expected"]) {
  return { name, chunks, expected };
}

function invalid(name: string, chunks: Buffer[], ...expected: AutobahnCase["expected"]) {
  return { name, chunks, expected, codes: PROTOCOL_ERROR };
}

/** Cuts bytes into chunks. */
function chop(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Frames as one chunk, as one chunk for each, and as one for each byte. */
function ways(...frames: Buffer[]): [Buffer[], Buffer[], Buffer[]] {
  const bytes = Buffer.concat(frames);
  return [[bytes], frames, chop(bytes, 1)];
}

/** A message in fragments. */
function fragments(opcode: number, message: Buffer, size: number, shape: FrameShape = {}): Buffer {
  const parts = message.length === 0 ? [message] : chop(message, size);
  const frames = parts.map((payload, i) => {
    const isLast = i === parts.length - 1;
    if (i > 0) return clientFrame(continuation, payload, { isLast });
    return clientFrame(opcode, payload, { ...shape, isLast });
  });
  return Buffer.concat(frames);
}

function framing(): AutobahnCase[] {
  return [text, binary].flatMap((opcode) => {
    const lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
    return lengths.map((length, i) => {
      const message = Buffer.alloc(length, opcode === text ? "*" : "\xfe", "latin1");
      const frame = clientFrame(opcode, message);
      return valid(`1.${opcode}.${i + 1}`, i === 7 ? chop(frame, 997) : [frame], message);
    });
  });
}

function pings(): AutobahnCase[] {
  const bytes = Buffer.from("00fffefdfcfb00ff", "hex");
  const most = Buffer.alloc(125, 0xfe);
  const ten = Array.from({ length: 10 }, (_, i) => Buffer.from(`payload-${i}`));
  const tenPings = ten.map((payload) => clientFrame(ping, payload));
  const tenPongs = ten.map((payload) => ["pong", payload] as const);
  const unasked = clientFrame(pong, "unsolicited pong payload");
  return [
    valid("2.1", [clientFrame(ping)], ["pong", Buffer.alloc(0)]),
    valid("2.2", [clientFrame(ping, HELLO)], ["pong", Buffer.from(HELLO)]),
    valid("2.3", [clientFrame(ping, bytes)], ["pong", bytes]),
    valid("2.4", [clientFrame(ping, most)], ["pong", most]),
    invalid("2.5", [clientFrame(ping, Buffer.alloc(126, 0xfe))]),
    valid("2.6", chop(clientFrame(ping, most), 1), ["pong", most]),
    valid("2.7", [clientFrame(pong)]),
    valid("2.8", [unasked]),
    valid(
      "2.9",
      [unasked, clientFrame(ping, "ping payload")],
      ["pong", Buffer.from("ping payload")],
    ),
    valid("2.10", [Buffer.concat(tenPings)], ...tenPongs),
    valid("2.11", chop(Buffer.concat(tenPings), 1), ...tenPongs),
  ];
}

function reservedBits(): AutobahnCase[] {
  const first = clientFrame(text, HELLO);
  const [once, each, bytewise] = [2, 3, 4].map((reserved) =>
    ways(first, clientFrame(text, HELLO, { reserved }), clientFrame(ping)),
  );
  const echo = Buffer.from(HELLO);
  return [
    invalid("3.1", [clientFrame(text, HELLO, { reserved: 1 })]),
    invalid("3.2", once[0], echo),
    invalid("3.3", each[1], echo),
    invalid("3.4", bytewise[2], echo),
    invalid("3.5", [clientFrame(binary, Buffer.of(0, 255, 254), { reserved: 5 })]),
    invalid("3.6", [clientFrame(ping, HELLO, { reserved: 6 })]),
    invalid("3.7", [clientFrame(close, "", { reserved: 7 })]),
  ];
}

function opcodes(): AutobahnCase[] {
  const echo = Buffer.from(HELLO);
  return [3, 11].flatMap((first, i) => {
    const section = `4.${i + 1}`;
    const sent = [2, 3, 4].map((more) =>
      ways(
        clientFrame(text, HELLO),
        clientFrame(first + more, more === 2 ? "" : HELLO),
        clientFrame(ping),
      ),
    );
    return [
      invalid(`${section}.1`, [clientFrame(first)]),
      invalid(`${section}.2`, [clientFrame(first + 1, "reserved opcode payload")]),
      invalid(`${section}.3`, sent[0][0], echo),
      invalid(`${section}.4`, sent[1][0], echo),
      invalid(`${section}.5`, sent[2][2], echo),
    ];
  });
}

function fragmentation(): AutobahnCase[] {
  const [one, two] = [clientFrame(text, "fragment1", part), clientFrame(continuation, "fragment2")];
  const both = Buffer.from("fragment1fragment2");
  const pinged = ways(one, clientFrame(ping, "ping payload"), two);
  const pongs = ["pong", Buffer.from("ping payload")] as const;
  const orphan = (isLast: boolean) =>
    ways(
      clientFrame(continuation, "non-continuation payload", { isLast }),
      clientFrame(text, HELLO),
    );
  const repeated = (isLast: boolean) =>
    [0, 1].flatMap(() => [
      clientFrame(continuation, "fragment1", { isLast }),
      clientFrame(text, "fragment2", part),
      clientFrame(continuation, "fragment3"),
    ]);
  const five = [
    one,
    clientFrame(continuation, "fragment2", part),
    clientFrame(ping, "pongme 1!"),
    clientFrame(continuation, "fragment3", part),
    clientFrame(continuation, "fragment4", part),
    clientFrame(ping, "pongme 2!"),
    clientFrame(continuation, "fragment5"),
  ];
  const fiveBack = [
    ["pong", Buffer.from("pongme 1!")],
    ["pong", Buffer.from("pongme 2!")],
    Buffer.from("fragment1fragment2fragment3fragment4fragment5"),
  ] as const;
  return [
    invalid("5.1", [clientFrame(ping, "fragment1", part), two]),
    invalid("5.2", [clientFrame(pong, "fragment1", part), two]),
    ...ways(one, two).map((chunks, i) => valid(`5.${i + 3}`, chunks, both)),
    ...pinged.map((chunks, i) => valid(`5.${i + 6}`, chunks, pongs, both)),
    ...orphan(true).map((chunks, i) => invalid(`5.${i + 9}`, chunks)),
    ...orphan(false).map((chunks, i) => invalid(`5.${i + 12}`, chunks)),
    invalid(
      "5.15",
      [
        Buffer.concat([
          one,
          two,
          clientFrame(continuation, "fragment3", part),
          clientFrame(text, "fragment4"),
        ]),
      ],
      both,
    ),
    invalid("5.16", [Buffer.concat(repeated(false))]),
    invalid("5.17", [Buffer.concat(repeated(true))]),
    invalid("5.18", [Buffer.concat([one, clientFrame(text, "fragment2")])]),
    valid("5.19", [Buffer.concat(five.slice(0, 3)), Buffer.concat(five.slice(3))], ...fiveBack),
    valid("5.20", five, ...fiveBack),
  ];
}

function utf8(): AutobahnCase[] {
  const hello = Buffer.from("Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!");
  const greek = Buffer.from("\u03ba\u1f79\u03c3\u03bc\u03b5");
  const [first, second] = [hello.subarray(0, 14), hello.subarray(14)];
  const edited = Buffer.from("edited");
  const surrogate = Buffer.concat([greek, Buffer.from("eda080", "hex"), edited]);
  const outOfRange = Buffer.concat([greek, Buffer.from("f4908080", "hex"), edited]);
  const cutFrame = (...ends: number[]): Buffer[] => {
    const frame = clientFrame(text, outOfRange);
    const head = frame.length - outOfRange.length;
    const [a, b] = ends;
    return [
      frame.subarray(0, head + a),
      frame.subarray(head + a, head + b),
      frame.subarray(head + b),
    ];
  };
  const three = (a: number, b: number): Buffer[] => [
    clientFrame(text, outOfRange.subarray(0, a), part),
    clientFrame(continuation, outOfRange.subarray(a, b), part),
    clientFrame(continuation, outOfRange.subarray(b)),
  ];
  const bad = (name: string, chunks: Buffer[]): AutobahnCase => ({
    ...invalid(name, chunks),
    codes: INVALID_TEXT,
  });
  const middle = "middle frame payload";
  const inThree = (payload: string): Buffer[] => [
    clientFrame(text, "", part),
    clientFrame(continuation, payload, part),
    clientFrame(continuation, ""),
  ];
  return [
    valid("6.1.1", [clientFrame(text)], Buffer.alloc(0)),
    valid("6.1.2", inThree(""), Buffer.alloc(0)),
    valid("6.1.3", inThree(middle), Buffer.from(middle)),
    valid("6.2.1", [clientFrame(text, hello)], hello),
    valid("6.2.2", [clientFrame(text, first, part), clientFrame(continuation, second)], hello),
    valid("6.2.3", [fragments(text, hello, 1)], hello),
    valid("6.2.4", [fragments(text, greek, 1)], greek),
    bad("6.3.1", [clientFrame(text, surrogate)]),
    bad("6.3.2", [fragments(text, surrogate, 1)]),
    // The original calls it strict to fail as soon as the text is invalid, before it has come as a
    // whole. The tracker looks at whole messages, which it calls not strict.
    bad("6.4.1", three(11, 15)),
    bad("6.4.2", three(12, 13)),
    bad("6.4.3", cutFrame(11, 15)),
    bad("6.4.4", cutFrame(12, 13)),
  ];
}

/** The sequences of Markus Kuhn's UTF-8 decoder stress test, as the original orders them. */
function utf8Sequences(): AutobahnCase[] {
  const greek = "cebae1bdb9cf83cebcceb5";
  const hello = (hex: string): string => `68656c6c6f${hex}776f726c64`;
  const bytes = (first: number, end: number, between = ""): string => {
    let hex = "";
    for (let byte = first; byte < end; byte++) hex += byte.toString(16) + between;
    return hex;
  };
  const incomplete = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf";
  const planes = "f09f f0af f0bf f18f f19f f1af f1bf f28f f29f f2af f2bf f38f f39f f3af f3bf f48f";
  // What is valid after the first character that is: prefixes that end between characters.
  const prefixes = Array.from({ length: 11 }, (_, i) => greek.slice(0, 2 * i + 2));
  const whole = new Set([2, 5, 7, 9, 11]);
  const groups: [isValid: boolean | ((index: number) => boolean), sequences: string][] = [
    [true, [hello("24"), hello("c2a2"), hello("e282ac"), hello("f0a4ada2"), greek].join(" ")],
    [(index) => whole.has(index + 1), prefixes.join(" ")],
    [true, "00 c280 e0a080 f0908080"],
    [false, "f888808080 fc8480808080"],
    [true, "7f dfbf efbfbf f48fbfbf"],
    [false, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"],
    [(index) => index < 4, "ed9fbf ee8080 efbfbd f48fbfbf f4908080"],
    [false, `80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf ${bytes(0x80, 0xbf)}`],
    [
      false,
      [
        bytes(0xc0, 0xdf, "20"),
        bytes(0xe0, 0xef, "20"),
        bytes(0xf0, 0xf7, "20"),
        bytes(0xf8, 0xfb, "20"),
        bytes(0xfc, 0xfd, "20"),
      ].join(" "),
    ],
    [false, incomplete],
    [false, incomplete.replaceAll(" ", "")],
    [false, "fe ff fefeffff"],
    [false, "c0af e080af f08080af f8808080af fc80808080af"],
    [false, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"],
    [false, "c080 e08080 f0808080 f880808080 fc8080808080"],
    [false, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"],
    [
      false,
      "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf " +
        "edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf",
    ],
    [true, `efbfbe efbfbf ${planes.replaceAll(/\w+/g, "$&bfbe $&bfbf")}`],
    [true, "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf"],
  ];
  return groups.flatMap(([isValid, sequences], group) =>
    sequences.split(" ").map((hex, i) => {
      const message = Buffer.from(hex, "hex");
      const name = `6.${group + 5}.${i + 1}`;
      const frames = [clientFrame(text, message)];
      if (typeof isValid === "boolean" ? isValid : isValid(i)) return valid(name, frames, message);
      return { ...invalid(name, frames), codes: INVALID_TEXT };
    }),
  );
}

function closing(): AutobahnCase[] {
  const normal = clientFrame(close, closePayload(1000));
  const closed = (name: string, frames: Buffer[], ...expected: Buffer[]): AutobahnCase => ({
    name,
    chunks: [Buffer.concat(frames)],
    expected,
    codes: NORMAL,
  });
  const reason = (length: number): Buffer =>
    clientFrame(close, closePayload(1000, "*".repeat(length)));
  const invalidReason = closePayload(1000, Buffer.from("cebae1bdb9eda080656469746564", "hex"));
  return [
    closed("7.1.1", [clientFrame(text, HELLO), normal], Buffer.from(HELLO)),
    closed("7.1.2", [normal, clientFrame(close)]),
    closed("7.1.3", [normal, clientFrame(ping)]),
    closed("7.1.4", [normal, clientFrame(text, HELLO)]),
    closed("7.1.5", [
      clientFrame(text, "fragment1", part),
      normal,
      clientFrame(continuation, "fragment2"),
    ]),
    {
      ...closed("7.1.6", [
        clientFrame(text, Buffer.alloc(2 ** 18, "BAsd7&jh23")),
        clientFrame(text, HELLO),
        normal,
        clientFrame(ping),
      ]),
      isInformational: true,
    },
    closed("7.3.1", [clientFrame(close)]),
    invalid("7.3.2", [clientFrame(close, "a")]),
    closed("7.3.3", [normal]),
    closed("7.3.4", [reason(12)]),
    closed("7.3.5", [reason(123)]),
    invalid("7.3.6", [reason(124)]),
    { ...invalid("7.5.1", [clientFrame(close, invalidReason)]), codes: [1002, 1007] },
  ];
}

function closeCodes(): AutobahnCase[] {
  const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
  const frame = (code: number, reason = ""): Buffer[] => [
    clientFrame(close, closePayload(code, reason)),
  ];
  return [
    ...allowed.map((code, i) => ({
      ...invalid(`7.7.${i + 1}`, frame(code)),
      codes: [1000, code],
    })),
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].map((code, i) =>
      invalid(`7.9.${i + 1}`, frame(code)),
    ),
    ...[5000, 65_535].map((code, i) => ({
      ...invalid(`7.13.${i + 1}`, frame(code)),
      isInformational: true,
    })),
  ];
}

function sizes(): AutobahnCase[] {
  const KIB = 2 ** 10;
  const lengths = [64, 256, 1024, 4096, 8192, 16_384].map((kib) => kib * KIB);
  const fragmentSizes = [1 / 16, 1 / 4, 1, 4, 16, 64, 256, 1024, 4096].map((kib) => kib * KIB);
  const chopSizes = [64, 128, 256, 512, 1024, 2048];
  return [text, binary].flatMap((opcode, i) => {
    const message = (length: number): Buffer =>
      opcode === text
        ? Buffer.alloc(length, "BAsd7&jh23")
        : Buffer.alloc(length, Buffer.from("00fe23faf0", "hex"));
    const fragmented = message((4096 * KIB) / 16);
    const chopped = message((1024 * KIB) / 16);
    return [
      ...lengths.map((length, j) =>
        valid(`9.${i + 1}.${j + 1}`, [clientFrame(opcode, message(length))], message(length)),
      ),
      ...fragmentSizes.map((size, j) =>
        valid(
          `9.${i + 3}.${j + 1}`,
          [fragments(opcode, fragmented, Math.max(32, size / 16))],
          fragmented,
        ),
      ),
      ...chopSizes.map((size, j) =>
        valid(`9.${i + 5}.${j + 1}`, chop(clientFrame(opcode, chopped), size), chopped),
      ),
    ];
  });
}

function manyMessages(): AutobahnCase[] {
  const COUNT = 100;
  return [text, binary].flatMap((opcode, i) =>
    [0, 16, 64, 256, 1024, 4096].map((length, j) => {
      const message = Buffer.alloc(length, opcode === text ? 0x2a : 0xfe);
      const chunks = Array.from({ length: COUNT }, () => clientFrame(opcode, message));
      return valid(`9.${i + 7}.${j + 1}`, chunks, ...Array<Buffer>(COUNT).fill(message));
    }),
  );
}

function compression(): AutobahnCase[] {
  const COUNT = 2;
  const offer = "permessage-deflate";
  const takeover = "; server_no_context_takeover";
  const window = (bits: number): string => `; server_max_window_bits=${bits}`;
  const data = [
    [text, makeText('{"key":12.5,"list":[true,null,"\u00fc"]},\r\n')],
    // As little of a bitmap or of a PDF can be compressed.
    [binary, makeNoise(0xff)],
    [binary, makeText("Habe nun, ach! Philosophie, Juristerei und Medizin ")],
    [text, makeText('<p class="a">text <a href="/\u20ac">link</a></p>\n')],
    [binary, makeNoise(0x1f)],
  ] as const;
  const offers = [
    [offer, 15],
    [`${offer}${takeover}`, 15],
    [`${offer}${window(9)}`, 9],
    [`${offer}${window(15)}`, 15],
    [`${offer}${takeover}${window(9)}`, 9],
    [`${offer}${takeover}${window(15)}`, 15],
    [`${offer}${takeover}${window(9)}, ${offer}${takeover}, ${offer}`, 9],
  ] as const;
  const lengths = [
    ...[16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072].map((length) => [
      length,
      0,
    ]),
    ...[8192, 16_384, 32_768, 65_536, 131_072].map((length) => [length, 256]),
    ...[1024, 4096, 32_768].map((size) => [131_072, size]),
  ];
  const of = (section: string, opcode: number, bytes: Buffer) =>
    lengths.map(([length, fragmentSize], i) => {
      const messages = Array.from({ length: COUNT }, (_, j) => cutText(bytes, j * 1000, length));
      const chunks = messages.map((message) =>
        fragments(opcode, deflate(message), fragmentSize || 2 ** 20, { reserved: COMPRESSED }),
      );
      return valid(`${section}.${i + 1}`, chunks, ...messages);
    });
  return [
    ...data.flatMap(([opcode, bytes], i) =>
      of(`12.${i + 1}`, opcode, bytes).map((each) => ({ ...each, offer, windowBits: 15 })),
    ),
    ...offers.flatMap(([offer, windowBits], i) =>
      of(`13.${i + 1}`, text, data[0][1]).map((each) => ({ ...each, offer, windowBits })),
    ),
  ];
}

function makeText(line: string): Buffer {
  let all = "";
  for (let i = 0; all.length < 2 ** 18; i++) all += `${i ** 2 % 9973} ${line}`;
  return Buffer.from(all);
}

function makeNoise(mask: number): Buffer {
  let state = 1;
  return Buffer.from(
    Uint8Array.from({ length: 2 ** 18 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 24) & mask;
    }),
  );
}

/** About `length` bytes, cut where a character begins. */
function cutText(bytes: Buffer, start: number, length: number): Buffer {
  const isWithin = (offset: number): boolean => (bytes[offset] & 0xc0) === 0x80;
  let [from, to] = [start, start + length];
  while (isWithin(from)) from++;
  while (isWithin(to)) to++;
  return bytes.subarray(from, to);
}
