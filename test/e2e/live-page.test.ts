// The live page in a real browser: with no data, with data, in the dark, by keyboard, and after the
// tracker is gone. In a file of its own, because the first sample takes five seconds.

import { expect, test } from "bun:test";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../support/browser.ts";
import { announceThree, PAGES, pagesOf } from "../support/operator.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";
import { announce, connectWs, say } from "../support/ws-client.ts";

const TIMEOUT_MS = 60_000;

await testWith(
  ["chromium"],
  "shows the tracker at work, and asks nobody else",
  async () => {
    await using tracker = await startTracker({ config: PAGES });
    const pages = await pagesOf(tracker);
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    await using _ = { [Symbol.asyncDispose]: () => browser.close() };
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const strangers: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(pages) && !url.startsWith("data:")) strangers.push(url);
    });
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));

    await page.clock.install();
    await page.goto(pages);
    await page.getByText("All workers alive").waitFor();
    expect(await page.title()).toBe(`aquatic-udp: 127.0.0.1:${tracker.ports[0]}`);
    await page.getByText("The first samples arrive within ten seconds.").first().waitFor();
    await page.getByText("There are no torrents yet.").waitFor();

    await announceThree(tracker);
    await awaitSample(pages);
    // The page asks every five seconds.
    await page.clock.fastForward(5000);
    await page
      .locator("#tiles div", { hasText: "peers" })
      .getByText("3", { exact: true })
      .waitFor();
    await page.locator("#faults li", { hasText: "invalid connection" }).waitFor();
    await page.getByText("median 1, 99 % at most 2, largest 2").waitFor();
    await page.locator("#workers tr", { hasText: "socket worker 0" }).getByText("alive").waitFor();
    const peers = page.getByRole("img", { name: /^Peers: peers 3, at / });
    await peers.waitFor();
    const last = await peers.getAttribute("aria-label");
    await peers.focus();
    await page.keyboard.press("Home");
    expect(
      await page.locator("#charts figure", { hasText: "Peers" }).locator("time").textContent(),
    ).toMatch(/\d:\d\d/);
    await page.keyboard.press("End");
    expect(await peers.getAttribute("aria-label")).toBe(last);

    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await background()).not.toBe(light);
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect([strangers, problems]).toEqual([[], []]);

    await tracker.stop();
    await page.clock.fastForward(5000);
    await page.getByText(/The tracker has not answered since/).waitFor();
    expect(await page.locator("#tiles div", { hasText: "peers" }).innerText()).toContain("3");
  },
  TIMEOUT_MS,
);

await testWith(
  ["chromium"],
  "shows the clients and the ends of connections of the WebTorrent tracker",
  async () => {
    await using tracker = await startTracker({ program: "ws", config: PAGES });
    const pages = await pagesOf(tracker);
    await using client = await connectWs(`ws://127.0.0.1:${tracker.ports[0]}/`);
    await say(client, announce("t", "-WW0205-a"));
    await client.close();
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    await using _ = { [Symbol.asyncDispose]: () => browser.close() };
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    await page.clock.install();
    await page.goto(pages);
    await page.locator("#clients li", { hasText: "WebTorrent" }).getByText("100 %").waitFor();
    await page.locator("#charts figure", { hasText: "Latency of responses" }).waitFor();
    const ends = page.locator("#closes li", { hasText: "client" });
    while (!(await ends.isVisible())) await page.clock.fastForward(5000);
    expect(await ends.innerText()).toContain("1");
  },
  TIMEOUT_MS,
);

test("the page is one file whose policy allows its own script and style alone", async () => {
  await using tracker = await startTracker({ config: PAGES });
  const response = await fetch(await pagesOf(tracker));
  const policy = response.headers.get("content-security-policy")!;
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; /);
  const html = await response.text();
  expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  expect(html).toContain("https://github.com/leeoniya/uPlot");
});

async function awaitSample(pages: string): Promise<void> {
  for (;;) {
    const stats = (await (await fetch(`${pages}stats.json`)).json()) as {
      history: { rows: unknown[] };
    };
    if (stats.history.rows.length > 0) return;
    await Bun.sleep(100);
  }
}
