// A file moves between pages of a real browser, which know of each other through the tracker alone.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type Browser, type BrowserPage, startBrowser } from "../support/browser.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificate.ts";
import { describeWith } from "../support/requirements.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";

const FILE_BYTES = 500_000;
const TIMEOUT_MS = 60_000;

const SET_UPS = [1, 2].flatMap((workers) => [
  { workers, scheme: "ws" },
  { workers, scheme: "wss" },
]);

await describeWith(["chromium", "openssl"], "pages of a browser", () => {
  let browser: Browser;
  let certificate: CertificateFiles;

  beforeAll(async () => {
    browser = await startBrowser();
    certificate = await makeCertificate();
  }, TIMEOUT_MS);

  afterAll(async () => {
    certificate[Symbol.dispose]();
    await browser[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  describe.each(SET_UPS)("$workers socket workers, $scheme", ({ workers, scheme }) => {
    let tracker: Tracker;
    let url: string;

    beforeAll(async () => {
      const tls = [
        "use_tls = true",
        `tls_pkcs12_path = '${certificate.pkcs12Path}'`,
        `tls_pkcs12_password = '${certificate.password}'`,
      ];
      const config = [
        `socket_workers = ${workers}`,
        "[network]",
        "address = '127.0.0.1:0'",
        // Where a connection between pages fails, on a busy machine, it is tried again soon.
        "peer_announce_interval = 10",
        ...(scheme === "wss" ? tls : []),
      ];
      tracker = await startTracker({ program: "ws", config: config.join("\n") });
      url = `${scheme}://127.0.0.1:${tracker.ports[0]}/announce`;
    });

    afterAll(async () => {
      expect(await tracker.stop()).toBe(0);
    });

    /** Opens a page with so many clients. */
    async function openPage(clients = 1): Promise<BrowserPage> {
      const page = await browser.open();
      for (let i = 0; i < clients; i++) expect(await page.call("createClient")).toBe(i);
      return page;
    }

    async function expectNoComplaints(page: BrowserPage, clients = 1): Promise<void> {
      for (let i = 0; i < clients; i++) expect(await page.call("complaints", i)).toEqual([]);
    }

    const countsBecome = async (page: BrowserPage, counts: object): Promise<void> => {
      while (!Bun.deepEquals(await page.call("scrape", 0), counts)) await Bun.sleep(50);
    };

    const threeLeechers = async () => {
      await using seeder = await openPage();
      const { magnet, sha256 } = await seeder.call("seed", 0, FILE_BYTES, url);
      const leechers = await Promise.all([openPage(), openPage(), openPage()]);
      const fetched = await Promise.all(
        leechers.map((leecher) => leecher.call("fetch", 0, magnet, url)),
      );
      for (const result of fetched) expect(result).toEqual({ sha256, wireTypes: ["webrtc"] });
      await countsBecome(seeder, { complete: 4, incomplete: 0 });

      // One says good-bye, one is closed without a word.
      await leechers[0].call("destroy", 0);
      await countsBecome(seeder, { complete: 3, incomplete: 0 });
      await leechers[1][Symbol.asyncDispose]();
      await countsBecome(seeder, { complete: 2, incomplete: 0 });
      await expectNoComplaints(seeder);
      await expectNoComplaints(leechers[2]);
      for (const leecher of [leechers[0], leechers[2]]) await leecher[Symbol.asyncDispose]();
      await countsBecome(seeder, { complete: 1, incomplete: 0 });
    };
    test("three leechers with a magnet link, and what becomes of them", threeLeechers, TIMEOUT_MS);

    const successor = async () => {
      await using page = await openPage();
      const { magnet } = await page.call("seed", 0, FILE_BYTES, url);
      await using leecher = await openPage();
      await leecher.call("fetch", 0, magnet, url);
      await page.call("destroy", 0);
      await using late = await openPage();
      expect((await late.call("fetch", 0, magnet, url)).wireTypes).toEqual(["webrtc"]);
    };
    test("a leecher that has become a seeder serves the next", successor, TIMEOUT_MS);

    const oneSocket = async () => {
      await using page = await openPage(2);
      const { magnet, sha256 } = await page.call("seed", 0, FILE_BYTES, url);
      expect(await page.call("fetch", 1, magnet, url)).toEqual({ sha256, wireTypes: ["webrtc"] });
      await countsBecome(page, { complete: 2, incomplete: 0 });
      await page.call("destroy", 1);
      await countsBecome(page, { complete: 1, incomplete: 0 });
      await expectNoComplaints(page, 2);
    };
    test("two clients of one page find each other on one connection", oneSocket, TIMEOUT_MS);

    const trackerClients = async () => {
      const infoHash = randomBytes(20).toString("hex");
      const pages = await Promise.all([openPage(0), openPage(0), openPage(0)]);
      const peerIds = pages.map(() => randomBytes(20).toString("hex"));
      for (const [i, page] of pages.entries()) {
        expect(await page.call("startTracking", infoHash, peerIds[i], url)).toEqual({
          complete: 0,
          incomplete: i + 1,
        });
      }
      for (const [i, page] of pages.entries()) {
        const others = peerIds.filter((peerId) => peerId !== peerIds[i]);
        expect(new Set(await page.call("connectedPeers", 2))).toEqual(new Set(others));
        expect(await page.call("askTracker")).toEqual([
          { complete: i, incomplete: 3 - i },
          { complete: i + 1, incomplete: 2 - i },
        ]);
      }
      for (const page of pages) {
        expect(await page.call("stopTracking")).toEqual([]);
        await page[Symbol.asyncDispose]();
      }
    };
    test("three clients of bittorrent-tracker connect to each other", trackerClients, TIMEOUT_MS);

    // Not the other way round: an offer to a connection is answered by both its clients, and the
    // second, though its answer is not passed on, may keep the first from connecting.
    const twoLeechers = async () => {
      await using seeder = await openPage();
      const { magnet, sha256 } = await seeder.call("seed", 0, FILE_BYTES, url);
      await using page = await openPage(2);
      const fetched = await Promise.all([0, 1].map((i) => page.call("fetch", i, magnet, url)));
      for (const result of fetched) expect(result).toEqual({ sha256, wireTypes: ["webrtc"] });
      await countsBecome(seeder, { complete: 3, incomplete: 0 });
      await expectNoComplaints(page, 2);
    };
    test("two clients on one connection fetch from another page", twoLeechers, TIMEOUT_MS);
  });
});
