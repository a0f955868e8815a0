import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Pool } from '@vss-pipeline/storage'
import { onTestFinished } from 'vitest'
import type { FaultyPipeline } from './faulty-pipeline.ts'
import { mountSmallDisk } from './small-disk.ts'

export function folderOf({ spoolDir }: FaultyPipeline): string {
  return join(dirname(spoolDir), 'postgres')
}

export function logOf(pipeline: FaultyPipeline): string {
  return readFileSync(`${folderOf(pipeline)}.log`, 'utf8')
}

/** Mounts a small disk that Postgres may write to. It is unmounted when the test has finished. */
export function mountDiskForPostgres(pipeline: FaultyPipeline, name: string, megabytes: number) {
  const mount = join(dirname(pipeline.spoolDir), name)
  mkdirSync(mount)
  const disk = mountSmallDisk(mount, megabytes)
  onTestFinished(async () => {
    await pipeline.postgres.stop()
    disk.unmount()
  })
  const folder = join(mount, 'postgres')
  mkdirSync(folder, { mode: 0o700 })
  giveToPostgres(pipeline, folder)
  return { ...disk, folder }
}

function giveToPostgres(pipeline: FaultyPipeline, path: string): void {
  const { uid, gid } = statSync(folderOf(pipeline))
  chownSync(path, uid, gid)
}

/** Moves the partitions of the ledger to that folder. */
export async function moveLedgerTo(admin: Pool, folder: string): Promise<void> {
  await admin.query(`CREATE TABLESPACE small LOCATION '${folder}'`)
  const { rows } = await admin.query<{ name: string }>(
    `SELECT inhrelid::regclass AS name FROM pg_inherits WHERE inhparent IN ('vss.deliveries'::regclass, 'vss.bodies'::regclass)`,
  )
  for (const { name } of rows) await admin.query(`ALTER TABLE ${name} SET TABLESPACE small`)
}
