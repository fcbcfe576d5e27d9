// The messages that WebTorrent clients are sent, as JSON texts. Ids and SDPs are JSON literals, as
// they came: what is in them has been looked at, and need not be written again.

/** The response to an announce; `interval` in seconds. */
export function writeAnnounceResponse(
  infoHash: string,
  complete: number,
  incomplete: number,
  interval: number,
): string {
  return (
    `{"action":"announce","info_hash":${infoHash},` +
    `"complete":${complete},"incomplete":${incomplete},"interval":${interval}}`
  );
}

/** An offer, for one other peer. `head` is what `writeOfferHead` gave. */
export function writeOffer(head: string, sdp: string, offerId: string): string {
  return `${head}${sdp}},"offer_id":${offerId}}`;
}

/** What all offers of one announce of `peerId` begin with. */
export function writeOfferHead(infoHash: string, peerId: string): string {
  return (
    `{"action":"announce","info_hash":${infoHash},` +
    `"peer_id":${peerId},"offer":{"type":"offer","sdp":`
  );
}

/** The answer of `peerId` to an offer. */
export function writeAnswer(
  infoHash: string,
  peerId: string,
  sdp: string,
  offerId: string,
): string {
  return (
    `{"action":"announce","info_hash":${infoHash},"peer_id":${peerId},` +
    `"answer":{"type":"answer","sdp":${sdp}},"offer_id":${offerId}}`
  );
}

/** The counts of one torrent in the response to a scrape. Downloads are not counted. */
export function writeScrapeEntry(infoHash: string, complete: number, incomplete: number): string {
  return `${infoHash}:{"complete":${complete},"incomplete":${incomplete},"downloaded":0}`;
}

/** The response to a scrape. */
export function writeScrapeResponse(entries: readonly string[]): string {
  return `{"action":"scrape","files":{${entries.join(",")}}}`;
}

/**
 * An error; the reason is no literal but a text. Clients drop their connection, with all its
 * torrents, for one without action, and ignore one without their info hash: so whatever string came
 * as info hash goes back, and an empty one where there is none.
 */
export function writeError(action: string, infoHash: string, reason: string): string {
  return `{"action":${action},"info_hash":${infoHash},"failure reason":${JSON.stringify(reason)}}`;
}
