import { follow } from '@vss-pipeline/reader'
import { expect, inject, it, onTestFinished } from 'vitest'
import { createTestDatabase, rowsOf } from '../../support/databases.ts'
import { delivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

it('lists consumers with their state, their lag and their last commit', async () => {
  const { env, url, cursor } = await feedWithConsumer('billing')
  await rowsOf(url, `UPDATE vss.consumers SET committed_at = '2026-01-02T03:04:05.678Z'`)
  const longName = 'n'.repeat(100)
  await rowsOf(
    url,
    `INSERT INTO vss.consumers (name, cursor, committed_at)
     SELECT '${longName}', regexp_replace(cursor, '^1\\.[^.]+', '1.' || gen_random_uuid()), committed_at FROM vss.consumers`,
  )

  const table = await vss(['consumers', 'list'], env)
  expect(table.stdout).toBe(
    `NAME                            STATE         LAG  COMMITTED AT
billing                         up to date  0.0 s  2026-01-02T03:04:05Z
nnnnnnnnnnnnnnnnnnnnnnnnnnnnn…  other feed      -  2026-01-02T03:04:05Z
`,
  )
  expect(linesOver80Columns(table.stdout)).toEqual([])

  const { stdout } = await vss(['consumers', 'list', '--json'], env)
  expect(JSON.parse(stdout)).toMatchObject([
    {
      name: 'billing',
      state: 'up to date',
      lagSeconds: 0,
      committedAt: '2026-01-02T03:04:05.678Z',
      cursor,
    },
    { name: longName, state: 'other feed', lagSeconds: null },
  ])
})

it('says that there is no consumer', async () => {
  const { url, drop } = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(drop)
  const env = { DATABASE_URL: url }
  expect((await vss(['consumers', 'list'], env)).stdout).toBe('there is no consumer\n')
  expect((await vss(['consumers', 'list', '--json'], env)).stdout).toBe('[]\n')
  expect(await vss(['consumers', 'remove', 'biling'], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'vss: there is no consumer "biling": vss consumers list shows them\n',
  })
})

it('removes a consumer when that is confirmed, and shows it before', async () => {
  const { env, url, cursor } = await feedWithConsumer('billing')
  const names = async () =>
    (await rowsOf<{ name: string }>(url, 'SELECT name FROM vss.consumers')).map(({ name }) => name)

  expect(await vss(['consumers', 'remove', 'billing'], env)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'vss: consumer billing will be forgotten, and begins anew when it comes again: give --yes to confirm it\n',
  })
  const dry = await vss(['consumers', 'remove', 'billing', '--dry-run'], env)
  expect(dry.stdout).toMatch(/^would remove\nNAME .*\nbilling +up to date /)
  expect(await names()).toEqual(['billing'])

  expect((await vss(['consumers', 'remove', 'billing', '--yes'], env)).stdout).toBe(
    `removed consumer billing, whose cursor was\n${cursor}\n`,
  )
  expect(await names()).toEqual([])
})

it('tells programs as JSON which consumer it removed', async () => {
  const { env, cursor } = await feedWithConsumer('billing')
  const consumer = { name: 'billing', cursor }
  const dry = await vss(['consumers', 'remove', 'billing', '--json', '--dry-run'], env)
  expect(JSON.parse(dry.stdout)).toMatchObject({ removed: false, consumer })
  const done = await vss(['consumers', 'remove', 'billing', '--json', '--yes'], env)
  expect(JSON.parse(done.stdout)).toMatchObject({ removed: true, consumer })
})

/** A feed of one change, which a consumer has committed. */
async function feedWithConsumer(consumer: string) {
  const { url, writer } = await openStorage()
  await writer.write([delivery(session())])
  for await (const changes of follow({ databaseUrl: url, consumer })) {
    await changes.commit()
    return { url, env: { DATABASE_URL: url }, cursor: changes.cursor }
  }
  throw new Error('the feed ended')
}
