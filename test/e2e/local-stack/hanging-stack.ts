import { createTemporaryFolder, startStack } from '@vss-pipeline/local-stack'

// Starts the servers in a temporary folder, prints the folder's path, and runs until it is killed.
const folder = await createTemporaryFolder()
await startStack({ folder: folder.path, ports: { postgres: 0, redis: 0 } })
console.log(folder.path)
setInterval(() => undefined, 60_000)
