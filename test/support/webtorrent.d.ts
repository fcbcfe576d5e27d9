declare module "*/webtorrent.min.js" {
  const WebTorrent: unknown;
  export default WebTorrent;
}
