// The page /, a live view of the tracker: one HTML file with its style and its script inside, which
// asks for nothing but /stats.json. The policy allows that style and that script by their hashes,
// and nothing else. page/ has the parts.

import { createHash } from "node:crypto";
import plotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import plotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import type { Page } from "./http-server.ts";
import frame from "./page/live.html" with { type: "text" };
import script from "./page/live.js" with { type: "text" };
import style from "./page/live.css" with { type: "text" };

/** Returns the page, which is the same for every tracker. */
export function homePage(): Page {
  const css = `\n${plotStyle}\n${style}`;
  const js = `\n${plotScript}\n${script}`;
  const body = (frame as unknown as string)
    .replace("<style></style>", () => `<style>${css}</style>`)
    .replace("<script></script>", () => `<script>${js}</script>`);
  const policy = [
    "default-src 'none'",
    `style-src '${hash(css)}'`,
    `script-src '${hash(js)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    body,
    type: "text/html; charset=utf-8",
    headers: { "content-security-policy": policy.join("; ") },
  };
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
