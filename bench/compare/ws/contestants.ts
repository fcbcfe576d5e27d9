// The WebTorrent trackers that are compared, the command line that starts each, and how its clients
// reach it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESS, PORT, REPOSITORY } from "../processes.ts";

export interface Contestant {
  /** As the tables call it. */
  readonly name: string;
  readonly scheme: "ws" | "wss";
  /** Its clients compress what they send, and understand what comes compressed. */
  readonly deflate: boolean;
  /** The command line, once the directory is ready for it. */
  readonly start: (directory: string) => string[];
}

/** An aquatic-ws with one socket worker. */
export const aquatic: Contestant = {
  name: "aquatic-ws",
  scheme: "ws",
  deflate: false,
  start: (directory) => startAquatic(directory, 1, ""),
};

/** Two socket workers, on the same core. */
export const twoWorkers: Contestant = {
  ...aquatic,
  name: "aquatic-ws, 2 workers",
  start: (directory) => startAquatic(directory, 2, ""),
};

export const overTls: Contestant = {
  ...aquatic,
  name: "aquatic-ws, wss",
  scheme: "wss",
  start(directory) {
    const certificate = join(directory, "certificate.pem");
    const key = join(directory, "key.pem");
    makeCertificate(certificate, key);
    return startAquatic(
      directory,
      1,
      `use_tls = true
       tls_certificate_path = '${certificate}'
       tls_private_key_path = '${key}'`,
    );
  },
};

/** What clients send is compressed, and nothing else. */
export const deflatingClients: Contestant = {
  ...aquatic,
  name: "aquatic-ws, clients deflate",
  deflate: true,
};

/** So is what they are sent. */
export const deflating: Contestant = {
  ...aquatic,
  name: "aquatic-ws, both deflate",
  deflate: true,
  start: (directory) => startAquatic(directory, 1, "compress_responses = true"),
};

export const bittorrentTracker: Contestant = {
  name: "bittorrent-tracker",
  scheme: "ws",
  deflate: false,
  start() {
    const script = join(REPOSITORY, "bench/compare/bittorrent-tracker.mjs");
    return ["node", script, ADDRESS, String(PORT)];
  },
};

// With more lines of configuration for `[network]`.
function startAquatic(directory: string, socketWorkers: number, network: string): string[] {
  const config = join(directory, "aquatic-ws.toml");
  writeFileSync(
    config,
    `socket_workers = ${socketWorkers}
     [statistics]
     interval = 0
     [network]
     address = '${ADDRESS}:${PORT}'
     ${network}`,
  );
  return [process.execPath, "run", join(REPOSITORY, "src/ws.ts"), "-c", config];
}

function makeCertificate(certificate: string, key: string): void {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", key, "-out", certificate];
  const { exitCode, stderr } = Bun.spawnSync(
    ["openssl", "req", "-x509", ...curve, ...files, "-days", "2", "-subj", "/CN=localhost"],
    { stdin: "ignore" },
  );
  if (exitCode !== 0) throw new Error(`openssl: ${stderr.toString()}`);
}
