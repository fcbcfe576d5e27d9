// The origins of web pages (RFC 6454): which of them may connect. Browsers send the origin of the
// page with each handshake (RFC 6455, 10.2); other clients can send any.

/** Returns the canonical spelling of an origin. Throws a RangeError that says what is allowed. */
export function normalizeOrigin(text: string): string {
  const origin = URL.parse(text)?.origin ?? "null";
  const isSame = origin === text.toLowerCase().replace(/\/$/, "");
  if (origin !== "null" && isSame && !origin.includes("*")) return origin;
  throw new RangeError(`must hold origins, such as 'https://example.com', not '${text}'`);
}

/** The origins that may connect. */
export class AllowedOrigins {
  readonly #origins: ReadonlySet<string>;

  /** Allows all if `origins` is empty. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map(normalizeOrigin));
  }

  /** Whether a page of this origin may connect; null if the client sends none. */
  has(origin: string | null): boolean {
    if (this.#origins.size === 0) return true;
    return origin !== null && this.#origins.has(origin.toLowerCase());
  }
}
