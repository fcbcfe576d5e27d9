// `aquatic-ws --health URL`: asks a tracker for its health as a container's health check would.
// Runs instead of the tracker.

import { StartupError } from "../app/startup-error.ts";

const TIMEOUT_MILLISECONDS = 2000;

/**
 * Resolves if the tracker at `text` (http, https, ws or wss; the path defaults to `/health`)
 * responds with 200 in time. Throws a StartupError if not.
 */
export async function checkHealth(text: string): Promise<void> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(?:https?|wss?):$/.test(url.protocol)) {
    throw new StartupError(`--health: ${text} is not a URL such as http://127.0.0.1:3000`);
  }
  url.protocol = url.protocol.replace("ws", "http");
  if (url.pathname === "/") url.pathname = "/health";
  const response = await ask(url).catch((error: NodeJS.ErrnoException) => {
    throw new StartupError(`--health: ${text}: ${describe(error)}`);
  });
  if (response.status !== 200) {
    throw new StartupError(`--health: ${text}: status ${response.status}, not 200`);
  }
}

function ask(url: URL): Promise<Response> {
  return fetch(url, {
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    // The check asks under an address of this machine, which no certificate names.
    tls: { rejectUnauthorized: false },
  });
}

function describe({ name, code, message }: NodeJS.ErrnoException): string {
  if (name === "TimeoutError") return "no answer";
  return code === "ECONNREFUSED" ? "nothing listens there" : message;
}
