// What a message says, by the runtime's own parser and plain checks of what came of it: slow and
// obvious, to compare the reader with.

/** The id in five words, a character for each byte. */
export function idIn(words: Int32Array): string {
  return Buffer.from(words.buffer).toString("latin1");
}

/** The same of an offer, whose words may be a hash: those end in zeros, which no id here does. */
export function offerIdIn(words: Int32Array): string {
  return words[3] === 0 && words[4] === 0 ? "a hash" : idIn(words);
}

/** Info hashes that a reader here takes of one scrape. */
export const MOST_HASHES = 4;

/** All that a reader of at most `mostOffers` offers can be asked; undefined for no message. */
export function expectedOf(text: string, mostOffers = 10): unknown {
  const message = parse(text);
  if (!isObject(message)) return undefined;
  const { action, answer, event, info_hash: infoHash, left, numwant, offers } = message;
  if (typeof action !== "string" || action.length > 20) return undefined;
  const described = (Array.isArray(offers) ? offers : []).filter(isDescribed);
  const { bad, well } = sortOut(described, mostOffers);
  const isLimited = typeof numwant === "number" && numwant >= 0;
  return {
    action,
    isKnown: action === "announce" || action === "scrape",
    infoHash: literalOf(infoHash),
    infoHashes: listHashes(infoHash).map((each) => ({
      literal: literalOf(each),
      id: isId(each) ? each : undefined,
    })),
    ids: [infoHash, message.peer_id, message.to_peer_id].map((id) => (isId(id) ? id : undefined)),
    answeredId: nameOf(message.offer_id),
    isSeeder: left === 0 || event === "completed",
    isStopped: event === "stopped",
    isAnswer: answer !== undefined && answer !== null,
    answerSdp:
      isObject(answer) && typeof answer.sdp === "string" ? JSON.stringify(answer.sdp) : undefined,
    offers: well.slice(0, isLimited ? Math.floor(numwant) : mostOffers).map((each) => ({
      sdp: JSON.stringify(each.offer.sdp),
      idLiteral: JSON.stringify(each.offer_id),
      id: nameOf(each.offer_id),
    })),
    hasBadOfferId: bad,
  };
}

/** The first well-formed offers, and whether one before there were enough had a bad id. */
function sortOut(described: readonly Described[], most: number) {
  const well: Described[] = [];
  let bad = false;
  for (const each of described) {
    if (well.length === most) break;
    if (nameOf(each.offer_id) === undefined) bad = true;
    else well.push(each);
  }
  return { bad, well };
}

/** What names an offer by its id: the id when it is 20 bytes, else a hash that depends on it. */
function nameOf(id: unknown): string | undefined {
  if (isId(id)) return id;
  const isString = typeof id === "string" && id.length > 0 && id.length <= 64;
  return isString ? "a hash" : undefined;
}

function listHashes(infoHash: unknown): unknown[] {
  if (infoHash === undefined) return [];
  return Array.isArray(infoHash) ? infoHash.slice(0, MOST_HASHES) : [infoHash];
}

function literalOf(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : '""';
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

interface Described {
  offer: { sdp: string };
  offer_id: unknown;
}

function isDescribed(value: unknown): value is Described {
  return isObject(value) && isObject(value.offer) && typeof value.offer.sdp === "string";
}
