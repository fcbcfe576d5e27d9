import { expect, spyOn, test } from "bun:test";
import { BATCH_BYTES, MAX_TEXT_LENGTH, MessageCodec } from "../../src/cluster/message.ts";

const SECRET = "a secret of some length";
const PAYLOAD = crypto.getRandomValues(new Uint8Array(1000));

test("a message survives its way, whatever its bytes", () => {
  const sender = new MessageCodec(SECRET, "name");
  const receiver = new MessageCodec(SECRET, "name");
  const text = sender.write("channel", 200, 2 ** 40 + 5, 1.8e12 + 0.25, PAYLOAD);
  expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
  const message = receiver.read("channel", text)!;
  expect(message).toMatchObject({ kind: 200, sequence: 2 ** 40 + 5, sent: 1.8e12 + 0.25 });
  expect(message.session).toBe(sender.session);
  expect(new Uint8Array(message.payload)).toEqual(PAYLOAD);
});

test("a full batch makes a text of at most 16 KiB", () => {
  const codec = new MessageCodec(SECRET, "name");
  expect(codec.write("c", 1, 0, 0, new Uint8Array(BATCH_BYTES)).length).toBeLessThanOrEqual(16384);
});

test("a node knows its own messages", () => {
  const sender = new MessageCodec(SECRET, "name");
  const text = sender.write("channel", 1, 1, 1, PAYLOAD);
  expect(sender.isOwn(text)).toBe(true);
  expect(new MessageCodec(SECRET, "name").isOwn(text)).toBe(false);
});

test("nothing that another cluster wrote is read, nor on another channel", () => {
  const text = new MessageCodec(SECRET, "name").write("channel", 1, 1, 1, PAYLOAD);
  expect(new MessageCodec(SECRET, "name").read("channel", text)).toBeDefined();
  expect(new MessageCodec(SECRET, "other").read("channel", text)).toBeUndefined();
  expect(new MessageCodec(`${SECRET}!`, "name").read("channel", text)).toBeUndefined();
  expect(new MessageCodec(SECRET, "name").read("channel2", text)).toBeUndefined();
});

test("a changed or foreign text is refused", () => {
  const codec = new MessageCodec(SECRET, "name");
  const bytes = Buffer.from(
    new MessageCodec(SECRET, "name").write("c", 1, 1, 1, PAYLOAD),
    "base64",
  );
  for (let bit = 0; bit < bytes.length * 8; bit += 7) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] ^= 1 << (bit & 7);
    expect(codec.read("c", changed.toString("base64"))).toBeUndefined();
  }
  for (let length = 0; length < bytes.length; length += 13) {
    expect(codec.read("c", bytes.toString("base64", 0, length))).toBeUndefined();
  }
  for (const text of ["", "hello", "\0\u{1f600}", "=".repeat(50)]) {
    expect(codec.read("c", text)).toBeUndefined();
  }
});

test("a text is decoded only if a node may have written it, however long a stranger's is", () => {
  const sender = new MessageCodec(SECRET, "name");
  const receiver = new MessageCodec(SECRET, "name");
  const longest = sender.write("c", 1, 1, 1, new Uint8Array(2 ** 24 + 4096));
  expect(receiver.read("c", longest)?.payload.length).toBe(2 ** 24 + 4096);
  const decode = spyOn(Buffer, "from");
  expect(receiver.read("c", "A".repeat(MAX_TEXT_LENGTH + 1))).toBeUndefined();
  expect(decode.mock.calls).toHaveLength(0);
  decode.mockRestore();
});
