import { Pool } from 'undici'

const connections = 16

/** Posts bodies, each once. @returns their delivery ids, in order. @throws at the first that is not acknowledged. */
export async function postBodies(webhookUrl: string, bodies: readonly Uint8Array[]): Promise<string[]> {
  const { origin, pathname } = new URL(webhookUrl)
  const client = new Pool(origin, { connections })
  try {
    return await Promise.all(
      bodies.map(async (body) => {
        const response = await client.request({ method: 'POST', path: pathname, body })
        if (response.statusCode !== 200) throw new Error(`a POST was answered with ${response.statusCode}`)
        return ((await response.body.json()) as { deliveryId: string }).deliveryId
      }),
    )
  } finally {
    await client.close()
  }
}
