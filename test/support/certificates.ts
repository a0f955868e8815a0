import { execFile } from 'node:child_process'
import { chmod, chown, copyFile, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  /** A file in PEM, as is `keyFile`. */
  certFile: string
  keyFile: string
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes a certificate authority that nobody trusts yet. Its files are in a folder of its own below `folder`. */
export async function makeAuthority(folder: string, name: string): Promise<Certificate> {
  const files = await filesIn(folder, name)
  const settings = `[req]\ndistinguished_name = dn\nx509_extensions = ca\n[dn]\n[ca]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = keyCertSign\n`
  await writeFile(`${files.certFile}.conf`, settings)
  await openssl(
    'req',
    ...['-x509', ...newKey, '-days', '2', '-subj', `/CN=${name}`, '-config', `${files.certFile}.conf`],
    ...['-keyout', files.keyFile, '-out', files.certFile],
  )
  return files
}

/** Makes a server's certificate for `names`, such as `DNS:localhost,IP:127.0.0.1`. */
export async function makeServerCertificate(
  folder: string,
  options: { authority: Certificate; name: string; names: string },
): Promise<Certificate> {
  const { authority, name, names } = options
  const files = await filesIn(folder, name)
  const [request, extensions] = [`${files.certFile}.request`, `${files.certFile}.extensions`]
  // The nodes of a Redis Cluster are clients of each other.
  await writeFile(extensions, `subjectAltName = ${names}\nextendedKeyUsage = serverAuth,clientAuth\n`)
  await openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', files.keyFile, '-out', request)
  await openssl(
    ...['x509', '-req', '-in', request, '-days', '2', '-extfile', extensions],
    ...['-CA', authority.certFile, '-CAkey', authority.keyFile, '-CAcreateserial', '-out', files.certFile],
  )
  return files
}

/** Copies a certificate to `folder` and gives it to the folder's owner: Postgres reads only a key that it owns. */
export async function installCertificate(certificate: Certificate, folder: string): Promise<void> {
  const { uid, gid } = await stat(folder)
  const copies = [
    [certificate.certFile, join(folder, 'server.crt')],
    [certificate.keyFile, join(folder, 'server.key')],
  ] as const
  for (const [source, target] of copies) {
    await copyFile(source, target)
    await chmod(target, 0o600)
    await chown(target, uid, gid)
  }
}

async function filesIn(folder: string, name: string): Promise<Certificate> {
  const own = join(folder, name.replaceAll(/\W/g, '-'))
  await mkdir(own, { recursive: true })
  return { certFile: join(own, 'certificate.pem'), keyFile: join(own, 'key.pem') }
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args)
}
