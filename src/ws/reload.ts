// Replaces the certificate of a running tracker, on the main thread: all workers prepare to serve with
// the new one. They use it if all could prepare, and else none does.

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

/** Reads the certificate again, if TLS is on. Logs one line when `ask` has the answers of all workers. */
export async function reloadCertificate(
  config: WsConfig,
  ask: (question: Reload) => Promise<ReloadAnswer[]>,
): Promise<void> {
  if (!config.network.use_tls) return;
  if (config.privileges.drop_privileges) {
    return log("the certificate cannot be reloaded after privileges were dropped: restart");
  }
  const reason = await exchange(config, ask);
  if (reason === undefined) log("the certificate has been reloaded");
  else log(`the certificate stays as it was: ${reason}`);
}

async function exchange(
  config: WsConfig,
  ask: (question: Reload) => Promise<ReloadAnswer[]>,
): Promise<string | undefined> {
  let certificate: Certificate;
  try {
    certificate = readCertificate(config.network)!;
  } catch (error) {
    if (error instanceof StartupError) return error.message;
    throw error;
  }
  const answers = await ask({ step: "prepare", certificate });
  const reason = answers.find((answer) => answer !== undefined);
  await ask({ step: reason === undefined ? "commit" : "abort" });
  return reason;
}
