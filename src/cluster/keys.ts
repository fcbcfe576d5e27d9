// The keys of a cluster, all derived from its secret: one for each purpose, equal on all of its
// nodes, and different in any cluster with another name or secret. None of them reveals another, or
// the secret.

import { hkdfSync } from "node:crypto";

/** Returns `length` bytes for one purpose, by HKDF (RFC 5869) with SHA-256. */
export function deriveKey(secret: string, name: string, purpose: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, name, `aquatic ${purpose}`, length));
}
