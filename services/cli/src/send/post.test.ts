import { describe, expect, it } from 'vitest'
import { readAnswer } from './post.ts'

const deliveryId = '01a2031c-3673-77d7-a414-7c75df50371e'

describe('readAnswer', () => {
  it('takes a 200 with a delivery id for an acknowledgement', () => {
    expect(readAnswer(200, JSON.stringify({ deliveryId }))).toEqual({ status: 200, code: null, deliveryId })
  })

  it.each(['{}', 'null', '"OK"', '<html>', '', '{"deliveryId":7}', '{"deliveryId":"../../etc/passwd"}'])(
    'takes a 200 with %j for no acknowledgement',
    (text) => {
      expect(readAnswer(200, text)).toEqual({ status: 200, code: 'no_delivery_id', deliveryId: null })
    },
  )

  it('reads the code of an error', () => {
    const text = '{"error":{"code":"unauthorized","message":"the secret is missing or wrong"}}'
    expect(readAnswer(401, text)).toEqual({ status: 401, code: 'unauthorized', deliveryId: null })
  })

  it.each(['', '<html>', '{"error":"no"}', '{"error":{"code":"\\u001b[2J"}}', '{"error":{"code":502}}'])(
    'reads no code from %j',
    (text) => {
      expect(readAnswer(502, text)).toEqual({ status: 502, code: null, deliveryId: null })
    },
  )

  it('ignores a delivery id in an answer other than 200', () => {
    expect(readAnswer(503, JSON.stringify({ deliveryId })).deliveryId).toBeNull()
  })
})
