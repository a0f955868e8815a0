import { expect, inject, test } from 'vitest'
test('x', async () => { console.log(inject('databaseUrl'), inject('redisUrl')); if (process.env.HANG) await new Promise(r => setTimeout(r, 20000)); expect(1).toBe(1) })
