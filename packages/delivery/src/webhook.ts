/** The path of ingest's URL that takes webhooks. It never changes: it is registered at the vendor. */
export const webhookPath = '/webhooks/vss'
