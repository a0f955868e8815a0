import type { RejectedGroup } from '@vss-pipeline/reader'
import { displayCountOf } from '@vss-pipeline/runtime'
import { withDatabase } from '../database.ts'
import type { RejectedOptions } from '../rejected.ts'
import { readReplicaSetting } from '../settings.ts'
import { displayJson, displayValue, indent, renderParagraph, title, toSeconds } from '../text.ts'
import { periodOf } from './period.ts'

/** Prints the groups of rejected deliveries. @throws CommandFailure */
export async function runGroups(options: RejectedOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readReplicaSetting(options, env)
  const period = periodOf(options)
  const { mostGrouped, readRejectedGroups } = await import('@vss-pipeline/reader')
  const bucketSeconds = (period.until.getTime() - period.since.getTime()) / 1000
  const report = await withDatabase(database, (pool) =>
    readRejectedGroups(pool, { ...period, bucketSeconds }),
  )
  const { groups, isCut } = report
  if (options.json) {
    console.log(
      displayJson({ since: period.since.toISOString(), until: period.until.toISOString(), isCut, groups }),
    )
    return
  }
  if (groups.length === 0) {
    console.log(`no delivery was rejected since ${toSeconds(period.since.toISOString())}`)
    return
  }
  console.log(groups.map(renderGroup).join('\n'))
  if (isCut)
    process.stderr.write(`vss: there are more: these are the latest ${mostGrouped.toLocaleString('en-US')}\n`)
}

function renderGroup({ code, path, deliveries, firstAt, lastAt, sampleDeliveryId }: RejectedGroup): string {
  return [
    title(displayValue(code)),
    ...(path === '' ? [] : [renderParagraph(displayValue(path), { indentColumns: 2 })]),
    indent(
      `${displayCountOf(deliveries, 'delivery', 'deliveries')}, ${toSeconds(firstAt)} to ${toSeconds(lastAt)}`,
    ),
    indent(`such as ${sampleDeliveryId}`),
  ].join('\n')
}
