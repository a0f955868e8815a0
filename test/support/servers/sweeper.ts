/**
 * Stops and removes everything that a killed test run left in temporary folders, because the run itself cannot. It
 * waits for the end of its standard input, which is the end of the run.
 */
import { createTemporaryFolder } from '@vss-pipeline/local-stack'

process.stdin.resume().once('end', async () => {
  await (await createTemporaryFolder()).remove()
})
