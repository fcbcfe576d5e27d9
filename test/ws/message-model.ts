// What a message says, by the runtime's own parser and plain checks of what came of it: slow and
// obvious, to compare the reader with.

/** The id in five words, a character for each byte. */
export function idIn(words: Int32Array): string {
  return Buffer.from(words.buffer).toString("latin1");
}

/** All that a reader of at most `mostOffers` offers can be asked; undefined for no message. */
export function expectedOf(text: string, mostOffers = 10): unknown {
  const message = parse(text);
  if (!isObject(message)) return undefined;
  const { action, answer, event, info_hash: infoHash, left, numwant, offers } = message;
  if (typeof action !== "string" || action.length > 20) return undefined;
  const well = (Array.isArray(offers) ? offers : []).filter(isWellFormed).slice(0, mostOffers);
  const isLimited = typeof numwant === "number" && numwant >= 0;
  return {
    action,
    isKnown: action === "announce" || action === "scrape",
    infoHash: {
      value: infoHash,
      literal: typeof infoHash === "string" ? JSON.stringify(infoHash) : '""',
    },
    ids: [infoHash, message.peer_id, message.to_peer_id, message.offer_id].map((id) =>
      isId(id) ? id : undefined,
    ),
    isSeeder: left === 0 || event === "completed",
    isStopped: event === "stopped",
    isAnswer: answer !== undefined && answer !== null,
    answerSdp:
      isObject(answer) && typeof answer.sdp === "string" ? JSON.stringify(answer.sdp) : undefined,
    offers: well.slice(0, isLimited ? Math.floor(numwant) : mostOffers).map((each) => ({
      sdp: JSON.stringify(each.offer.sdp),
      idLiteral: JSON.stringify(each.offer_id),
      id: each.offer_id,
    })),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[\0-\xff]{20}$/.test(value);
}

function isWellFormed(value: unknown): value is { offer: { sdp: string }; offer_id: string } {
  if (!isObject(value) || !isObject(value.offer)) return false;
  return typeof value.offer.sdp === "string" && isId(value.offer_id);
}
