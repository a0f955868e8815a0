import { createServer } from 'node:net'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { createPool, type Pool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { openPool } from '../../support/open-storage.ts'
import { hostsUrl, type Primary, type Standby, startPrimaryWithStandbys } from '../../support/standby.ts'

test('the server that a URL asks for is found among its hosts, wherever it stands', async () => {
  const { primary, standby } = await startPair()

  for (const order of [
    [primary.url, standby.url],
    [standby.url, primary.url],
  ]) {
    expect(await portOf(openHosts(order, 'any'))).toBe(new URL(order[0]!).port)
    for (const attributes of ['read-write', 'primary']) {
      expect(await portOf(openHosts(order, attributes))).toBe(new URL(primary.url).port)
    }
    for (const attributes of ['read-only', 'standby', 'prefer-standby']) {
      expect(await portOf(openHosts(order, attributes))).toBe(new URL(standby.url).port)
    }
  }
})

test('hosts that are away are passed over; a primary will do where a standby would be better', async () => {
  const { primary } = await startPair()
  const away = await awayFrom(primary.url)

  for (const attributes of ['any', 'read-write', 'prefer-standby']) {
    expect(await portOf(openHosts([away, primary.url], attributes))).toBe(new URL(primary.url).port)
  }
})

test('a host that is silent delays the others by a few seconds at most', async () => {
  const { primary } = await startPair()
  const silent = await silentBeside(primary.url)
  const startedAt = performance.now()

  expect(await portOf(openHosts([silent, primary.url], 'read-write'))).toBe(new URL(primary.url).port)

  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('where no host fits the error names each with its reason, and no password', async () => {
  const { primary, standby } = await startPair()
  const away = await awayFrom(primary.url)
  const hostOf = (url: string) => new URL(url).host
  await expect(openHosts([away, standby.url], 'read-write').query('SELECT')).rejects.toMatchObject({
    code: 'database_unavailable',
    message: `no host of the URL takes writes (${hostOf(away)}: the database cannot be reached: connect ECONNREFUSED ${hostOf(away)}; ${hostOf(standby.url)}: a standby)`,
  })
  await expect(openHosts([primary.url], 'standby').query('SELECT')).rejects.toThrow(
    `no host of the URL is a standby (${hostOf(primary.url)}: a primary that takes writes)`,
  )
})

test('a wrong password is told as one, where every host refuses it', async () => {
  const { primary, standby } = await startPair()
  const url = hostsUrl([primary.url, standby.url], 'any').replace(/:[^:@]*@/, ':wrong@')
  await expect(openPool(url).query('SELECT')).rejects.toMatchObject({ sqlState: '28P01' })
})

test('after a failover the same pool writes to the new primary', async () => {
  const { primary, standby } = await startPair()
  const pool = openHosts([primary.url, standby.url], 'read-write')
  const write = () => pool.query('CREATE TABLE IF NOT EXISTS vss.written ()')
  await write()
  await standby.catchUp()

  await primary.kill()
  await standby.promote()
  await until('A write', () => succeeds(write), { timeoutMs: 5_000 })

  expect(await portOf(pool)).toBe(new URL(standby.url).port)
})

test('of two servers that take writes the one that was promoted later is used', async () => {
  const { primary, standby } = await startPair()
  standby.isolate()
  await standby.promote()
  for (const order of [
    [primary.url, standby.url],
    [standby.url, primary.url],
  ]) {
    expect(await portOf(openHosts(order, 'read-write'))).toBe(new URL(standby.url).port)
  }
})

test('a pool leaves a server that has turned read-only', async () => {
  const { primary, standby } = await startPair()
  const pool = openHosts([primary.url, standby.url], 'read-write')
  expect(await portOf(pool)).toBe(new URL(primary.url).port)
  const admin = createPool({ databaseUrl: primary.url, maxConnections: 1, applicationName: 'vss-test' })
  await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
  await admin.query('SELECT pg_reload_conf()')
  await admin.end()
  standby.isolate()
  await standby.promote()

  const write = () => pool.query('CREATE TABLE IF NOT EXISTS vss.written ()')
  await until('A write', () => succeeds(write), { timeoutMs: 10_000 })

  expect(await portOf(pool)).toBe(new URL(standby.url).port)
})

async function startPair(): Promise<{ primary: Primary; standby: Standby }> {
  const primary = await startPrimaryWithStandbys(1)
  return { primary, standby: primary.standbys[0]! }
}

function openHosts(urls: readonly string[], attributes: string): Pool {
  return openPool(hostsUrl(urls, attributes))
}

async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  return await work().then(
    () => true,
    () => false,
  )
}

async function portOf(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ port: string }>('SELECT inet_server_port()::text AS port')
  return rows[0]!.port
}

/** Where nobody listens. */
async function awayFrom(url: string): Promise<string> {
  return at(url, await choosePort(0))
}

/** Where somebody listens, and says nothing. */
async function silentBeside(url: string): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return at(url, (server.address() as { port: number }).port)
}

function at(url: string, port: number): string {
  const moved = new URL(url)
  moved.port = String(port)
  return moved.href
}
