// Certificates that signed themselves, made with the openssl command.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
