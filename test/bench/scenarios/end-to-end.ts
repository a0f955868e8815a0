import { type Events, makeEvents, postAll } from '../load.ts'
import { type Contestant, ratio, sideBySide } from '../measure.ts'
import { type Peer, peers } from '../peers/index.ts'
import { type Program, startOurs, startPeer } from '../programs.ts'
import { allStored, type Counted, lastCommitMs } from '../rows.ts'
import type { Bench, Scenario } from '../scenario.ts'

const ours = 'this pipeline'

/** From POST to visible row, sustained. */
export const endToEnd: Scenario = {
  name: 'end-to-end',
  async run(bench) {
    const { servers, scale } = bench
    const many = makeEvents(60_000 * scale, 'end-to-end')
    const some = makeEvents(12_000 * scale, 'end-to-end')

    const measured = await sideBySide({
      ...bench,
      contestants: [
        contestant(bench, ours, many, 'vss.deliveries', [
          () => startOurs('worker', servers),
          () => startOurs('ingest', servers),
        ]),
        ...[peers.insertInHandler, peers.tutorial, peers.pgBoss, peers.graphile].map((peer: Peer) => {
          const programs = peer.worker === undefined ? [peer.ingest] : [peer.worker, peer.ingest]
          return contestant(
            bench,
            peer.name,
            some,
            'vss.sessions',
            programs.map((path) => () => startPeer(path, servers)),
          )
        }),
      ],
    })
    const against = (name: string, limit: number, aim: number) => ({
      what: `end to end against ${name}`,
      value: ratio(measured, ours, name),
      unit: '×' as const,
      limit,
      aim,
    })
    return {
      title: 'End to end',
      method:
        'All events posted from 64 connections, one process of each kind; counted from the first POST to the last visible row.',
      tables: [{ unit: 'events/s', measured, comparedWith: ours }],
      targets: [
        against(peers.insertInHandler.name, 1.7, 3),
        against(peers.tutorial.name, 3, 6),
        against(peers.pgBoss.name, 3, 6),
        against(peers.graphile.name, 3, 6),
      ],
    }
  },
}

/** @param starts the programs to start; the last of them takes the deliveries. */
function contestant(
  { servers }: Bench,
  name: string,
  events: Events,
  counted: Counted,
  starts: (() => Promise<Program>)[],
): Contestant {
  return {
    name,
    async measure() {
      await servers.reset()
      const programs: Program[] = []
      try {
        for (const start of starts) programs.push(await start())
        const startedAtMs = Date.now()
        await postAll(programs.at(-1)!.webhookUrl, events.bodies)
        await allStored(servers, counted, events)
        return (events.bodies.length * 1000) / ((await lastCommitMs(servers, counted)) - startedAtMs)
      } finally {
        for (const program of programs.toReversed()) await program.stop()
      }
    },
  }
}
