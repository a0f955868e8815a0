import { installMissingPrograms } from '../support/debian-programs.ts'

/** Installs the programs that these tests need. */
export default function setup(): void {
  installMissingPrograms('test:foreign', {
    nginx: 'nginx-light',
    haproxy: 'haproxy',
    caddy: 'caddy',
    pgbouncer: 'pgbouncer',
    slowhttptest: 'slowhttptest',
    zzuf: 'zzuf',
  })
}
