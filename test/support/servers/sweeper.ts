/**
 * Outlives the process that started it, however that ends, and then sweeps away what it has left in temporary
 * folders: a test run that is killed can do nothing itself any more.
 */
import { createTemporaryFolder } from '@vss-pipeline/local-stack'

process.stdin.resume().once('end', async () => {
  await (await createTemporaryFolder()).remove()
})
