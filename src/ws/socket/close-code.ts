// Reasons for which a WebSocket connection is closed (RFC 6455, 7.4).

export const CLOSE = {
  normal: 1000,
  protocolError: 1002,
  invalidText: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
} as const;

const MAX_REASON_BYTES = 123;

/** Returns whether a peer may send the code: those of the standard and of the IANA registry, and
 * those for applications. */
export function isValidCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/** Returns the payload of a close frame. */
export function closePayload(code: number, reason: string): Buffer {
  const payload = Buffer.alloc(2 + MAX_REASON_BYTES);
  payload.writeUInt16BE(code);
  return payload.subarray(0, 2 + payload.write(reason, 2));
}
