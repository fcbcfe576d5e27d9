// Certificates that signed themselves, made with the openssl command.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

export interface CertificateFiles extends Disposable {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  readonly pkcs12Path: string;
  readonly password: string;
  /** Of the certificate: SHA-256, as `node:tls` gives it. */
  readonly fingerprint: string;
}

/** A certificate for localhost and its addresses, in every form that the tracker takes. */
export async function makeCertificate(): Promise<CertificateFiles> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-tls-"));
  const certificatePath = join(directory, "cert.pem");
  const privateKeyPath = join(directory, "key.pem");
  const pkcs12Path = join(directory, "tracker.p12");
  const password = "gehe\u00edm";
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1";
  await openssl(
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost",
    ["-addext", names, "-keyout", privateKeyPath, "-out", certificatePath],
  );
  await openssl("pkcs12 -export", [
    "-inkey",
    privateKeyPath,
    "-in",
    certificatePath,
    "-out",
    pkcs12Path,
    "-passout",
    `pass:${password}`,
  ]);
  const printed = await openssl("x509 -noout -fingerprint -sha256", ["-in", certificatePath]);
  return {
    certificatePath,
    privateKeyPath,
    pkcs12Path,
    password,
    fingerprint: printed.trim().split("=")[1],
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function openssl(command: string, more: string[]): Promise<string> {
  const { exited, stderr, stdout } = Bun.spawn(["openssl", ...command.split(" "), ...more], {
    stderr: "pipe",
  });
  if ((await exited) !== 0) throw new Error(`openssl ${command}: ${await stderr.text()}`);
  return stdout.text();
}

/**
 * The fingerprint of the certificate at a port of this host; "" if there is none at this moment.
 */
export async function fingerprintOf(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("secureConnect", () => resolve(socket.getPeerCertificate().fingerprint256));
  socket.on("error", reject);
  try {
    return await promise;
  } catch {
    // A listener takes with it whom it had not yet accepted: clients try again, and so does this.
    return "";
  } finally {
    socket.destroy();
  }
}
