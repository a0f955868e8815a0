import { Pool } from 'undici'

const connections = 16

/** Posts each body once. @returns their delivery ids, in order. @throws Error when one is not acknowledged. */
export async function postBodies(webhookUrl: string, bodies: readonly Uint8Array[]): Promise<string[]> {
  const { origin, pathname } = new URL(webhookUrl)
  const client = new Pool(origin, { connections })
  try {
    return await Promise.all(
      bodies.map(async (body) => {
        const response = await client.request({ method: 'POST', path: pathname, body })
        if (response.statusCode !== 200)
          throw new Error(`a POST was answered with ${response.statusCode}: expected 200`)
        return ((await response.body.json()) as { deliveryId: string }).deliveryId
      }),
    )
  } finally {
    await client.close()
  }
}
