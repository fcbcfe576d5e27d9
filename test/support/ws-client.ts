// A WebTorrent client, as far as its tracker sees one: a WebSocket, and JSON objects through it.

/** Whatever a tracker sends. */
export type Json = Record<string, unknown>;

export interface WsClient extends AsyncDisposable {
  readonly socket: WebSocket;
  /** Everything received and not yet taken, in order. */
  readonly inbox: Json[];
  /** Sends an object as JSON, or a text or bytes as they are. */
  send(message: object | string | Uint8Array<ArrayBuffer>): void;
  /** Takes the oldest message that `isWanted`, waiting for it. */
  take(isWanted?: (message: Json) => boolean): Promise<Json>;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<{ code: number; reason: string }>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 15_000;

export interface WsClientOptions {
  tls?: { rejectUnauthorized: boolean };
  headers?: Record<string, string>;
}

/** Connects; rejects when that fails. */
export async function connectWs(url: string, options: WsClientOptions = {}): Promise<WsClient> {
  const socket = new WebSocket(url, options as unknown as string[]);
  const inbox: Json[] = [];
  const waiting = new Set<() => void>();
  const { promise: closed, resolve: end } = Promise.withResolvers<{
    code: number;
    reason: string;
  }>();
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") throw new Error("a tracker sends text frames");
    inbox.push(JSON.parse(data) as Json);
    for (const check of waiting) check();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    end({ code, reason });
    for (const check of waiting) check();
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("no connection")), { once: true });
    closed.then(({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`)), reject);
  });

  const take: WsClient["take"] = (isWanted = () => true) =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        waiting.delete(check);
        act();
      };
      const check = (): void => {
        const index = inbox.findIndex(isWanted);
        if (index >= 0) settle(() => resolve(inbox.splice(index, 1)[0]));
        else if (socket.readyState === WebSocket.CLOSED) {
          settle(() => reject(new Error(`closed; received ${JSON.stringify(inbox)}`)));
        }
      };
      const timer = setTimeout(
        () => settle(() => reject(new Error(`no such message in ${JSON.stringify(inbox)}`))),
        TIMEOUT_MS,
      );
      waiting.add(check);
      check();
    });

  const close = async (): Promise<void> => {
    socket.close();
    await closed;
  };
  return {
    socket,
    inbox,
    closed,
    take,
    close,
    send(message) {
      const isRaw = typeof message === "string" || message instanceof Uint8Array;
      socket.send(isRaw ? message : JSON.stringify(message));
    },
    [Symbol.asyncDispose]: close,
  };
}

/** An id of 20 characters that begins with `name`. */
export function id(name: string): string {
  return name.padEnd(20, "\u00ff");
}

/** An announce of `peer` in the swarm of `torrent`. */
export function announce(torrent: string, peer: string, more: Json = {}): Json {
  return {
    action: "announce",
    info_hash: id(torrent),
    peer_id: id(peer),
    left: 1,
    numwant: 50,
    uploaded: 0,
    downloaded: 0,
    ...more,
  };
}

/** Offers with these ids, each with an SDP of its own. */
export function offers(...names: string[]): { offers: Json[] } {
  return {
    offers: names.map((name) => ({
      offer: { type: "offer", sdp: `v=0\r\no=- ${name} \u00e9\u2028"\\` },
      offer_id: id(name),
    })),
  };
}

/** The answer of `peer` to the relayed `offer`. */
export function answer(torrent: string, peer: string, offer: Json, more: Json = {}): Json {
  return {
    action: "announce",
    info_hash: id(torrent),
    peer_id: id(peer),
    to_peer_id: offer.peer_id,
    offer_id: offer.offer_id,
    answer: { type: "answer", sdp: `answer of ${peer}` },
    ...more,
  };
}

/**
 * Announces, and gives the response, or the error; offers that came meanwhile stay in the inbox.
 */
export async function say(client: WsClient, message: Json): Promise<Json> {
  client.send(message);
  return client.take((response) => "complete" in response || "failure reason" in response);
}

/** Announces until the response is as wanted: for what takes the tracker a moment. */
export async function sayUntil(client: WsClient, message: Json, wanted: Json): Promise<void> {
  while (!Bun.deepMatch(wanted, await say(client, message))) await Bun.sleep(20);
}

export const isResponse = (message: Json): boolean => "complete" in message;
export const isOffer = (message: Json): boolean => "offer" in message;
export const isAnswer = (message: Json): boolean => "answer" in message;

let lastTorrent = 0;

/** A name for a swarm that no other test has. */
export function newTorrent(): string {
  return `torrent${lastTorrent++}`;
}

/** Connections that are spread over the workers: some of many are on each. */
export async function connectMany(url: string, count: number): Promise<WsClient[]> {
  return Promise.all(Array.from({ length: count }, () => connectWs(url)));
}
