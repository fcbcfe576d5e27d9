// What a socket worker tells the other nodes of a cluster about its peers: by the link thread,
// which publishes changes in batches. Nothing waits for that: a change for which there is no room
// is dropped, and the next announce of the peer makes up for it.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { epochSeconds, isNews } from "../cluster/news.ts";
import { ANNOUNCE, FLAG_STOPPED } from "../swarm/layout.ts";
import type { TableResult } from "../swarm/table-result.ts";
import type { Channels } from "./channel.ts";

export interface Changes {
  /**
   * Notes the announce at the start of `request` (see ANNOUNCE), at second `now`, with its result,
   * if other nodes must know of it.
   */
  note(request: Int32Array, result: TableResult, now: number): void;
}

export class ChangeSender implements Changes {
  constructor(
    private readonly linkWorker: number,
    /** May change, see live-config.ts. */
    private readonly cleaning: { readonly max_peer_age: number },
    private readonly channels: Channels,
    private readonly counters: Counters,
  ) {}

  note(request: Int32Array, result: TableResult, now: number): void {
    if (!this.#isNews(request, result, now)) return;
    if (!this.channels.change(this.linkWorker, request)) this.counters.add(COUNTER.queueFull, 1);
  }

  #isNews(request: Int32Array, result: TableResult, now: number): boolean {
    const flags = request[ANNOUNCE.flags];
    if ((flags & FLAG_STOPPED) !== 0) return result.wasRemoved;
    const epoch = epochSeconds(this.cleaning.max_peer_age);
    return isNews(flags, request[ANNOUNCE.peerHash], result, now, epoch);
  }
}
