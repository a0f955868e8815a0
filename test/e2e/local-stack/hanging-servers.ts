import { startLocalServers } from '../../support/servers/local.ts'

// Starts the servers of a test run, prints their ports, and runs until it is killed.
const { databaseUrl, redisUrl } = await startLocalServers({})
console.log(JSON.stringify([databaseUrl, redisUrl].map((url) => Number(new URL(url).port))))
setInterval(() => undefined, 60_000)
