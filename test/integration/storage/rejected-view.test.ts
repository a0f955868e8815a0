import { expect, onTestFinished, test } from 'vitest'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'

test.each([
  { name: 'text', body: Buffer.from('{"größe": "訂單 🧾"}'), text: '{"größe": "訂單 🧾"}' },
  { name: 'nothing', body: Buffer.alloc(0), text: '' },
  { name: 'bytes that are not UTF-8', body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), text: null },
  { name: 'UTF-8 that was cut short', body: Buffer.from('訂').subarray(0, 2), text: null },
  { name: 'a zero byte', body: Buffer.from('a\u0000b'), text: null },
  { name: 'an encoded surrogate', body: Buffer.from([0xed, 0xa0, 0x80]), text: null },
  { name: 'no body', body: null, text: null },
])('a rejected delivery of $name can be read', async ({ body, text }) => {
  const { pool, writer } = await openStorage()
  const entry = rejectedDelivery({ body })
  await writer.write([entry, delivery(session())])

  const { rows } = await pool.query('SELECT * FROM vss.rejected')

  expect(rows).toEqual([
    {
      delivery_id: entry.deliveryId,
      received_at: new Date(entry.receivedAtMs),
      source_ip: '2001:db8::1',
      reasons: [{ code: 'malformed_json', path: '', message: 'expected JSON' }],
      session_id: null,
      body_text: text,
      body,
    },
  ])
})

test('a reader of the view does not run a function of another role that matches better', async () => {
  const { url, pool, writer } = await openStorage()
  await writer.write([rejectedDelivery({ body: Buffer.from('mine') })])
  const roleUrl = new URL(url)
  const role = `${roleUrl.pathname.slice(1)}_hostile`
  roleUrl.username = role
  roleUrl.password = 'role'
  await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'role'; GRANT CREATE ON SCHEMA public TO ${role}`)
  onTestFinished(async () => {
    await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
  await openPool(roleUrl.href).query(
    `CREATE FUNCTION public.convert_from(bytea, text) RETURNS text LANGUAGE sql RETURN 'run as ' || current_user`,
  )

  const { rows } = await pool.query('SELECT body_text FROM vss.rejected')

  expect(rows).toEqual([{ body_text: 'mine' }])
})

test('another role cannot change the meaning of a name in a function of the schema', async () => {
  const { pool } = await openStorage()

  const { rows } = await pool.query(
    `SELECT oid::regprocedure FROM pg_proc
     WHERE pronamespace = 'vss'::regnamespace
       AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))`,
  )

  expect(rows).toEqual([])
})
