// The certificate of the tracker, from a PKCS#12 file or from two PEM files: read and checked on
// the main thread, before privileges are dropped, and at each reload.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer } from "node:tls";
import { readKept } from "../../app/kept-directory.ts";
import { StartupError } from "../../app/startup-error.ts";

/** PEM texts, as `Bun.serve` and `Bun.listen` take them. */
export interface Certificate {
  /** The tracker's certificate, then the intermediate ones. */
  readonly cert: string;
  readonly key: string;
}

export interface TlsSettings {
  readonly use_tls: boolean;
  readonly tls_pkcs12_path: string;
  readonly tls_pkcs12_password: string;
  readonly tls_certificate_path: string;
  readonly tls_private_key_path: string;
}

/**
 * Reads the certificate. Returns undefined if TLS is off. Throws a StartupError that names the key
 * and the problem.
 */
export function readCertificate(settings: TlsSettings): Certificate | undefined {
  if (!settings.use_tls) return undefined;
  const { tls_certificate_path, tls_pkcs12_path, tls_private_key_path } = settings;
  const hasPem = tls_certificate_path !== "" || tls_private_key_path !== "";
  if (tls_pkcs12_path !== "") {
    if (!hasPem) return readPkcs12(tls_pkcs12_path, settings.tls_pkcs12_password);
    throw new StartupError(
      "network.tls_pkcs12_path: set together with PEM files; the certificate is in one or the " +
        "other",
    );
  }
  if (!hasPem) {
    throw new StartupError(
      "network.use_tls: needs tls_pkcs12_path, or tls_certificate_path and tls_private_key_path",
    );
  }
  for (const key of ["tls_certificate_path", "tls_private_key_path"] as const) {
    if (settings[key] === "") throw new StartupError(`network.${key}: is missing`);
  }
  return readPem(tls_certificate_path, tls_private_key_path);
}

// ---------------------------------------------------------------------------------------------

function readPem(certificatePath: string, keyPath: string): Certificate {
  const cert = readFile("tls_certificate_path", certificatePath).toString("latin1");
  const key = readFile("tls_private_key_path", keyPath).toString("latin1");
  const fail = failure("tls_certificate_path", certificatePath);
  const failKey = failure("tls_private_key_path", keyPath);
  const [leaf] = attempt(
    () => readChain(cert),
    () => fail("is no PEM certificate, or holds one that is damaged"),
  );
  const privateKey = attempt(
    () => createPrivateKey(key),
    () => failKey("is no PEM private key, or an encrypted one"),
  );
  checkDates(leaf, fail);
  if (!leaf.checkPrivateKey(privateKey)) throw failKey("is not the key of the certificate");
  return { cert, key };
}

/** Returns all certificates of a PEM text. Throws if one cannot be read, or there is none. */
function readChain(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g);
  if (blocks === null) throw new RangeError("no certificate");
  return blocks.map((block) => new X509Certificate(block));
}

function readPkcs12(path: string, password: string): Certificate {
  const pfx = readFile("tls_pkcs12_path", path);
  const fail = failure("tls_pkcs12_path", path);
  if (!isWholeSequence(pfx)) throw fail("is no PKCS#12 file, or not the whole of one");
  // The only place where the runtime parses PKCS#12.
  const { cert, key, ca } = attempt(
    () => createServer({ pfx, passphrase: password }) as unknown as Parsed,
    () => fail("cannot be opened with network.tls_pkcs12_password"),
  );
  if (!cert || !key) throw fail("holds no certificate with its private key");
  const chain = [cert, ...(Array.isArray(ca) ? ca : ca ? [ca] : [])].map(String);
  checkDates(
    attempt(
      () => new X509Certificate(chain[0]),
      () => fail("is damaged"),
    ),
    fail,
  );
  return { cert: chain.join("\n"), key: String(key) };
}

/** The contents of a PKCS#12 file, as `node:tls` parses them. */
interface Parsed {
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string | Buffer | (string | Buffer)[];
}

/**
 * Whether the bytes are one DER sequence, as a PKCS#12 file is. If not, the parser would blame the
 * password.
 */
function isWholeSequence(bytes: Buffer): boolean {
  if (bytes.length < 6 || bytes[0] !== 0x30) return false;
  if (bytes[1] < 0x80) return bytes.length === 2 + bytes[1];
  const lengthBytes = bytes[1] & 0x7f;
  // An indefinite length: a mark ends the sequence.
  if (lengthBytes === 0) return true;
  return lengthBytes <= 4 && bytes.length === 2 + lengthBytes + bytes.readUIntBE(2, lengthBytes);
}

function checkDates(certificate: X509Certificate, fail: (reason: string) => StartupError): void {
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw fail(`holds a certificate that expired on ${certificate.validTo}`);
  }
}

function readFile(key: string, path: string): Buffer {
  return attempt(
    () => readKept(path),
    (error) => {
      const { code } = error as NodeJS.ErrnoException;
      const fail = failure(key, path);
      if (code === "ENOENT") return fail("does not exist");
      if (code === "EACCES") return fail("cannot be read: permission denied");
      if (code === "EISDIR") return fail("is a directory");
      return fail(`cannot be read (${code})`);
    },
  );
}

function failure(key: string, path: string): (reason: string) => StartupError {
  return (reason) => new StartupError(`network.${key}: ${JSON.stringify(path)} ${reason}`);
}

function attempt<T>(act: () => T, explain: (error: unknown) => StartupError): T {
  try {
    return act();
  } catch (error) {
    throw explain(error);
  }
}
