// The operator's pages of one tracker, by path. app/tracker.ts serves them where
// statistics.http_address says.

import type { SocketAddress } from "../socket-address.ts";
import { checkWorkers } from "./health.ts";
import { homePage } from "./home-page.ts";
import { History } from "./history.ts";
import { type Page, type Routes, serveHttp, TEXT_TYPE } from "./http-server.ts";
import { metricsPage } from "./metrics-page.ts";
import { statsPage } from "./stats-page.ts";
import { SwarmPages } from "./swarm-pages.ts";
import type { Subject } from "./subject.ts";

/**
 * Serves the pages from now on, beside another tracker's if `isShared`. Returns the port. Throws a
 * StartupError.
 */
export async function serveOperatorPages(
  address: SocketAddress,
  hosts: readonly string[],
  subject: Subject,
  isShared = false,
): Promise<number> {
  const history = new History(subject);
  const { port } = await serveHttp(address, hosts, listRoutes(subject, history), isShared);
  history.keep();
  return port!;
}

function listRoutes(subject: Subject, history: History): Routes {
  const swarms = new SwarmPages(subject);
  const home = homePage();
  return {
    "/": () => home,
    "/dump": (_rest, query) => swarms.dump(query),
    "/health": () => healthPage(subject),
    "/metrics": () => metricsPage(subject),
    "/stats.json": (_rest, query) => {
      return statsPage(subject, history, Number(query.get("since") ?? 0));
    },
    "/swarms": (_rest, query) => swarms.list(query),
    "/swarms/": (rest) => swarms.show(rest),
  };
}

function healthPage(subject: Subject): Page {
  const stuck = checkWorkers(subject).filter(({ isAlive }) => !isAlive);
  if (stuck.length === 0) return { body: "ok\n", type: TEXT_TYPE };
  const lines = stuck.map(({ name, silentSeconds }) => {
    return `${name} has shown no life for ${silentSeconds} seconds\n`;
  });
  return { status: 503, body: lines.join(""), type: TEXT_TYPE };
}
