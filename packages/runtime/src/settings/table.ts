import { databaseUrl } from './database-url.ts'
import {
  addresses,
  apiAddress,
  flag,
  headerName,
  integer,
  one,
  oneOf,
  pairs,
  secrets,
  share,
  text,
  url,
} from './kinds.ts'
import { redisUrl } from './redis-url.ts'
import { type AnySetting, none, sameAs } from './setting.ts'

const mib = 1024 * 1024
const gib = 1024 * mib

/**
 * Every setting of every program. The programs' configurations and their `--help` follow from this table. After a change
 * of it, run `node packages/runtime/src/settings/generate.ts`, which writes the files that repeat it. A program reads
 * its settings with `readSettings`, which gives SPOOL_DIR as `spoolDir`.
 */
export const settings = {
  REDIS_URL: {
    kind: redisUrl(),
    default: { vss: none('that of npm start'), 'npm start': none('a Redis that it starts') },
    readBy: ['ingest', 'worker', 'console', 'vss', 'npm start'],
    help: 'The Redis that holds the queue: one server, a Redis Cluster (redis+cluster://) or a primary that sentinels name (redis+sentinel://). docs/scaling.md, "Redis Cluster and Sentinel", has the forms.',
  },
  REDIS_WAIT_REPLICAS: {
    kind: integer({ min: 0, max: 16 }),
    default: 0,
    readBy: ['ingest'],
    help: 'The number of Redis replicas that must have a delivery before it is acknowledged; docs/reliability.md says why.',
  },
  QUEUE_PREFIX: {
    kind: text(),
    default: '{vss}',
    readBy: ['ingest', 'worker', 'console', 'vss'],
    help: 'Begins the name of every key in Redis. The braces keep all keys in one slot of a cluster.',
  },
  QUEUE_SHARDS: {
    // A bound, because each queue costs every worker a connection.
    kind: integer({ min: 1, max: 64 }),
    default: 1,
    readBy: ['ingest', 'worker'],
    help: 'The number of queues, called shards, that ingest spreads batches over. Workers read as many, and any other that holds batches.',
  },
  DATABASE_URL: {
    kind: databaseUrl({ isWritten: true }),
    default: { vss: none('that of npm start'), 'npm start': none('a Postgres that it starts') },
    readBy: ['worker', 'console', 'migrate', 'vss', 'npm start'],
    help: 'The Postgres that holds the rows: one host, or several of which one takes writes. docs/deploying.md says how.',
  },
  DATABASE_DIRECT_URL: {
    kind: databaseUrl({ isWritten: true }),
    default: none('DATABASE_URL'),
    readBy: ['migrate', 'vss', 'npm start'],
    help: 'The same database without a pooler between, for the migration.',
  },
  READ_DATABASE_URL: {
    kind: databaseUrl(),
    default: none('DATABASE_URL'),
    readBy: ['console', 'vss'],
    help: 'A replica of that Postgres, for the console and for the commands that only read.',
  },
  OPERATOR_DATABASE_URL: {
    kind: databaseUrl({ isWritten: true }),
    default: { console: none('no buttons that change rows') },
    readBy: ['console'],
    help: 'The same Postgres for a role that may change rows, vss_operator. With it the console has buttons that reprocess deliveries: docs/console.md.',
  },
  HOST: {
    kind: text('an address or a host name'),
    default: '127.0.0.1',
    readBy: ['ingest', 'worker', 'console', 'npm start'],
    help: 'The address to listen on. The container image sets 0.0.0.0.',
  },
  PORT: {
    kind: integer({ min: 0, max: 65_535 }),
    default: 8080,
    readBy: ['ingest', 'npm start'],
    help: 'The port of the webhook. 0 picks a free one, which the log line "listening" names.',
  },
  OPS_HOST: {
    kind: text('an address or a host name'),
    default: sameAs('HOST'),
    readBy: ['ingest', 'worker', 'console'],
    help: 'The address of /livez, /readyz and /metrics. The public must not reach it.',
  },
  OPS_PORT: {
    kind: integer({ min: 0, max: 65_535 }),
    default: { ingest: 9464, worker: 9465, console: 9466 },
    readBy: ['ingest', 'worker', 'console'],
    help: 'The port of /livez, /readyz and /metrics.',
  },
  WEBHOOK_SECRETS: {
    kind: secrets(),
    default: [],
    readBy: ['ingest', 'npm start', 'vss'],
    help: 'The secrets of the webhook: a request with one of them is authentic. A file has one a line. Unless HOST is loopback, ingest needs a secret, and each must have 16 characters or more: openssl rand -hex 32. vss webhook register gives the first one to 8x8.',
  },
  WEBHOOK_AUTH_HEADER: {
    kind: headerName(),
    default: 'authorization',
    readBy: ['ingest', 'npm start'],
    help: 'The request header whose whole value is the secret.',
  },
  ALLOW_UNAUTHENTICATED: {
    kind: flag(),
    default: false,
    readBy: ['ingest'],
    help: "Without secrets, anyone's POST is accepted, whatever HOST is.",
  },
  ALLOWED_IPS: {
    kind: addresses(),
    default: [],
    readBy: ['ingest'],
    help: 'The addresses of senders that are allowed, separated by commas. Without any, all are.',
  },
  TRUSTED_PROXIES: {
    kind: addresses(),
    default: [],
    readBy: ['ingest', 'console'],
    help: 'The addresses of proxies whose X-Forwarded-For is trusted, separated by commas.',
  },
  MAX_BODY_BYTES: {
    kind: integer({ min: 1_024, max: 16 * mib }),
    default: 65_536,
    readBy: ['ingest'],
    help: 'A body with more bytes is answered 413.',
  },
  MAX_CONNECTIONS: {
    kind: integer({ min: 1, max: 1_000_000 }),
    default: 4_096,
    readBy: ['ingest'],
    help: 'The number of open connections. Beyond it the one that has been idle for longest is closed, or the new one if none is idle.',
  },
  REQUEST_TIMEOUT_MS: {
    kind: integer({ min: 100, max: 600_000 }),
    default: 10_000,
    readBy: ['ingest'],
    help: 'Milliseconds for a request to arrive, headers and body, and for its answer to be read.',
  },
  KEEP_ALIVE_TIMEOUT_MS: {
    kind: integer({ min: 1_000, max: 86_400_000 }),
    // Longer than the usual proxies keep their side open, Google's 600 s included. A proxy that sends while ingest
    // closes finds the connection reset, and does not send a POST again.
    default: 620_000,
    readBy: ['ingest'],
    help: 'Milliseconds that a connection without a request stays open. It must be longer than a proxy in front keeps it, see docs/deploying.md.',
  },
  ENQUEUE_TIMEOUT_MS: {
    kind: integer({ min: 10, max: 60_000 }),
    default: 500,
    readBy: ['ingest'],
    help: 'Milliseconds from the receipt of a delivery until Redis must have it on disk. A later one goes to the spool or, without a spool, is answered 503.',
  },
  SPOOL_DIR: {
    kind: text('the path of a folder'),
    default: { ingest: none('no spool'), 'npm start': none('spool in DATA_DIR') },
    readBy: ['ingest', 'npm start'],
    help: 'The folder, on a local disk, that keeps deliveries while Redis does not take them. Compose and the Kubernetes manifests set one.',
  },
  SPOOL_MAX_BYTES: {
    kind: integer({ min: mib, max: 1024 * gib }),
    default: gib,
    readBy: ['ingest'],
    help: 'Bytes that the spool may hold, beside 8 MiB in reserve. Beyond them the answer is 503.',
  },
  MAX_WAITING_BYTES: {
    kind: integer({ min: mib, max: 64 * gib }),
    default: 64 * mib,
    readBy: ['ingest'],
    help: 'Bytes of memory for bodies that arrive or wait to be kept. Beyond them the answer is 503.',
  },
  WORKER_CONCURRENCY: {
    kind: integer({ min: 1, max: 1_000 }),
    default: 64,
    readBy: ['worker'],
    help: 'The number of batches that a worker has in hand at once.',
  },
  BODY_RETENTION_DAYS: {
    kind: integer({ min: 1, max: 36_500 }),
    default: none('as long as the ledger'),
    readBy: ['worker'],
    help: 'Whole days after receipt for which a request body is kept: at most LEDGER_RETENTION_DAYS. docs/operating.md, "Retention".',
  },
  LEDGER_RETENTION_DAYS: {
    kind: integer({ min: 1, max: 36_500 }),
    default: none('for ever'),
    readBy: ['worker'],
    help: 'Whole days after receipt for which a row of the ledger is kept.',
  },
  SESSION_RETENTION_DAYS: {
    kind: integer({ min: 1, max: 36_500 }),
    default: none('for ever'),
    readBy: ['worker'],
    help: 'Whole days after the receipt of its latest delivery for which a session is kept, with its legs.',
  },
  LOG_LEVEL: {
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    readBy: ['ingest', 'worker', 'console'],
    help: 'The least severe lines that are logged.',
  },
  SHUTDOWN_TIMEOUT_MS: {
    kind: integer({ min: 100, max: 600_000 }),
    default: 20_000,
    readBy: ['ingest', 'worker', 'console'],
    help: 'Milliseconds after SIGTERM to finish the work in hand.',
  },
  CONSOLE_PORT: {
    kind: integer({ min: 0, max: 65_535 }),
    default: 8090,
    readBy: ['console', 'npm start'],
    help: 'The port of the console. 0 picks a free one, which the log line "listening" names.',
  },
  CONSOLE_PASSWORD: {
    kind: text('a password'),
    default: { console: none('no password') },
    readBy: ['console'],
    help: 'The password of the console. Unless HOST is loopback it needs one, of 8 characters or more: openssl rand -base64 18.',
  },
  CONSOLE_NUMBERS: {
    kind: oneOf('masked', 'on-click', 'shown'),
    default: 'masked',
    readBy: ['console'],
    help: "The phone numbers on the console's pages: masked for good, masked until somebody clicks, which is logged, or shown.",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    kind: url('http:', 'https:'),
    default: none('no traces'),
    readBy: ['ingest', 'worker'],
    help: 'The OpenTelemetry collector that traces go to, such as http://127.0.0.1:4318, by OTLP over HTTP. Without it the SDK of OpenTelemetry is not loaded.',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    kind: url('http:', 'https:'),
    default: none('below the endpoint'),
    readBy: ['ingest', 'worker'],
    help: 'The whole URL for traces, where it is not /v1/traces below OTEL_EXPORTER_OTLP_ENDPOINT.',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    kind: pairs(),
    default: none('none'),
    readBy: ['ingest', 'worker'],
    help: 'The headers of the requests to the collector, such as a key. Other characters than letters and digits may be written as %2C.',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    kind: oneOf('http/protobuf'),
    default: 'http/protobuf',
    readBy: ['ingest', 'worker'],
    help: 'The form of the traces.',
  },
  OTEL_TRACES_EXPORTER: {
    kind: oneOf('otlp', 'none'),
    default: none('otlp where an endpoint is set'),
    readBy: ['ingest', 'worker'],
    help: 'otlp without an endpoint sends to http://localhost:4318. none records no traces.',
  },
  OTEL_TRACES_SAMPLER: {
    kind: oneOf(
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ),
    default: 'parentbased_always_on',
    readBy: ['ingest', 'worker'],
    help: 'The POSTs and batches that are recorded. parentbased: a POST where its sender records it, and a batch where one of its POSTs is recorded; without such a parent as the rest of the name says.',
  },
  OTEL_TRACES_SAMPLER_ARG: {
    kind: share(),
    default: 1,
    readBy: ['ingest', 'worker'],
    help: 'The share that traceidratio records: 0.01 is one of a hundred.',
  },
  OTEL_SERVICE_NAME: {
    kind: text('a name'),
    default: { ingest: none('vss-ingest'), worker: none('vss-worker') },
    readBy: ['ingest', 'worker'],
    help: 'The name of the service in its traces.',
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    kind: pairs(),
    default: none('none'),
    readBy: ['ingest', 'worker'],
    help: 'Further attributes of the service in its traces, such as deployment.environment.name=production.',
  },
  OTEL_BSP_SCHEDULE_DELAY: {
    kind: integer({ min: 10, max: 60_000 }),
    default: 5_000,
    readBy: ['ingest', 'worker'],
    help: 'Milliseconds that a span waits at most before it is sent to the collector.',
  },
  OTEL_SDK_DISABLED: {
    kind: flag(),
    default: false,
    readBy: ['ingest', 'worker'],
    help: 'true records no traces, whatever else is set.',
  },
  DATA_DIR: {
    kind: text('the path of a folder'),
    default: '.data',
    readBy: ['npm start', 'vss'],
    help: "The folder of npm start's servers, from the project's folder.",
  },
  VSS_NO_APT: {
    kind: one(),
    default: false,
    readBy: ['npm start'],
    help: 'A missing redis-server is not installed with apt-get, not even as root.',
  },
  VSS_SECRET: {
    kind: text('the whole value of the header'),
    default: none('no secret'),
    readBy: ['vss'],
    help: 'The secret that vss send posts with.',
  },
  VSS_API_KEY: {
    kind: text('a key that was made in the customer portal of 8x8'),
    default: none('no key'),
    readBy: ['vss'],
    help: 'The key of the Webhooks API of 8x8, for vss webhook.',
  },
  VSS_API_URL: {
    kind: apiAddress(),
    default: 'https://voice.8x8.com',
    readBy: ['vss'],
    help: 'The address of the Webhooks API of 8x8.',
  },
} as const satisfies Record<string, AnySetting>
