// The names that client programs are known by, from the beginning of their peer ids (BEP 20).
// Versions are left out: a name stands for all of them.

/** Two letters between a dash and the version: "-qB4650-". */
const AZUREUS: Readonly<Record<string, string>> = {
  "7T": "aTorrent",
  A2: "aria2",
  AG: "Ares",
  AR: "Arctic",
  AT: "Artemis",
  AV: "Avicora",
  AX: "BitPump",
  AZ: "Vuze",
  BB: "BitBuddy",
  BC: "BitComet",
  BG: "BTGetit",
  BI: "BiglyBT",
  BP: "BitTorrent Pro",
  BR: "BitRocket",
  BT: "BitTorrent",
  BW: "BitTorrent Web",
  DE: "Deluge",
  FC: "FileCroc",
  FD: "Free Download Manager",
  FG: "FlashGet",
  FL: "Folx",
  FW: "FrostWire",
  GT: "go-torrent",
  HL: "Halite",
  KG: "KGet",
  KT: "KTorrent",
  LC: "LeechCraft",
  LH: "LH-ABC",
  LP: "Lphant",
  LT: "libtorrent",
  LW: "LimeWire",
  MG: "MediaGet",
  MO: "MonoTorrent",
  MR: "Miro",
  NX: "Net Transport",
  OS: "OneSwarm",
  PI: "PicoTorrent",
  PT: "PHPTracker",
  QD: "QQDownload",
  RT: "Retriever",
  RZ: "RezTorrent",
  SB: "Swiftbit",
  SD: "Xunlei",
  SP: "BitSpirit",
  SS: "SwarmScope",
  ST: "SymTorrent",
  SZ: "Shareaza",
  TB: "Torch",
  TL: "Tribler",
  TN: "Torrent.NET",
  TR: "Transmission",
  TS: "Torrentstorm",
  TT: "TuoTu",
  UL: "uLeecher!",
  UM: "µTorrent for Mac",
  UT: "µTorrent",
  UW: "µTorrent Web",
  VG: "Vagaa",
  WD: "WebTorrent Desktop",
  WT: "BitLet",
  WW: "WebTorrent",
  XL: "Xunlei",
  XT: "XanTorrent",
  XX: "XTorrent",
  ZT: "ZipTorrent",
  bk: "BitKitten",
  lt: "libTorrent (rTorrent)",
  qB: "qBittorrent",
};

/** One letter before a version with dashes: "S58B-----". */
const SHADOW: Readonly<Record<string, string>> = {
  A: "ABC",
  M: "BitTorrent (Mainline)",
  O: "Osprey Permaseed",
  Q: "BTQueue",
  R: "Tribler",
  S: "Shadow's client",
  T: "BitTornado",
  U: "UPnP NAT",
};

/** Returns the name of the client whose peer id begins with these 8 characters, if it is known. */
export function nameClient(start: string): string | undefined {
  const [, code] = /^-([A-Za-z0-9~]{2})[\dA-Za-z.]/.exec(start) ?? [];
  if (code !== undefined && Object.hasOwn(AZUREUS, code)) return AZUREUS[code];
  if (/^M\d+-\d/.test(start)) return SHADOW.M;
  if (/^exbc|^FUTB|^xUTB/.test(start)) return "BitComet";
  if (start.startsWith("OP")) return "Opera";
  if (start.startsWith("XBT")) return "XBT Client";
  const [, letter] = /^([A-Z])[\dA-Za-z.-]{3}--/.exec(start) ?? [];
  return letter !== undefined && Object.hasOwn(SHADOW, letter) ? SHADOW[letter] : undefined;
}
