export interface BodyFields {
  /** Null where the body is not UTF-8, or there is none. */
  bodyText: string | null
  /** The bytes, where the body is not UTF-8. */
  bodyBase64: string | null
}

/** A body for programs, as it was sent. */
export function bodyFields(body: Uint8Array | null): BodyFields {
  if (body === null) return { bodyText: null, bodyBase64: null }
  try {
    return {
      bodyText: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body),
      bodyBase64: null,
    }
  } catch {
    return { bodyText: null, bodyBase64: Buffer.from(body).toString('base64') }
  }
}
