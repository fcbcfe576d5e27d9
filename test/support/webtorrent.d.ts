declare module "bittorrent-tracker/client" {
  export default class TrackerClient {
    constructor(options: { infoHash: string; peerId: string; announce: string[] });
    on(event: string, listener: (data: never) => void): void;
    once(event: string, listener: (data: never) => void): void;
    start(options: object): void;
    complete(): void;
    scrape(): void;
    stop(): void;
    destroy(): void;
  }
}

declare module "*/webtorrent.min.js" {
  const WebTorrent: unknown;
  export default WebTorrent;
}
