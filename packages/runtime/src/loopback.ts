import { isIP } from 'node:net'

/** Whether only this machine reaches a host: `localhost`, `127.0.0.1` and its like, `::1`, also as `[::1]` of a URL. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '::1' ||
    host === '[::1]' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  )
}
