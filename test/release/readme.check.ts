// The blocks of README.md under "Run", pasted into a shell of a fresh Debian 12. Run by
// `test/release/run`: $AQUATIC_DEBIAN is a directory in which debootstrap made such a Debian with
// systemd, and $AQUATIC_RELEASE the directory of the release. Needs root, and the network.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import { readRepository } from "../../release/files.ts";
import { startChild } from "../support/child.ts";
import { assemble, build, findInstruction, parseDockerfile } from "./dockerfile.ts";
import { inRoot, run } from "./root.ts";

const repository = resolve(import.meta.dir, "../..");
const debian = process.env.AQUATIC_DEBIAN ?? "";
const release = resolve(process.env.AQUATIC_RELEASE ?? join(repository, "dist/release"));

/** Most of it goes into copies of 40,000 files. */
const TIMEOUT_MS = 600_000;
const LISTENING = /listening on 127\.0\.0\.1:3000\b/;
const HEALTH = "--health udp://127.0.0.1:3000";

const INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends";

/** Each block with the words before it, up to a comma or a colon. */
function readBlocks(): Map<string, string> {
  const [, section] = /^## Run\n([^]*?)^### /m.exec(readRepository("README.md"))!;
  const blocks = section.matchAll(/^([A-Z][^,:\n]*)[^`]*(?:`[^`\n]+`[^`]*)*```sh\n([^]*?)^```$/gm);
  return new Map([...blocks].map(([, words, block]) => [words, block]));
}

const blocks = readBlocks();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-readme-"));
});
afterAll(() => rmSync(directory, { recursive: true }), TIMEOUT_MS);

/** Copies a Debian, and returns the directory of the copy. */
function copyDebian(name: string, from = debian): string {
  const root = join(directory, name);
  run("cp", "-a", from, root);
  return root;
}

/** The command of a shell script in a root directory. All that it starts ends with it. */
function inShell(root: string, script: string, ...namespaces: string[]): string[] {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const shell = ["env", `PATH=${path}`, "HOME=/root", "sh", "-ec", script];
  const unshare = ["unshare", "--pid", "--fork", "--kill-child", ...namespaces];
  return [...unshare, ...inRoot(root, ...shell)];
}

/**
 * Pastes a block into a shell in /root, and asks the tracker that its last command starts. That has
 * a network of its own: this machine's port 3000 may be taken. `program` is the tracker.
 */
async function paste(block: string, root: string, program: string): Promise<void> {
  const commands = block.trimEnd().split(" && ");
  const start = commands.pop()!;
  run(...inShell(root, `cd /root\n${commands.join(" && ")}`));
  const script = `cd /root
ip link set lo up
${start} &
until ${program} ${HEALTH}; do sleep 0.2; done
echo healthy
wait`;
  await using child = startChild(inShell(root, script, "--net"));
  await child.waitForLine(LISTENING);
  await child.waitForLine(/^healthy$/);
}

/** Runs a script in a booted Debian, after which aquatic-udp must serve, now and at each boot. */
function expectService(root: string, script: string): void {
  const check = `${script}
timeout 20 sh -c 'until aquatic-udp ${HEALTH}; do sleep 0.2; done'
systemctl is-active aquatic-udp; systemctl is-enabled aquatic-udp`;
  const lines = run(join(import.meta.dir, "boot"), root, check)
    .trimEnd()
    .split("\n");
  expect(lines.slice(-2)).toEqual(["active", "enabled"]);
}

test("README.md has a block for each way to get the trackers", () => {
  expect([...blocks.keys()]).toEqual([
    "From an archive of a release",
    "From the package for Debian 12 and Ubuntu 22.04 or newer",
    "In containers",
    "From source",
  ]);
});

test.skipIf(Bun.which("hadolint") === null)("hadolint has nothing to say of the Dockerfile", () => {
  expect(run("hadolint", join(repository, "docker/Dockerfile"))).toBe("");
});

describe.skipIf(!existsSync(debian))("in a fresh Debian", () => {
  test(
    "the block of the archive starts aquatic-udp",
    async () => {
      const root = copyDebian("archive");
      const name = `aquatic-${version}-linux-x64`;
      copyFileSync(join(release, `${name}.tar.gz`), join(root, `root/${name}.tar.gz`));
      const block = blocks.get("From an archive of a release")!;
      await paste(block, root, `${name}/bin/aquatic-udp`);
    },
    TIMEOUT_MS,
  );

  test(
    "the block of the package starts aquatic-udp as a service",
    () => {
      const root = copyDebian("package");
      const name = `aquatic_${version}_amd64.deb`;
      copyFileSync(join(release, name), join(root, `root/${name}`));
      const block = blocks.get("From the package for Debian 12 and Ubuntu 22.04 or newer")!;
      expectService(root, `cd /root\n${block}`);
    },
    TIMEOUT_MS,
  );

  test(
    "the README of the archive installs aquatic-udp as a service",
    () => {
      const root = copyDebian("service");
      const name = `aquatic-${version}-linux-x64`;
      const archive = join(release, `${name}.tar.zst`);
      run("tar", "--no-same-owner", "-xf", archive, "-C", join(root, "root"));
      const readme = readFileSync(join(root, "root", name, "README.md"), "utf8");
      const [, block] = /^## Install[^]*?```sh\n([^]*?)^```$/m.exec(readme)!;
      const enable = "systemctl enable --now aquatic-udp";
      expect(readme).toContain(`Then \`${enable}\` starts the UDP tracker`);
      expectService(root, `cd /root/${name}\n${block}\n${enable}`);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!existsSync(debian))("in a fresh Debian with npm and a clone", () => {
  let withNpm: string;
  beforeAll(() => {
    withNpm = copyDebian("npm");
    run(...inShell(withNpm, `apt-get update -qq\n${INSTALL} npm`));
    // A proxy's certificate, if this machine is behind one.
    const authorities = "etc/ssl/certs/ca-certificates.crt";
    run("cp", "--remove-destination", join("/", authorities), join(withNpm, authorities));
    run("git", "clone", "--quiet", repository, join(directory, "clone"));
  }, TIMEOUT_MS);

  test(
    "the block of the source starts aquatic-udp",
    async () => {
      const root = copyDebian("source", withNpm);
      run("cp", "-aT", join(directory, "clone"), join(root, "root"));
      await paste(blocks.get("From source")!, root, "bun run src/udp.ts");
    },
    TIMEOUT_MS,
  );

  // No Docker: its steps, and its restrictions as far as a kernel alone has them.
  test(
    "the images of the containers' block serve unprivileged, and are healthy",
    async () => {
      const block = blocks.get("In containers")!;
      const path = /^docker compose -f (\S+) up --build$/.exec(block.trimEnd())![1];
      const { services } = readCompose(path);
      const { dockerfile } = services.udp.build!;
      const [first, ...images] = parseDockerfile(readRepository(dockerfile));
      const root = copyDebian("build", withNpm);
      const context = copyContext(join(directory, "clone"), `${dockerfile}.dockerignore`);
      build(first, root, context, (script) => inShell(root, script));

      for (const image of images) {
        const { name } = image;
        const service = services[name];
        expect(service.build).toMatchObject({ dockerfile, target: name });
        expect(service.ports[0].split(":")[1]).toBe(findInstruction(image, "EXPOSE"));
        const into = join(directory, name);
        assemble(image, into, root);
        const [, health] = /CMD (.*)$/.exec(findInstruction(image, "HEALTHCHECK"))!;
        const argv = ["ENTRYPOINT", "CMD"].map((part) => findInstruction(image, part));
        const start = argv.map(readWords).join(" ");
        await serveInContainer(into, start, readWords(health), "true");
        // With its files in compose.yaml, Prometheus reads its metrics.
        for (const volume of service.volumes) {
          const [source, target] = volume.split(":");
          copyFileSync(join(repository, path, "..", source), join(into, target));
        }
        const metrics = `curl -sf --resolve ${name}:9000:127.0.0.1 http://${name}:9000/metrics`;
        const check = `${metrics} | grep -q ^aquatic_build_info`;
        await serveInContainer(into, start, readWords(health), check);
      }
      const built = Object.keys(services).filter((name) => services[name].build !== undefined);
      expect(images.map(({ name }) => name)).toEqual(built);
    },
    TIMEOUT_MS,
  );

  test(
    "Docker's schema accepts compose.yaml",
    () => {
      run(...inShell(withNpm, `${INSTALL} docker-compose`));
      run("cp", "-aT", join(directory, "clone"), join(withNpm, "root"));
      run(...inShell(withNpm, "cd /root\ndocker-compose -f docker/compose.yaml config --quiet"));
    },
    TIMEOUT_MS,
  );
});

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: { readonly dockerfile: string; readonly target: string };
        readonly ports: readonly string[];
        readonly volumes: readonly string[];
      }
    >
  >;
}

function readCompose(path: string): Compose {
  return Bun.YAML.parse(readRepository(path)) as Compose;
}

/** Copies what the exceptions of an ignore file name, which ignores all else. */
function copyContext(clone: string, ignoreFile: string): string {
  const context = join(directory, "context");
  const [all, ...exceptions] = readRepository(ignoreFile).trimEnd().split("\n");
  expect(all).toBe("*");
  for (const exception of exceptions) {
    expect(exception).toStartWith("!");
    const path = exception.slice(1);
    mkdirSync(join(context, path, ".."), { recursive: true });
    run("cp", "-a", join(clone, path), join(context, path));
  }
  return context;
}

/** Serves until it is healthy and the check outside the container, in its network, succeeds. */
async function serveInContainer(
  root: string,
  start: string,
  health: string,
  check: string,
): Promise<void> {
  const script = `
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount -o remount,bind,ro "$1"
    ip link set lo up
    in_root="setpriv --no-new-privs chroot --userspec=65532:65532 $1"
    $in_root ${start} &
    until $in_root ${health}; do sleep 0.2; done
    ${check}
    echo healthy
    wait`;
  const namespaces = ["--pid", "--fork", "--kill-child", "--net", "--mount", "--uts", "--ipc"];
  const argv = ["unshare", ...namespaces, "sh", "-ec", script, "sh", root];
  await using container = startChild(argv);
  await container.waitForLine(/listening on (?:ws:\/\/)?0\.0\.0\.0:3000\b/);
  await container.waitForLine(/^healthy$/);
}

/** A list of words in JSON, as a Dockerfile has it. */
function readWords(json: string): string {
  return (JSON.parse(json) as string[]).join(" ");
}
