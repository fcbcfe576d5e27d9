// Reverse proxies in front of a WebTorrent tracker, as their documentation has one set them up:
// TLS in front, plain HTTP behind, the client's address passed on.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateFiles } from "./certificate.ts";
import { type Child, startChild } from "./child.ts";

export interface Proxy extends AsyncDisposable {
  /** Of 127.0.0.1. */
  readonly port: number;
}

export interface ProxyOptions {
  /** What is behind it, on 127.0.0.1. */
  port: number;
  certificate: CertificateFiles;
  /** Whether that has to be asked with TLS, whatever its certificate. */
  isTlsBehind?: boolean;
  /** Seconds after which a connection that carries nothing is cut. */
  idleSeconds?: number;
}

export const PROXIES = { nginx: startNginx, haproxy: startHaproxy } as const;

const TRIES = 5;
const POLL_MS = 20;
const START_TIMEOUT_MS = 10_000;

export function startNginx(options: ProxyOptions): Promise<Proxy> {
  const { certificate, idleSeconds = 60, isTlsBehind = false } = options;
  const configure = (port: number, directory: string): string => `
    daemon off;
    user root;
    # One process, which takes everything with it when it is killed.
    master_process off;
    pid ${directory}/pid;
    error_log stderr error;
    events { worker_connections 256; }
    http {
      access_log off;
      client_body_temp_path ${directory}/body;
      proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi;
      scgi_temp_path ${directory}/scgi;
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${certificate.certificatePath};
        ssl_certificate_key ${certificate.privateKeyPath};
        location / {
          proxy_pass http${isTlsBehind ? "s" : ""}://127.0.0.1:${options.port};
          proxy_http_version 1.1;
          proxy_set_header Host $host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_read_timeout ${idleSeconds}s;
        }
      }
    }`;
  return start(configure, (path) => ["nginx", "-c", path, "-e", "stderr"]);
}

export function startHaproxy(options: ProxyOptions): Promise<Proxy> {
  const { certificate, idleSeconds = 60, isTlsBehind = false } = options;
  const configure = (port: number, directory: string): string => {
    const pem = [certificate.certificatePath, certificate.privateKeyPath].map((path) =>
      readFileSync(path, "utf8"),
    );
    writeFileSync(join(directory, "both.pem"), pem.join(""));
    return `
      defaults
        mode http
        timeout connect 5s
        timeout client 60s
        timeout server 60s
        timeout tunnel ${idleSeconds}s
        option forwardfor
      frontend front
        bind 127.0.0.1:${port} ssl crt ${directory}/both.pem
        default_backend back
      backend back
        server tracker 127.0.0.1:${options.port}${isTlsBehind ? " ssl verify none" : ""}\n`;
  };
  return start(configure, (path) => ["haproxy", "-db", "-f", path]);
}

// ---------------------------------------------------------------------------------------------

// They cannot be asked for any free port: one that was free a moment ago is tried, then another.
async function start(
  configure: (port: number, directory: string) => string,
  command: (path: string) => string[],
): Promise<Proxy> {
  for (let tries = 1; ; tries++) {
    const directory = mkdtempSync(join(tmpdir(), "aquatic-proxy-"));
    const port = await findPort();
    const path = join(directory, "config");
    writeFileSync(path, configure(port, directory));
    const child = startChild(command(path));
    const dispose = async (): Promise<void> => {
      await child[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    };
    if (await passesOn(port, child)) return { port, [Symbol.asyncDispose]: dispose };
    await dispose();
    if (tries === TRIES) throw new Error(`${command(path)[0]} does not start:\n${child.stderr}`);
  }
}

/** Whether the tracker behind it answers, or it ends before that. */
async function passesOn(port: number, child: Child): Promise<boolean> {
  let hasEnded = false;
  void child.exited.then(() => (hasEnded = true));
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!hasEnded && performance.now() < deadline) {
    try {
      const tls = { rejectUnauthorized: false };
      const { status } = await fetch(`https://127.0.0.1:${port}/health`, { tls });
      if (status === 200) return true;
    } catch {
      // It does not listen yet.
    }
    await Bun.sleep(POLL_MS);
  }
  return false;
}

function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address!.port : 0));
    });
  });
}
