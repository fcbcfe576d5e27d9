// Reads what a tracker logs where stderr is no terminal: lines of key=value, with a quoted message.

export interface LogLine {
  readonly level: string;
  readonly program: string;
  readonly message: string;
}

const LINE =
  /^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(\w+) program=(\S+) msg=("(?:[^"\\\p{Cc}]|\\.)*")$/u;

/** Returns the lines, all of which must be complete. Throws for a line of another form. */
export function readLog(text: string): LogLine[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error(`a line is not complete: ${text}`);
  return lines.map((line) => {
    const match = LINE.exec(line);
    if (match === null) throw new Error(`no line of a log: ${line}`);
    const [, level, program, message] = match;
    return { level, program, message: JSON.parse(message) as string };
  });
}

/** The messages alone. */
export function readMessages(text: string): string[] {
  return readLog(text).map(({ message }) => message);
}
