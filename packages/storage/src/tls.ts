import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type { DatabaseTls } from '@vss-pipeline/runtime'

/** How one connection is encrypted; false for plain text. */
export type Encryption = ConnectionOptions | false

/**
 * The ways in which a server is tried, in order. Each mode means what it means to libpq: `allow` and `prefer` protect
 * nobody, `require` protects from those who only listen, and the other two from all.
 *
 * The files are read each time, because certificates are renewed while a service runs.
 */
export function encryptionsOf({
  mode,
  rootCertificateFile,
  certificateFile,
  keyFile,
}: DatabaseTls): Encryption[] {
  if (mode === 'disable') return [false]
  const files: ConnectionOptions = {
    ...(rootCertificateFile !== undefined && { ca: readFileSync(rootCertificateFile) }),
    ...(certificateFile !== undefined && { cert: readFileSync(certificateFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
  if (mode === 'verify-full') return [files]
  const encrypted: ConnectionOptions =
    rootCertificateFile === undefined
      ? { ...files, rejectUnauthorized: false }
      : { ...files, checkServerIdentity: () => undefined }
  if (mode === 'allow') return [false, encrypted]
  return mode === 'prefer' ? [encrypted, false] : [encrypted]
}
