// Draws a comparison as horizontal bars, in groups, into an SVG file for the README.

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Drawn at the end of the bar. */
  readonly text: string;
  readonly isOurs: boolean;
}

export interface Group {
  /** Above the bars; none where there is but one group. */
  readonly name?: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const MARGIN = 16;
const TEXT_WIDTH = 170;
const ROW = 28;
const HEADING = 30;
const TOP = 56;
/** Of a character of 14 pixels: more than nearly all take. */
const CHARACTER_WIDTH = 7.6;

/** An SVG document with one bar for each row, all from zero on one scale. */
export function drawBars(title: string, subtitle: string, groups: readonly Group[]): string {
  const bars = groups.flatMap((group) => group.bars);
  const most = Math.max(...bars.map((bar) => bar.value));
  const longest = Math.max(...bars.map((bar) => bar.label.length));
  const left = Math.ceil(MARGIN + longest * CHARACTER_WIDTH + 10);
  const scale = (WIDTH - left - TEXT_WIDTH) / most;
  const lines: string[] = [];
  let y = TOP;
  for (const { bars, name } of groups) {
    if (name !== undefined) {
      lines.push(`<text x="${MARGIN}" y="${y + 20}" font-weight="600">${escapeText(name)}</text>`);
      y += HEADING;
    }
    for (const bar of bars) {
      lines.push(...drawBar(bar, left, y, bar.value * scale));
      y += ROW;
    }
  }
  const height = y + 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="14">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<g fill="#1f2328">`,
    `<text x="${MARGIN}" y="24" font-size="16" font-weight="600">${escapeText(title)}</text>`,
    `<text x="${MARGIN}" y="44" font-size="12" fill="#59636e">${escapeText(subtitle)}</text>`,
    ...lines,
    `</g>`,
    `</svg>`,
    "",
  ].join("\n");
}

function drawBar({ isOurs, label, text }: Bar, left: number, y: number, width: number): string[] {
  const fill = isOurs ? "#1f6feb" : "#8c959f";
  const end = (left + width + 8).toFixed(1);
  return [
    `<text x="${left - 10}" y="${y + 19}" text-anchor="end">${escapeText(label)}</text>`,
    `<rect x="${left}" y="${y + 4}" width="${width.toFixed(1)}" height="20" rx="2" fill="${fill}"/>`,
    `<text x="${end}" y="${y + 19}">${escapeText(text)}</text>`,
  ];
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
