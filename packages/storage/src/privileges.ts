/**
 * The privileges of each role on each object of schema `vss`. Each `migrate` grants them to the roles of
 * deploy/postgres/roles.sql that have been let into the schema. docs/deploying.md shows them, and a test tries each cell.
 *
 * A migration that makes a table, a view or a function adds its line here. The owner, vss_migrator, may do everything.
 */
import { columnNameOf } from './column-name.ts'
import { bodyColumns, type Columns, callLegColumns, deliveryColumns, sessionColumns } from './columns.ts'

/** Every table and view, with all its columns. Partitions have no grants, because all statements name the whole table. */
export const tables = {
  sessions: namesOf(sessionColumns),
  call_legs: namesOf(callLegColumns),
  deliveries: namesOf(deliveryColumns),
  bodies: namesOf(bodyColumns),
  rejected: ['delivery_id', 'received_at', 'source_ip', 'reasons', 'session_id', 'body_text', 'body'],
  leg_numbers: ['session_id', 'leg', 'number', 'number_backwards'],
  feed: ['is_only', 'feed_id', 'system_identifier', 'timeline', 'barrier', 'beaten_at'],
  feed_ancestors: ['feed_id', 'goes_back_to', 'continued_at'],
  feed_status: [
    'barrier',
    'holder',
    'age',
    'since',
    'pid',
    'prepared_name',
    'database_name',
    'application_name',
  ],
  consumers: ['name', 'cursor', 'committed_at'],
  consumer_lag: ['name', 'cursor', 'committed_at', 'state', 'oldest_unread_at', 'lag'],
  watermark: ['is_only', 'complete_until', 'reason', 'updated_at'],
  ingests: ['ingest_id', 'place', 'has_spool', 'complete_until', 'told_at'],
  minutes: ['minute', 'sub_account_id', 'outcome', 'deliveries'],
  minute_tallies: ['minute', 'sub_account_id', 'outcome', 'source', 'deliveries'],
  minute_counts: ['minute', 'sub_account_id', 'outcome', 'source', 'deliveries'],
  sub_account_activity: [
    'sub_account_id',
    'last_received_at',
    'silent_for',
    'usual_gap',
    'longest_gap_7d',
    'is_silent',
  ],
  drift: ['kind', 'path', 'value', 'first_seen', 'last_seen', 'deliveries', 'sample_delivery_id'],
  activity_hours: ['sub_account_id', 'hour', 'first_minute', 'last_minute', 'minutes', 'longest_gap'],
  session_facts: [
    'session_id',
    'sub_account_id',
    'status',
    'started_at',
    'ended_at',
    'duration_seconds',
    'last_action',
    'error_code',
    'error_meaning',
    'answered',
    'ring_seconds',
    'talk_seconds',
    'mos_min',
    'mos_band',
    'packet_loss_max',
    'jitter_ms_max',
    'anomalies',
    'direction',
    'legs',
    'country_pair',
  ],
  calls_a_day: [
    'day',
    'attempts',
    'answered',
    'asr',
    'ner_estimate',
    'minutes',
    'acd_seconds',
    'measured',
    'mos_avg',
    'mos_p10',
    'share_bad',
  ],
  failures_by_cause: ['status', 'error_code', 'error_meaning', 'sessions', 'share', 'latest_at'],
  quality_by_country_pair: [
    'country_pair',
    'attempts',
    'measured',
    'mos_avg',
    'mos_p10',
    'share_fair',
    'share_poor',
    'share_bad',
    'packet_loss_p95',
    'jitter_ms_p95',
  ],
  busiest_hours: ['weekday', 'hour', 'attempts_avg', 'attempts_max', 'minutes_avg'],
  this_week: [
    'day',
    'attempts',
    'attempts_before',
    'attempts_growth',
    'minutes',
    'minutes_before',
    'asr',
    'asr_before',
    'mos_avg',
    'mos_avg_before',
  ],
  figures: [
    'hour',
    'sub_account_id',
    'country_pair',
    'direction',
    'legs',
    'attempts',
    'answered',
    'undelivered',
    'no_answer',
    'busy',
    'canceled',
    'failed',
    'error',
    'other',
    'talk_seconds',
    'answered_talk_seconds',
    'answered_timed',
    'short_calls',
    'excellent',
    'good',
    'fair',
    'poor',
    'bad',
    'ring_seconds',
    'ring_counts',
    'mos',
    'mos_counts',
    'packet_loss',
    'packet_loss_counts',
    'jitter_ms',
    'jitter_counts',
  ],
  figure_hours: ['hour', 'is_current', 'changed_at'],
  figure_losses: ['loss', 'hour'],
  retention: [
    'kind',
    'days',
    'kept_from',
    'swept_until',
    'oldest_at',
    'tried_at',
    'stuck_partition',
    'stuck_since',
  ],
  retention_floor: ['kind', 'days'],
  bodies_in_ledger: ['is_only', 'cleared_until', 'until'],
  figures_progress: ['is_only', 'system_identifier', 'followed_until'],
  migrations: ['id', 'name', 'run_on'],
} satisfies Record<string, readonly string[]>

/** Every function. */
export const functions = [
  'add_up_minutes(integer)',
  'changes(text, integer)',
  'check_buckets(timestamp with time zone, timestamp with time zone, interval)',
  'check_cursor(text, uuid)',
  'check_feed()',
  'check_transaction_ids()',
  'commit(text, text, boolean)',
  'count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[])',
  'delete_expired(text, integer)',
  'drop_expired_partitions()',
  'ensure_body_partitions(integer)',
  'ensure_ledger_partitions(integer)',
  'expired_partitions(timestamp with time zone, timestamp with time zone)',
  'feed_continue()',
  'feed_end()',
  'feed_heartbeat()',
  'feed_holder()',
  'feed_restart()',
  'grant_to_roles()',
  'make_partition(text, text, timestamp with time zone, timestamp with time zone)',
  'mark_change()',
  'mark_lost_sessions()',
  'note_drift(jsonb)',
  'oldest_unread(text)',
  'present_place(text, uuid)',
  'prune_minutes(integer)',
  'read_cursor(text)',
  'refresh_figures(integer, interval)',
  'server_identity()',
  'set_retention(integer, integer, integer)',
  'traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean)',
  'utf8_text(bytea)',
] as const

export type TableName = keyof typeof tables

/** The columns of each privilege. DELETE concerns rows, and says `every`. */
export type TablePrivileges = Partial<
  Record<'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE', 'every' | readonly string[]>
>

export interface RolePrivileges {
  tables: Partial<Record<TableName, TablePrivileges>>
  functions: readonly (typeof functions)[number][]
}

// A body may be anything, because anyone may post.
const readsAllButBodies: RolePrivileges['tables'] = {
  sessions: { SELECT: 'every' },
  call_legs: { SELECT: 'every' },
  leg_numbers: { SELECT: 'every' },
  deliveries: { SELECT: allBut('deliveries', ['body']) },
  rejected: { SELECT: allBut('rejected', ['body', 'body_text']) },
}

/** Figures and counts tell no phone numbers. */
const readsFigures: RolePrivileges['tables'] = {
  minutes: { SELECT: 'every' },
  minute_tallies: { SELECT: 'every' },
  minute_counts: { SELECT: 'every' },
  sub_account_activity: { SELECT: 'every' },
  drift: { SELECT: 'every' },
  session_facts: { SELECT: 'every' },
  calls_a_day: { SELECT: 'every' },
  failures_by_cause: { SELECT: 'every' },
  quality_by_country_pair: { SELECT: 'every' },
  busiest_hours: { SELECT: 'every' },
  this_week: { SELECT: 'every' },
}

/** It runs as its owner, and so do the functions that it calls. */
const traffic = 'traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean)'

const expiredPartitions = 'expired_partitions(timestamp with time zone, timestamp with time zone)'

const readsAll: RolePrivileges['tables'] = {
  sessions: { SELECT: 'every' },
  call_legs: { SELECT: 'every' },
  leg_numbers: { SELECT: 'every' },
  deliveries: { SELECT: 'every' },
  bodies: { SELECT: 'every' },
  rejected: { SELECT: 'every' },
}

/** They tell of which release the schema is. */
const readsMigrations: RolePrivileges['tables'] = { migrations: { SELECT: 'every' } }

/** The state of the change feed and of its consumers, for metrics and `vss status`. */
const watches = {
  tables: {
    feed: { SELECT: 'every' },
    feed_ancestors: { SELECT: 'every' },
    feed_status: { SELECT: 'every' },
    consumers: { SELECT: 'every' },
    consumer_lag: { SELECT: 'every' },
    watermark: { SELECT: 'every' },
    ingests: { SELECT: 'every' },
    retention: { SELECT: 'every' },
    retention_floor: { SELECT: 'every' },
  },
  // The views call them as the role that reads. feed_holder() itself runs as its owner.
  functions: [
    'feed_holder()',
    'oldest_unread(text)',
    'present_place(text, uuid)',
    'read_cursor(text)',
    'server_identity()',
  ],
} as const satisfies RolePrivileges

export const privileges = {
  vss_writer: {
    tables: {
      ...watches.tables,
      sessions: { SELECT: 'every', INSERT: 'every', UPDATE: 'every' },
      call_legs: { SELECT: 'every', INSERT: 'every', DELETE: 'every' },
      // A worker asks whether the ledger has a delivery, and reads no more of it.
      deliveries: { SELECT: ['received_at', 'delivery_id'], INSERT: 'every' },
      bodies: { INSERT: 'every' },
      watermark: { SELECT: 'every', UPDATE: ['complete_until', 'reason', 'updated_at'] },
      ingests: { SELECT: 'every', INSERT: 'every', UPDATE: 'every', DELETE: 'every' },
      minute_tallies: { INSERT: 'every' },
      // For the metric of silent sub-accounts.
      sub_account_activity: { SELECT: 'every' },
    },
    functions: [
      'add_up_minutes(integer)',
      'delete_expired(text, integer)',
      'drop_expired_partitions()',
      'ensure_body_partitions(integer)',
      'ensure_ledger_partitions(integer)',
      'feed_heartbeat()',
      'note_drift(jsonb)',
      'prune_minutes(integer)',
      'refresh_figures(integer, interval)',
      'set_retention(integer, integer, integer)',
      ...watches.functions,
    ],
  },
  vss_reader: {
    tables: {
      ...readsAllButBodies,
      ...readsFigures,
      ...readsMigrations,
      ...watches.tables,
    },
    // The feed's own functions run as the reader, and call each other. commit() runs as its owner.
    functions: [
      'changes(text, integer)',
      'check_cursor(text, uuid)',
      'check_feed()',
      'check_transaction_ids()',
      'commit(text, text, boolean)',
      ...watches.functions,
      'feed_end()',
      traffic,
    ],
  },
  vss_support: {
    tables: { ...readsAll, ...readsFigures, ...readsMigrations, ...watches.tables },
    functions: ['utf8_text(bytea)', expiredPartitions, ...watches.functions, traffic],
  },
  vss_operator: {
    tables: {
      ...readsAll,
      ...readsFigures,
      ...readsMigrations,
      ...watches.tables,
      ingests: { SELECT: 'every', DELETE: 'every' },
      // An outcome is corrected together with its count.
      minute_tallies: { SELECT: 'every', INSERT: 'every' },
      sessions: { SELECT: 'every', INSERT: 'every', UPDATE: 'every', DELETE: 'every' },
      call_legs: { SELECT: 'every', INSERT: 'every', DELETE: 'every' },
      // A delivery that is processed again may get another outcome. Its receipt, its origin and its body stay.
      deliveries: {
        SELECT: 'every',
        UPDATE: ['session_id', 'outcome', 'reasons', 'processed_at', 'pipeline_version', 'history'],
      },
    },
    functions: ['utf8_text(bytea)', expiredPartitions, ...watches.functions],
  },
  vss_analyst: { tables: readsFigures, functions: [traffic] },
} as const satisfies Record<string, RolePrivileges>

export type Role = keyof typeof privileges

/**
 * Makes `vss.grant_to_roles()`, which takes all privileges from each role and gives it those above. roles.sql calls it
 * too, for roles that are made after the migrations. It runs as its caller.
 */
export const createGrantFunction = `CREATE OR REPLACE FUNCTION vss.grant_to_roles()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  REVOKE ALL ON FUNCTION ${functions.map(qualified).join(', ')} FROM PUBLIC;
${Object.entries(privileges).map(grantsTo).join('\n')}
END
$function$;
COMMENT ON FUNCTION vss.grant_to_roles() IS 'Gives the roles of deploy/postgres/roles.sql what they need, where they have been let into the schema. Written by privileges.ts, and called, at the end of every migrate.';
`

/** Roles belong to the whole server. One that nobody let into this database's schema gets nothing. */
function grantsTo([role, { tables: granted, functions: executable }]: [string, RolePrivileges]): string {
  const statements = [
    `REVOKE ALL ON ${Object.keys(tables).map(qualified).join(', ')} FROM ${role}`,
    `REVOKE ALL ON FUNCTION ${functions.map(qualified).join(', ')} FROM ${role}`,
    ...Object.entries(granted).map(([table, on]) => {
      const list = Object.entries(on).map(([privilege, columns]) =>
        columns === 'every' ? privilege : `${privilege} (${columns.join(', ')})`,
      )
      return `GRANT ${list.join(', ')} ON ${qualified(table)} TO ${role}`
    }),
    ...executable.map((name) => `GRANT EXECUTE ON FUNCTION ${qualified(name)} TO ${role}`),
  ]
  return `
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
${statements.map((statement) => `    ${statement};`).join('\n')}
  END IF;`
}

function qualified(name: string): string {
  return `vss.${name}`
}

function namesOf(columns: Columns): string[] {
  return Object.keys(columns).map(columnNameOf)
}

function allBut(table: TableName, columns: readonly string[]): string[] {
  return tables[table].filter((column) => !columns.includes(column))
}
