import { installMissingPrograms } from '../support/debian-programs.ts'

/** Installs the programs that these tests need. */
export default function setup(): void {
  installMissingPrograms('test:scale', { pgbouncer: 'pgbouncer' })
}
