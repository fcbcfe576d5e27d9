// Chromium without a window, and pages in it that run webtorrent and the client of
// bittorrent-tracker.

import { type Browser as Chromium, chromium, type Page } from "playwright-core";
import type { PageApi } from "./browser-page.ts";

export const CHROMIUM = "/usr/bin/chromium";

export interface Browser extends AsyncDisposable {
  /** A page of its own, in a context of its own: nothing is shared with other pages. */
  open(): Promise<BrowserPage>;
}

export interface BrowserPage extends AsyncDisposable {
  /** Calls a function of `PageApi` in the page. */
  call<Name extends keyof PageApi>(
    name: Name,
    ...args: Parameters<PageApi[Name]>
  ): Promise<Awaited<ReturnType<PageApi[Name]>>>;
}

const HTML = `<!doctype html><script type="module" src="/page.js"></script>`;

export async function startBrowser(): Promise<Browser> {
  const script = await bundlePage();
  const web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const isScript = new URL(request.url).pathname === "/page.js";
      const type = isScript ? "text/javascript" : "text/html";
      return new Response(isScript ? script : HTML, { headers: { "content-type": type } });
    },
  });
  let browser: Chromium;
  try {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-dev-shm-usage",
        // WebRTC between pages of one machine, whatever its network.
        "--allow-loopback-in-peer-connection",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
      ],
    });
  } catch (error) {
    await web.stop(true);
    throw error;
  }
  return {
    async open() {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(web.url.href);
      await page.waitForFunction("globalThis.api !== undefined");
      return wrapPage(page, () => context.close());
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await web.stop(true);
    },
  };
}

function wrapPage(page: Page, close: () => Promise<void>): BrowserPage {
  return {
    call: (name, ...args) =>
      page.evaluate(
        ([name, args]) =>
          (globalThis as unknown as { api: Record<string, (...args: unknown[]) => unknown> }).api[
            name
          ](...args),
        [name, args as unknown[]] as const,
      ) as never,
    [Symbol.asyncDispose]: close,
  };
}

/** Bun (1.4.5) loses track of a module that is empty in browsers and imported as a namespace. */
const withoutNodeModules: Bun.BunPlugin = {
  name: "bittorrent-tracker without its modules for Node",
  setup(build) {
    build.onLoad({ filter: /bittorrent-tracker\/lib\/common\.js$/ }, async ({ path }) => ({
      contents: (await Bun.file(path).text())
        .replace(/^import \* as common from .*$/m, "const common = {};")
        .replace(/^export \* from .*$/m, ""),
      loader: "js",
    }));
  },
};

async function bundlePage(): Promise<string> {
  const { logs, outputs, success } = await Bun.build({
    entrypoints: [`${import.meta.dir}/browser-page.ts`],
    target: "browser",
    format: "esm",
    plugins: [withoutNodeModules],
  });
  if (!success) throw new AggregateError(logs, "the page's script could not be built");
  return outputs[0].text();
}
