/**
 * Posts the bodies of load-generator.ts, which describes the protocol: `autocannon.ts URL CONNECTIONS`. It stands in for
 * wrk with wrk.lua where there is no wrk, and needs several times the CPU.
 */
import autocannon from 'autocannon'

const url = process.argv[2]!
const connections = Number(process.argv[3])

const input = createReader(process.stdin)
const bodies: Buffer[] = []
for (let missing = Number(await input.line()); missing > 0; missing--) {
  bodies.push(await input.bytes(Number(await input.line())))
}
console.log('ready')
await input.line()

let started = 0
const result = await autocannon({
  url,
  connections,
  amount: bodies.length,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  // Each connection gets its share of the bodies, because autocannon posts all requests of every connection.
  setupClient(client) {
    const first = started++
    client.setRequests(bodies.filter((_, index) => index % connections === first).map((body) => ({ body })))
  },
})
process.once('SIGINT', () => {
  const failed = result.non2xx + result.errors + result.timeouts
  console.log(JSON.stringify({ answered: result['2xx'] + result.non2xx, failed }))
  process.exit(0)
})
console.log('answered')

/** Reads lines and counted bytes in turn. */
function createReader(stream: AsyncIterable<Buffer>) {
  const chunks = stream[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)

  async function more(): Promise<void> {
    const { value, done } = await chunks.next()
    if (done) throw new Error('the input ended too early')
    rest = Buffer.concat([rest, value])
  }

  function take(length: number, dropped = 0): Buffer {
    const taken = rest.subarray(0, length)
    rest = rest.subarray(length + dropped)
    return taken
  }

  return {
    async line(): Promise<string> {
      while (!rest.includes('\n')) await more()
      return take(rest.indexOf('\n'), 1).toString('latin1')
    },
    async bytes(count: number): Promise<Buffer> {
      while (rest.length < count) await more()
      return take(count)
    },
  }
}
