import { styleText } from 'node:util'
import { webhookPath } from '@vss-pipeline/delivery'
import { findOnPath } from './path-search.ts'

/** The session of test/fixtures/example-completed.json. */
const exampleSessionId = '1f048a84-ea6d-11ee-911b-078f7290bf52'
const exampleFile = 'test/fixtures/example-completed.json'

/**
 * Renders the text that `npm start` shows when all is up: the addresses, a command that posts a delivery, and a command
 * that shows its row. Both commands are for the project's folder and hold no password. They go over several lines, so
 * that the text fits a terminal of 80 columns.
 */
export function renderBanner(options: {
  ingestUrl: string
  ingestOpsUrl: string
  workerOpsUrl: string
  consoleUrl: string
  /** The data folder. `vss` looks for the servers in .data unless DATA_DIR names another folder. */
  folder: string
  /** The file with the URL of the embedded Postgres; undefined when DATABASE_URL was given. */
  databaseUrlFile: string | undefined
  /** The header that ingest asks for; undefined when it asks for none. */
  authHeader: string | undefined
}): string {
  const { ingestUrl, ingestOpsUrl, workerOpsUrl, consoleUrl, folder, databaseUrlFile, authHeader } = options
  const url = `${ingestUrl}${webhookPath}`
  const header = authHeader ? ` -H '${authHeader}: one of WEBHOOK_SECRETS' \\\n   ` : ''
  const query = `select * from vss.sessions
      where session_id = '${exampleSessionId}'`
  const database = databaseUrlFile ? `"$(cat ${databaseUrlFile})"` : '"$DATABASE_URL"'
  const environment = folder === '.data' ? '' : `DATA_DIR=${folder} \\\n    `
  const showRow = findOnPath('psql')
    ? `psql ${database} \\\n    -xc "${query}"`
    : `${environment}npx vss sessions show ${exampleSessionId}`
  return `
${strong('vss-pipeline is running.')} Ctrl-C stops it.

  console  ${consoleUrl}
  webhook  ${url}
  metrics  ${ingestOpsUrl}/metrics  ${workerOpsUrl}/metrics
  data     ${folder}

${strong("Post the vendor's example:")}

  curl -w '\\n'${header} --data-binary @${exampleFile} \\
    ${url}

${strong('Show the row:')}

  ${showRow}
`
}

function strong(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}
