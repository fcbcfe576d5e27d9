// The error for whatever an operator can mend: the command line, the configuration, a taken port,
// a missing right. Thrown on the main thread before the tracker serves; `cli.ts` prints its message
// as one line and exits 1.

export class StartupError extends Error {
  override name = "StartupError";
}
