// Colours on a terminal, and whether it can do more than print lines. NO_COLOR is described at
// no-color.org.

const CODES = { plain: "", bold: "1", dim: "2", red: "31", yellow: "33" } as const;

export type Style = keyof typeof CODES;

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a terminal in this environment can move its cursor. */
export function canMoveCursor({ TERM }: Environment = process.env): boolean {
  return TERM !== "dumb";
}

/** Whether a terminal in this environment shows colours, and its user wants them. */
export function wantsColour(environment: Environment = process.env): boolean {
  return (environment["NO_COLOR"] ?? "") === "" && canMoveCursor(environment);
}

/** Puts text for a terminal into a style. A line feed at its end stays outside. */
export function paint(style: Style, text: string, isColoured = wantsColour()): string {
  if (style === "plain" || !isColoured) return text;
  const end = text.endsWith("\n") ? "\n" : "";
  return `\x1b[${CODES[style]}m${text.slice(0, text.length - end.length)}\x1b[0m${end}`;
}
