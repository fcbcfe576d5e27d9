// What the operator's pages show of the WebTorrent tracker alone.

import { X509Certificate } from "node:crypto";
import { type Family, family } from "../app/http/series.ts";
import type { WsConfig } from "./config.ts";
import type { Certificate } from "./socket/tls.ts";

/** The metrics of a tracker with this configuration and certificate. */
export function collectWsMetrics(
  { limits, socket_workers }: WsConfig,
  certificate: Certificate | undefined,
): Family[] {
  const families = [
    family("aquatic_connections_limit", "gauge", "Connections that all workers accept", [
      [{}, limits.max_connections * socket_workers],
    ]),
  ];
  if (certificate === undefined) return families;
  const expiry = Date.parse(new X509Certificate(certificate.cert).validTo) / 1000;
  const help = "Unix time at which the TLS certificate expires";
  const samples = [[{}, expiry]] as const;
  return [...families, family("aquatic_tls_certificate_expiry_seconds", "gauge", help, samples)];
}
