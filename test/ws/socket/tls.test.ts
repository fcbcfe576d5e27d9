// Certificates of every kind, made with the openssl command.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartupError } from "../../../src/app/startup-error.ts";
import { type Certificate, readCertificate, type TlsSettings } from "../../../src/ws/socket/tls.ts";

const directory = mkdtempSync(join(tmpdir(), "tls-test-"));

const at = (name: string): string => join(directory, name);
const textOf = (name: string): string => readFileSync(at(name), "utf8");

/** Runs openssl among the files of the test; arguments are parted by spaces. */
function openssl(command: string, ...more: string[]): void {
  const run = Bun.spawnSync(["openssl", ...command.split(" "), ...more], { cwd: directory });
  if (run.exitCode !== 0) throw new Error(`openssl ${command}: ${run.stderr.toString()}`);
}

const EC = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/** A certificate of its own: `name.pem` and `name.key`. */
function makeSelfSigned(name: string, newKey = EC): void {
  openssl(`req -x509 ${newKey} -keyout ${name}.key -out ${name}.pem -days 2 -subj /CN=${name}`);
}

/** A certificate that `issuer` vouches for. */
function makeSigned(name: string, issuer: string, days = 2, extensions = "leaf.ext"): void {
  openssl(`req ${EC} -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`);
  openssl(
    `x509 -req -in ${name}.csr -CA ${issuer}.pem -CAkey ${issuer}.key -CAcreateserial ` +
      `-days ${days} -extfile ${extensions} -out ${name}.pem`,
  );
}

/** Packs `name.pem` and its key into `file`. */
function pack(file: string, name: string, password: string, options = ""): void {
  const command = `pkcs12 -export -in ${name}.pem -inkey ${name}.key -out ${file} ${options}`;
  openssl(command.trim(), "-passout", `pass:${password}`);
}

beforeAll(() => {
  writeFileSync(at("ca.ext"), "basicConstraints=critical,CA:TRUE\n");
  writeFileSync(at("leaf.ext"), "subjectAltName=DNS:tracker.example\n");
  makeSelfSigned("ec");
  makeSelfSigned("rsa", "-newkey rsa:2048 -nodes");
  makeSelfSigned("root");
  makeSigned("middle", "root", 2, "ca.ext");
  makeSigned("leaf", "middle");
  makeSigned("expired", "root", -1);
  writeFileSync(at("chain.pem"), textOf("leaf.pem") + textOf("middle.pem"));
  writeFileSync(at("issuers.pem"), textOf("middle.pem") + textOf("root.pem"));
  writeFileSync(at("garbage"), "this is no certificate\n");
  writeFileSync(at("empty"), "");
  openssl(`pkey -in ec.key -aes128 -out encrypted.key -passout pass:secret`);
});

afterAll(() => rmSync(directory, { recursive: true }));

function read(settings: Partial<TlsSettings>): Certificate | undefined {
  return readCertificate({
    use_tls: true,
    tls_pkcs12_path: "",
    tls_pkcs12_password: "",
    tls_certificate_path: "",
    tls_private_key_path: "",
    ...settings,
  });
}

function readPkcs12(file: string, password: string): Certificate | undefined {
  return read({ tls_pkcs12_path: at(file), tls_pkcs12_password: password });
}

function readPem(certificate: string, key: string): Certificate | undefined {
  return read({ tls_certificate_path: at(certificate), tls_private_key_path: at(key) });
}

/** The subjects of the certificates in a PEM text, in their order. */
function subjectsOf(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).subject);
}

/** Checks that the certificates are these and that the key is the first one's. */
function expectCertificate(certificate: Certificate | undefined, names: string[]): void {
  if (certificate === undefined) throw new Error("no certificate");
  expect(subjectsOf(certificate.cert)).toEqual(names.map((name) => `CN=${name}`));
  const leaf = new X509Certificate(certificate.cert);
  expect(leaf.fingerprint256).toBe(new X509Certificate(textOf(`${names[0]}.pem`)).fingerprint256);
  expect(leaf.checkPrivateKey(createPrivateKey(certificate.key))).toBe(true);
}

/** Checks that the one error is for an operator, and what it says. */
function expectFailure(act: () => unknown, message: string): void {
  let error: unknown;
  try {
    act();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(StartupError);
  expect((error as Error).message).toBe(message);
}

test("no certificate is read where TLS is not used", () => {
  expect(read({ use_tls: false, tls_pkcs12_path: at("missing") })).toBeUndefined();
  expect(read({ use_tls: false })).toBeUndefined();
});

describe("a PKCS#12 file", () => {
  test.each(["ec", "rsa"])("with a key of the kind %s", (kind) => {
    pack(`${kind}.p12`, kind, "secret");
    expectCertificate(readPkcs12(`${kind}.p12`, "secret"), [kind]);
  });

  test.each(["ec", "rsa"])("as older programs wrote it, with a key of the kind %s", (kind) => {
    pack(`${kind}-legacy.p12`, kind, "secret", "-legacy");
    expectCertificate(readPkcs12(`${kind}-legacy.p12`, "secret"), [kind]);
  });

  test.each(["", "-legacy"])("with a chain, the leaf first, then its issuers: %p", (options) => {
    pack("one.p12", "leaf", "secret", `${options} -certfile middle.pem`.trim());
    expectCertificate(readPkcs12("one.p12", "secret"), ["leaf", "middle"]);
    pack("two.p12", "leaf", "secret", `${options} -certfile issuers.pem`.trim());
    expectCertificate(readPkcs12("two.p12", "secret"), ["leaf", "middle", "root"]);
  });

  test.each(["", "-legacy"])("with any password: %p", (options) => {
    for (const password of ["", " ", "p\"a's$s\\", "pässwörd", "密码✓", "x".repeat(200)]) {
      pack("password.p12", "ec", password, options);
      expectCertificate(readPkcs12("password.p12", password), ["ec"]);
    }
  });

  test.each(["", "-legacy"])("is not opened by another password: %p", (options) => {
    pack("wrong.p12", "ec", "secret", options);
    const message =
      `network.tls_pkcs12_path: "${at("wrong.p12")}" ` +
      "cannot be opened with network.tls_pkcs12_password";
    for (const password of ["", "Secret", "secret ", "sécret"]) {
      expectFailure(() => readPkcs12("wrong.p12", password), message);
    }
    pack("empty-password.p12", "ec", "", options);
    expectFailure(
      () => readPkcs12("empty-password.p12", "secret"),
      message.replace("wrong.p12", "empty-password.p12"),
    );
  });

  test("that is none, or not whole", () => {
    pack("whole.p12", "ec", "secret");
    const whole = readFileSync(at("whole.p12"));
    for (const length of [0, 1, 3, 4, 100, whole.length - 1]) {
      writeFileSync(at("part.p12"), whole.subarray(0, length));
      expectFailure(
        () => readPkcs12("part.p12", "secret"),
        `network.tls_pkcs12_path: "${at("part.p12")}" is no PKCS#12 file, or not the whole of one`,
      );
    }
    for (const name of ["garbage", "empty", "ec.pem"]) {
      expectFailure(
        () => readPkcs12(name, "secret"),
        `network.tls_pkcs12_path: "${at(name)}" is no PKCS#12 file, or not the whole of one`,
      );
    }
  });

  test("that is damaged within is an error of that file", () => {
    pack("sound.p12", "ec", "secret");
    const sound = readFileSync(at("sound.p12"));
    for (let place = 10; place < sound.length; place += 97) {
      writeFileSync(at("damaged.p12"), sound.with(place, sound[place] ^ 0xff));
      try {
        expectCertificate(readPkcs12("damaged.p12", "secret"), ["ec"]);
      } catch (error) {
        expect(error).toBeInstanceOf(StartupError);
        expect((error as Error).message).toStartWith("network.tls_pkcs12_path: ");
      }
    }
  });

  test("without a key, or without a certificate, is an error of that file", () => {
    openssl("pkcs12 -export -nokeys -in ec.pem -out no-key.p12 -passout pass:secret");
    openssl("pkcs12 -export -nocerts -inkey ec.key -out no-cert.p12 -passout pass:secret");
    for (const name of ["no-key.p12", "no-cert.p12"]) {
      expect(() => readPkcs12(name, "secret")).toThrow(StartupError);
      expect(() => readPkcs12(name, "secret")).toThrow(`network.tls_pkcs12_path: "${at(name)}" `);
    }
  });

  test("with an expired certificate", () => {
    pack("expired.p12", "expired", "secret");
    const { validTo } = new X509Certificate(textOf("expired.pem"));
    expectFailure(
      () => readPkcs12("expired.p12", "secret"),
      `network.tls_pkcs12_path: "${at("expired.p12")}" ` +
        `holds a certificate that expired on ${validTo}`,
    );
  });
});

describe("two PEM files", () => {
  test.each(["ec", "rsa"])("with a key of the kind %s", (kind) => {
    expect(readPem(`${kind}.pem`, `${kind}.key`)).toEqual({
      cert: textOf(`${kind}.pem`),
      key: textOf(`${kind}.key`),
    });
  });

  test("with a chain", () => {
    expectCertificate(readPem("chain.pem", "leaf.key"), ["leaf", "middle"]);
  });

  test("that are one and the same", () => {
    writeFileSync(at("both.pem"), textOf("ec.key") + textOf("ec.pem"));
    expectCertificate(readPem("both.pem", "both.pem"), ["ec"]);
  });

  test("with an RSA key in its older form", () => {
    openssl("rsa -in rsa.key -traditional -out pkcs1.key");
    expectCertificate(readPem("rsa.pem", "pkcs1.key"), ["rsa"]);
  });

  test.each(["garbage", "empty", "ec.key"])("of which %s is no certificate", (name) => {
    expectFailure(
      () => readPem(name, "ec.key"),
      `network.tls_certificate_path: "${at(name)}" is no PEM certificate, or holds one that is damaged`,
    );
  });

  test.each(["garbage", "empty", "ec.pem", "encrypted.key"])("of which %s is no key", (name) => {
    expectFailure(
      () => readPem("ec.pem", name),
      `network.tls_private_key_path: "${at(name)}" is no PEM private key, or an encrypted one`,
    );
  });

  test("with a certificate that was cut off", () => {
    writeFileSync(at("part.pem"), textOf("ec.pem").slice(0, 200));
    expectFailure(
      () => readPem("part.pem", "ec.key"),
      `network.tls_certificate_path: "${at("part.pem")}" is no PEM certificate, or holds one that is damaged`,
    );
  });

  test.each([
    ["ec.pem", "rsa.key"],
    ["rsa.pem", "ec.key"],
    ["ec.pem", "leaf.key"],
    // The key must be the first one's.
    ["issuers.pem", "root.key"],
  ])("%s does not go with %s", (certificate, key) => {
    expectFailure(
      () => readPem(certificate, key),
      `network.tls_private_key_path: "${at(key)}" is not the key of the certificate`,
    );
  });

  test("with an expired certificate", () => {
    const { validTo } = new X509Certificate(textOf("expired.pem"));
    expectFailure(
      () => readPem("expired.pem", "expired.key"),
      `network.tls_certificate_path: "${at("expired.pem")}" ` +
        `holds a certificate that expired on ${validTo}`,
    );
  });
});

describe("a path", () => {
  const keys = ["tls_pkcs12_path", "tls_certificate_path", "tls_private_key_path"] as const;

  /** Settings that are good but for the path under `key`. */
  function pathsWith(key: (typeof keys)[number], path: string): Partial<TlsSettings> {
    if (key === "tls_pkcs12_path") return { [key]: path };
    const pair = { tls_certificate_path: at("ec.pem"), tls_private_key_path: at("ec.key") };
    return { ...pair, [key]: path };
  }

  test.each(keys)("%s that leads nowhere", (key) => {
    const path = at("missing");
    const message = `network.${key}: "${path}" does not exist`;
    expectFailure(() => read(pathsWith(key, path)), message);
  });

  test.each(keys)("%s that is a directory", (key) => {
    const message = `network.${key}: "${directory}" is a directory`;
    expectFailure(() => read(pathsWith(key, directory)), message);
  });

  test.each(keys)("%s below a file", (key) => {
    const path = join(at("garbage"), "file");
    const message = `network.${key}: "${path}" cannot be read (ENOTDIR)`;
    expectFailure(() => read(pathsWith(key, path)), message);
  });

  test.each([
    ["tls_certificate_path", { tls_private_key_path: "x" }],
    ["tls_private_key_path", { tls_certificate_path: "x" }],
  ])("%s alone is missing", (key, settings) => {
    expectFailure(() => read(settings), `network.${key}: is missing`);
  });

  test("to a PKCS#12 file beside one to a PEM file", () => {
    for (const key of ["tls_certificate_path", "tls_private_key_path"]) {
      expectFailure(
        () => read({ tls_pkcs12_path: "x", [key]: "y" }),
        "network.tls_pkcs12_path: set together with PEM files; the certificate is in one or the other",
      );
    }
  });

  test("is needed", () => {
    expectFailure(
      () => read({ tls_pkcs12_password: "secret" }),
      "network.use_tls: needs tls_pkcs12_path, or tls_certificate_path and tls_private_key_path",
    );
  });
});
