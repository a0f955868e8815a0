import { expect, test } from 'vitest'
import { createRoom } from './room.ts'

/** Starts work that goes on until the test ends it. */
function createWorks(capacity: number) {
  const room = createRoom(capacity)
  const started: string[] = []
  const ends = new Map<string, { succeed: () => void; fail: (error: Error) => void }>()
  function enter(name: string, size: number): Promise<string> {
    return room.within(size, () => {
      started.push(name)
      return new Promise<string>((resolve, reject) => {
        ends.set(name, { succeed: () => resolve(name), fail: reject })
      })
    })
  }
  return { enter, started, end: (name: string) => ends.get(name)!, turn: () => new Promise(setImmediate) }
}

test('work starts when there is room for it, in the order of the calls', async () => {
  const { enter, started, end, turn } = createWorks(10)
  const a = enter('a', 6)
  const b = enter('b', 5)
  const c = enter('c', 1)
  await turn()
  expect(started).toEqual(['a'])
  end('a').succeed()
  expect(await a).toBe('a')
  await turn()
  expect(started).toEqual(['a', 'b', 'c'])
  end('b').succeed()
  end('c').succeed()
  expect(await Promise.all([b, c])).toEqual(['b', 'c'])
})

test('work that is larger than the room runs alone', async () => {
  const { enter, started, end, turn } = createWorks(10)
  const small = enter('small', 1)
  const huge = enter('huge', 11)
  const after = enter('after', 1)
  await turn()
  expect(started).toEqual(['small'])
  end('small').succeed()
  await small
  await turn()
  expect(started).toEqual(['small', 'huge'])
  end('huge').succeed()
  await huge
  await turn()
  expect(started).toEqual(['small', 'huge', 'after'])
  end('after').succeed()
  await after
})

test('work that fails frees its room, and rejects with its error', async () => {
  const { enter, started, end, turn } = createWorks(1)
  const failing = enter('failing', 1)
  const next = enter('next', 1)
  await turn()
  end('failing').fail(new Error('no luck'))
  await expect(failing).rejects.toThrow('no luck')
  await turn()
  expect(started).toEqual(['failing', 'next'])
  end('next').succeed()
  await next
})
