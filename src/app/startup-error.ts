// The error for everything that an operator can fix: the command line, the configuration, a port in
// use, a missing permission. Thrown on the main thread before the tracker serves; `cli.ts` prints
// its message as one line and exits with code 1.

export class StartupError extends Error {
  override name = "StartupError";
}
