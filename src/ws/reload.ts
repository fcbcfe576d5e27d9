// Replaces the certificate of a running tracker, on the main thread: all workers prepare to serve
// with the new one. They use it if all could prepare, and else none does.

import { log } from "../app/log.ts";
import { StartupError } from "../app/startup-error.ts";
import type { WsConfig } from "./config.ts";
import { type Certificate, readCertificate } from "./socket/tls.ts";

/** The steps that a worker is asked to take. */
export type Reload =
  | { readonly step: "prepare"; readonly certificate: Certificate }
  | { readonly step: "commit" }
  | { readonly step: "abort" };

/** Why a worker could not take a step; undefined if it did. */
export type ReloadAnswer = string | undefined;

/**
 * Reads the certificate again, if there is one. Logs one line, once `ask` has the answers of all
 * workers. Returns the certificate in force if it is a new one.
 */
export async function reloadCertificate(
  config: WsConfig,
  ask: (question: Reload) => Promise<ReloadAnswer[]>,
): Promise<Certificate | undefined> {
  if (!config.network.use_tls) return undefined;
  try {
    const certificate = readCertificate(config.network)!;
    await exchange(certificate, ask);
    log.info("the certificate has been reloaded");
    return certificate;
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    log.error(`the certificate stays as it was: ${error.message}`);
    return undefined;
  }
}

// Throws a StartupError if a worker cannot take the certificate.
async function exchange(
  certificate: Certificate,
  ask: (question: Reload) => Promise<ReloadAnswer[]>,
): Promise<void> {
  const answers = await ask({ step: "prepare", certificate });
  const reason = answers.find((answer) => answer !== undefined);
  await ask({ step: reason === undefined ? "commit" : "abort" });
  if (reason !== undefined) throw new StartupError(reason);
}
