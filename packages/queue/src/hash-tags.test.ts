import { expect, test } from 'vitest'
import { hashTags, mostShards } from './hash-tags.ts'
import { slotOf } from './nodes.ts'
import { shardPrefix } from './topology.ts'

const slots = 16_384
const prefixes = Array.from({ length: mostShards }, (_, index) => shardPrefix('{vss}', index))

/** The number of the first `shards` shards on each of so many nodes, which have equal ranges of slots. */
function spreadOver(nodes: number, shards: number): number[] {
  const counts = Array.from({ length: nodes }, () => 0)
  for (const prefix of prefixes.slice(0, shards)) {
    const node = Math.floor((slotOf(`${prefix}:batches:wait`) * nodes) / slots)
    counts[node] = counts[node]! + 1
  }
  return counts
}

function unevenness(nodes: number, shards: number): number {
  const counts = spreadOver(nodes, shards)
  return Math.max(...counts) - Math.min(...counts)
}

test('there is a tag for every shard, and no two are the same', () => {
  expect(new Set(hashTags).size).toBe(mostShards - 1)
  expect(new Set(prefixes).size).toBe(mostShards)
})

test('six shards on three nodes are two on each', () => {
  expect(spreadOver(3, 6)).toEqual([2, 2, 2])
})

test('on up to six nodes, every multiple of their number is spread evenly, and every other number nearly so', () => {
  for (let nodes = 1; nodes <= 6; nodes++) {
    for (let shards = nodes; shards <= mostShards; shards++) {
      const most = shards % nodes === 0 ? 0 : 1
      expect(unevenness(nodes, shards), `${shards} shards on ${nodes} nodes`).toBeLessThanOrEqual(most + 1)
      if (most === 0) expect(unevenness(nodes, shards), `${shards} shards on ${nodes} nodes`).toBe(0)
    }
  }
})

// No order of points is even for every number of ranges beyond 17 points.
test('on up to sixteen nodes, as many shards as nodes are on a node each, or nearly so', () => {
  for (let nodes = 7; nodes <= 16; nodes++) {
    expect(unevenness(nodes, nodes), `${nodes} shards on ${nodes} nodes`).toBeLessThanOrEqual(
      nodes < 15 ? 0 : 2,
    )
    for (let shards = nodes; shards <= mostShards; shards++) {
      expect(unevenness(nodes, shards), `${shards} shards on ${nodes} nodes`).toBeLessThanOrEqual(3)
    }
  }
})

test('the first shard has the keys of the setting, and every other its own tag', () => {
  expect(shardPrefix('{vss}', 0)).toBe('{vss}')
  expect(shardPrefix('{vss}', 1)).toBe(`vss{${hashTags[0]}}`)
  expect(shardPrefix('eu:{vss}:calls', 2)).toBe(`eu:vss:calls{${hashTags[1]}}`)
  expect(shardPrefix('plain', 3)).toBe(`plain{${hashTags[2]}}`)
})
