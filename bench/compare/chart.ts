// Draws a comparison as horizontal bars, one for each contestant, into an SVG file for the README.

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Drawn at the end of the bar. */
  readonly text: string;
  readonly isOurs: boolean;
}

const WIDTH = 760;
const TEXT_WIDTH = 170;
const ROW = 30;
const TOP = 56;

/** An SVG document with one bar for each row, all from zero on one scale. */
export function drawBars(
  title: string,
  subtitle: string,
  bars: readonly Bar[],
  labelWidth = 210,
): string {
  const most = Math.max(...bars.map((bar) => bar.value));
  const height = TOP + bars.length * ROW + 14;
  const rows = bars.map((bar, index) => {
    const y = TOP + index * ROW;
    const width = (bar.value / most) * (WIDTH - labelWidth - TEXT_WIDTH);
    const fill = bar.isOurs ? "#1f6feb" : "#8c959f";
    const end = labelWidth + width + 8;
    return [
      `<text x="${labelWidth - 10}" y="${y + 19}" text-anchor="end">${escapeText(bar.label)}</text>`,
      `<rect x="${labelWidth}" y="${y + 4}" width="${width.toFixed(1)}" height="20" rx="2" fill="${fill}"/>`,
      `<text x="${end.toFixed(1)}" y="${y + 19}">${escapeText(bar.text)}</text>`,
    ].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="14">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<g fill="#1f2328">`,
    `<text x="16" y="24" font-size="16" font-weight="600">${escapeText(title)}</text>`,
    `<text x="16" y="44" font-size="12" fill="#59636e">${escapeText(subtitle)}</text>`,
    ...rows,
    `</g>`,
    `</svg>`,
    "",
  ].join("\n");
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
