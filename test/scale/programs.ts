import { installMissingPrograms } from '../support/debian-programs.ts'

/** Installs the programs that these tests need. */
export default function setup(): void {
  installMissingPrograms('test:scale', {
    'redis-server': 'redis-server',
    'redis-cli': 'redis-tools',
    pgbouncer: 'pgbouncer',
  })
}
