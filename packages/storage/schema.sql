-- Schema vss as the migrations leave it. Written by schema.test.ts: npx vitest run schema -u
-- Not shown: partitions of months and days, and vss.migrations, the record of what was applied.

CREATE SCHEMA vss;
COMMENT ON SCHEMA vss IS '8x8 Voice Session Summaries: one row a session and one a call leg, and the ledger of every delivery received.';

CREATE TABLE vss.activity_hours (
  sub_account_id text NOT NULL,
  hour timestamp with time zone NOT NULL,
  first_minute timestamp with time zone NOT NULL,
  last_minute timestamp with time zone NOT NULL,
  minutes integer NOT NULL,
  longest_gap interval NOT NULL,
  CONSTRAINT activity_hours_pkey PRIMARY KEY (sub_account_id, hour)
);
COMMENT ON TABLE vss.activity_hours IS 'One row a sub-account and hour with deliveries by webhook; written by vss.add_up_minutes(). Read vss.sub_account_activity.';
COMMENT ON COLUMN vss.activity_hours.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.activity_hours.hour IS 'The hour, in UTC';
COMMENT ON COLUMN vss.activity_hours.first_minute IS 'Its first minute with a delivery';
COMMENT ON COLUMN vss.activity_hours.last_minute IS 'Its last minute with a delivery';
COMMENT ON COLUMN vss.activity_hours.minutes IS 'How many minutes have a delivery';
COMMENT ON COLUMN vss.activity_hours.longest_gap IS 'The longest time between two of these minutes with none between them; 0 where there is one minute';

CREATE TABLE vss.bodies (
  delivery_id uuid NOT NULL,
  received_at timestamp with time zone NOT NULL,
  body bytea NOT NULL,
  CONSTRAINT bodies_pkey PRIMARY KEY (received_at, delivery_id)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE vss.bodies IS 'The request bodies of the ledger''s deliveries. Partitioned by day of received_at, in UTC.';
COMMENT ON COLUMN vss.bodies.delivery_id IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.bodies.received_at IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.bodies.body IS 'The request body as received, byte for byte';

CREATE TABLE vss.bodies_default PARTITION OF vss.bodies DEFAULT;
COMMENT ON TABLE vss.bodies_default IS 'Bodies of days without a partition of their own';

CREATE TABLE vss.bodies_in_ledger (
  is_only boolean DEFAULT true NOT NULL,
  cleared_until timestamp with time zone NOT NULL,
  until timestamp with time zone NOT NULL,
  CONSTRAINT bodies_in_ledger_pkey PRIMARY KEY (is_only),
  CONSTRAINT bodies_in_ledger_one_row CHECK (is_only)
);
COMMENT ON TABLE vss.bodies_in_ledger IS 'One row while the ledger may have bodies of its own, from before vss.bodies; else empty.';
COMMENT ON COLUMN vss.bodies_in_ledger.is_only IS 'Key of the only row';
COMMENT ON COLUMN vss.bodies_in_ledger.cleared_until IS 'Retention has cleared those of deliveries received before';
COMMENT ON COLUMN vss.bodies_in_ledger.until IS 'There are none from then on';

CREATE TABLE vss.call_legs (
  session_id uuid NOT NULL,
  leg text NOT NULL,
  call_id uuid,
  direction text,
  call_type text,
  status text,
  initiated_at timestamp with time zone,
  connected_at timestamp with time zone,
  disconnected_at timestamp with time zone,
  ring_seconds double precision,
  duration_seconds integer,
  source text,
  destination text,
  source_format text,
  destination_format text,
  source_country text,
  destination_country text,
  source_ref_id text,
  destination_ref_id text,
  source_type text,
  destination_type text,
  mos real,
  mos_band text,
  packet_loss_rate real,
  jitter_ms real,
  error_code integer,
  error_message text,
  CONSTRAINT call_legs_pkey PRIMARY KEY (session_id, leg),
  CONSTRAINT call_legs_leg_letter CHECK ((leg ~ '^[A-Z]$'::text)),
  CONSTRAINT call_legs_mos_band_known CHECK ((mos_band = ANY (ARRAY['excellent'::text, 'good'::text, 'fair'::text, 'poor'::text, 'bad'::text])))
);
CREATE INDEX call_legs_call_id_idx ON vss.call_legs USING btree (call_id);
CREATE INDEX call_legs_number_backwards_idx ON vss.call_legs USING btree (reverse(
CASE direction
    WHEN 'INBOUND'::text THEN source
    ELSE destination
END) text_pattern_ops);
COMMENT ON TABLE vss.call_legs IS 'One row a call leg of a session: the member callA, callB, ... of payload.details.';
COMMENT ON COLUMN vss.call_legs.session_id IS 'The session the leg belongs to';
COMMENT ON COLUMN vss.call_legs.leg IS 'A, B, ...: the letter of the member callA, callB, ...';
COMMENT ON COLUMN vss.call_legs.call_id IS 'callId';
COMMENT ON COLUMN vss.call_legs.direction IS 'callDirection: INBOUND or OUTBOUND, as seen from 8x8';
COMMENT ON COLUMN vss.call_legs.call_type IS 'callType: PSTN or VOIP';
COMMENT ON COLUMN vss.call_legs.status IS 'callStatus in canonical spelling, such as COMPLETED or NO_ANSWER';
COMMENT ON COLUMN vss.call_legs.initiated_at IS 'initiatedTimestamp; may lie before the session''s started_at';
COMMENT ON COLUMN vss.call_legs.connected_at IS 'connectedTimestamp; null when nobody answered';
COMMENT ON COLUMN vss.call_legs.disconnected_at IS 'disconnectedTimestamp';
COMMENT ON COLUMN vss.call_legs.ring_seconds IS 'Computed, seconds: initiated_at to connected_at; null when never connected';
COMMENT ON COLUMN vss.call_legs.duration_seconds IS 'callDuration: seconds connected, as sent';
COMMENT ON COLUMN vss.call_legs.source IS 'source: the number the leg came from, as sent';
COMMENT ON COLUMN vss.call_legs.destination IS 'destination: the number the leg went to, as sent';
COMMENT ON COLUMN vss.call_legs.source_format IS 'sourceFormat, such as MSISDN';
COMMENT ON COLUMN vss.call_legs.destination_format IS 'destinationFormat, such as MSISDN';
COMMENT ON COLUMN vss.call_legs.source_country IS 'sourceCountryCode: ISO 3166-1 alpha-2, as sent';
COMMENT ON COLUMN vss.call_legs.destination_country IS 'destinationCountryCode: ISO 3166-1 alpha-2, as sent';
COMMENT ON COLUMN vss.call_legs.source_ref_id IS 'sourceRefId: the virtual number''s reference id, on OUTBOUND legs';
COMMENT ON COLUMN vss.call_legs.destination_ref_id IS 'destinationRefId: the virtual number''s reference id, on INBOUND legs';
COMMENT ON COLUMN vss.call_legs.source_type IS 'libphonenumber''s type of source, such as MOBILE or FIXED_LINE; null when it cannot tell';
COMMENT ON COLUMN vss.call_legs.destination_type IS 'libphonenumber''s type of destination; null when it cannot tell';
COMMENT ON COLUMN vss.call_legs.mos IS 'callQuality.mos: mean opinion score, 1.0 (worst) to 5.0';
COMMENT ON COLUMN vss.call_legs.mos_band IS 'The vendor''s band of mos: excellent, good, fair, poor or bad';
COMMENT ON COLUMN vss.call_legs.packet_loss_rate IS 'callQuality.packetLossRate, a fraction: 0.01 is 1 %';
COMMENT ON COLUMN vss.call_legs.jitter_ms IS 'callQuality.jitter, milliseconds';
COMMENT ON COLUMN vss.call_legs.error_code IS 'errorDetails.errorCode where it was sent on the leg';
COMMENT ON COLUMN vss.call_legs.error_message IS 'errorDetails.errorMsg where it was sent on the leg';

CREATE TABLE vss.consumers (
  name text NOT NULL,
  cursor text NOT NULL,
  committed_at timestamp with time zone NOT NULL,
  CONSTRAINT consumers_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE vss.consumers IS 'One row a consumer of vss.changes: how far it has come. Written by vss.commit().';
COMMENT ON COLUMN vss.consumers.name IS 'Chosen by the consumer';
COMMENT ON COLUMN vss.consumers.cursor IS 'The last change that it has dealt with';
COMMENT ON COLUMN vss.consumers.committed_at IS 'When it said so';

CREATE TABLE vss.deliveries (
  delivery_id uuid NOT NULL,
  received_at timestamp with time zone NOT NULL,
  source_ip inet,
  body bytea,
  body_sha256 bytea,
  session_id uuid,
  outcome text NOT NULL,
  reasons jsonb NOT NULL,
  processed_at timestamp with time zone NOT NULL,
  pipeline_version text NOT NULL,
  source text DEFAULT 'webhook'::text NOT NULL,
  history jsonb,
  CONSTRAINT deliveries_pkey PRIMARY KEY (received_at, delivery_id),
  CONSTRAINT deliveries_outcome_known CHECK ((outcome = ANY (ARRAY['stored'::text, 'duplicate'::text, 'superseded'::text, 'rejected'::text]))),
  CONSTRAINT deliveries_reasons_if_rejected CHECK (((outcome = 'rejected'::text) = (reasons <> '[]'::jsonb))),
  CONSTRAINT deliveries_source_known CHECK ((source = ANY (ARRAY['webhook'::text, 'import'::text])))
) PARTITION BY RANGE (received_at);
CREATE INDEX deliveries_rejected_idx ON vss.deliveries USING btree (received_at) WHERE (outcome = 'rejected'::text);
CREATE INDEX deliveries_session_id_idx ON vss.deliveries USING btree (session_id);
COMMENT ON TABLE vss.deliveries IS 'The ledger: one row for every delivery that was acknowledged, with what became of it. Partitioned by month of received_at, in UTC.';
COMMENT ON COLUMN vss.deliveries.delivery_id IS 'UUIDv7 given by ingest and returned to the sender';
COMMENT ON COLUMN vss.deliveries.received_at IS 'When ingest received it: the millisecond inside delivery_id';
COMMENT ON COLUMN vss.deliveries.source_ip IS 'The sender''s address; null when it could not be known';
COMMENT ON COLUMN vss.deliveries.body IS 'The request body, where a release wrote it that did not have vss.bodies; else null. vss.rejected finds it in either place';
COMMENT ON COLUMN vss.deliveries.body_sha256 IS 'SHA-256 of the body; null only when the batch it travelled in could not be decoded';
COMMENT ON COLUMN vss.deliveries.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.deliveries.outcome IS 'stored: it made or changed the session. duplicate: the session had this content already. superseded: a newer delivery of the session decides. rejected: see reasons';
COMMENT ON COLUMN vss.deliveries.reasons IS 'Why it was rejected: [{code, path, message}]; otherwise []';
COMMENT ON COLUMN vss.deliveries.processed_at IS 'When this row was written';
COMMENT ON COLUMN vss.deliveries.pipeline_version IS 'The release of the pipeline that wrote this row';
COMMENT ON COLUMN vss.deliveries.source IS 'webhook: 8x8 posted it. import: somebody brought it in from elsewhere';
COMMENT ON COLUMN vss.deliveries.history IS 'Earlier verdicts, the first one first, where it was judged again: [{outcome, reasons, pipeline_version, processed_at}]; null when it was judged once';

CREATE TABLE vss.deliveries_default PARTITION OF vss.deliveries DEFAULT;
COMMENT ON TABLE vss.deliveries_default IS 'Deliveries of months without a partition of their own';

CREATE TABLE vss.drift (
  kind text NOT NULL,
  path text NOT NULL,
  value text NOT NULL,
  first_seen timestamp with time zone NOT NULL,
  last_seen timestamp with time zone NOT NULL,
  deliveries bigint NOT NULL,
  sample_delivery_id uuid NOT NULL,
  CONSTRAINT drift_pkey PRIMARY KEY (kind, path, value),
  CONSTRAINT drift_short CHECK (((length(kind) <= 64) AND (length(path) <= 255) AND (length(value) <= 64)))
);
COMMENT ON TABLE vss.drift IS 'Differences between events and their documentation: one row for each unknown field, unknown word and field that could not be read. At most 1,000 rows, and one of kind other for the rest. Written every two seconds.';
COMMENT ON COLUMN vss.drift.kind IS 'The anomaly: unknown_field, unknown_status, unknown_action, unknown_direction, unknown_type or invalid_value; other counts what found no room';
COMMENT ON COLUMN vss.drift.path IS 'The place in the event, such as payload.details.callA.id. A name that is long, odd, or may be a phone number is ?';
COMMENT ON COLUMN vss.drift.value IS 'The unknown word; ? where it is long, odd, or may be a phone number; empty where the path tells all';
COMMENT ON COLUMN vss.drift.first_seen IS 'When the first such delivery was received';
COMMENT ON COLUMN vss.drift.last_seen IS 'When the latest was received';
COMMENT ON COLUMN vss.drift.deliveries IS 'How many there were, about: a worker that is killed forgets those of two seconds';
COMMENT ON COLUMN vss.drift.sample_delivery_id IS 'One of the latest: a key of vss.deliveries';

CREATE TABLE vss.feed (
  is_only boolean DEFAULT true NOT NULL,
  feed_id uuid NOT NULL,
  system_identifier bigint NOT NULL,
  timeline integer NOT NULL,
  barrier xid8 DEFAULT pg_snapshot_xmin(pg_current_snapshot()) NOT NULL,
  beaten_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT feed_pkey PRIMARY KEY (is_only),
  CONSTRAINT feed_is_only CHECK (is_only)
);
COMMENT ON TABLE vss.feed IS 'One row: the change feed, and the server whose transaction ids it goes by.';
COMMENT ON COLUMN vss.feed.is_only IS 'True: there is one row';
COMMENT ON COLUMN vss.feed.feed_id IS 'Stands in each cursor; another one after vss.feed_restart(), and after a failover';
COMMENT ON COLUMN vss.feed.system_identifier IS 'The server''s, as of pg_control_system(): pg_upgrade and a restore elsewhere change it';
COMMENT ON COLUMN vss.feed.timeline IS 'The server''s timeline: a failover and a recovery to a point in time change it';
COMMENT ON COLUMN vss.feed.barrier IS 'As of the last heartbeat: where this row survives, every transaction before this id has survived';
COMMENT ON COLUMN vss.feed.beaten_at IS 'When the last heartbeat was. There is none while no session changes';

CREATE TABLE vss.feed_ancestors (
  feed_id uuid NOT NULL,
  goes_back_to xid8 NOT NULL,
  continued_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT feed_ancestors_pkey PRIMARY KEY (feed_id)
);
COMMENT ON TABLE vss.feed_ancestors IS 'One row a failover since vss.feed_restart(): the feed of before, whose cursors are good up to a point.';
COMMENT ON COLUMN vss.feed_ancestors.feed_id IS 'Stands in the cursors of before';
COMMENT ON COLUMN vss.feed_ancestors.goes_back_to IS 'A cursor further than this transaction is read as the place before it';
COMMENT ON COLUMN vss.feed_ancestors.continued_at IS 'When the next feed took its place';

CREATE TABLE vss.figure_hours (
  hour timestamp with time zone NOT NULL,
  is_current boolean NOT NULL,
  changed_at timestamp with time zone NOT NULL,
  CONSTRAINT figure_hours_pkey PRIMARY KEY (hour)
);
COMMENT ON TABLE vss.figure_hours IS 'One row an hour of UTC in which a session started, as far as vss.refresh_figures() has followed the changes.';
COMMENT ON COLUMN vss.figure_hours.hour IS 'The beginning of the hour';
COMMENT ON COLUMN vss.figure_hours.is_current IS 'Whether vss.figures had all its sessions, up to the changes that vss.figures_progress names';
COMMENT ON COLUMN vss.figure_hours.changed_at IS 'When the latest of its changes was written';

CREATE TABLE vss.figure_losses (
  loss uuid DEFAULT gen_random_uuid() NOT NULL,
  hour timestamp with time zone NOT NULL,
  CONSTRAINT figure_losses_pkey PRIMARY KEY (loss)
);
COMMENT ON TABLE vss.figure_losses IS 'Hours that have lost a session, because it was deleted or starts in another hour now. Emptied by vss.refresh_figures().';
COMMENT ON COLUMN vss.figure_losses.loss IS 'Key';
COMMENT ON COLUMN vss.figure_losses.hour IS 'The beginning of the hour';

CREATE TABLE vss.figures (
  hour timestamp with time zone NOT NULL,
  sub_account_id text NOT NULL,
  country_pair text NOT NULL,
  direction text NOT NULL,
  legs integer NOT NULL,
  attempts bigint NOT NULL,
  answered bigint NOT NULL,
  undelivered bigint NOT NULL,
  no_answer bigint NOT NULL,
  busy bigint NOT NULL,
  canceled bigint NOT NULL,
  failed bigint NOT NULL,
  error bigint NOT NULL,
  other bigint NOT NULL,
  talk_seconds double precision NOT NULL,
  answered_talk_seconds double precision NOT NULL,
  answered_timed bigint NOT NULL,
  short_calls bigint NOT NULL,
  excellent bigint NOT NULL,
  good bigint NOT NULL,
  fair bigint NOT NULL,
  poor bigint NOT NULL,
  bad bigint NOT NULL,
  ring_seconds double precision[] NOT NULL,
  ring_counts integer[] NOT NULL,
  mos real[] NOT NULL,
  mos_counts integer[] NOT NULL,
  packet_loss real[] NOT NULL,
  packet_loss_counts integer[] NOT NULL,
  jitter_ms real[] NOT NULL,
  jitter_counts integer[] NOT NULL,
  CONSTRAINT figures_pkey PRIMARY KEY (hour, sub_account_id, country_pair, direction, legs)
);
COMMENT ON TABLE vss.figures IS 'Figures of the sessions that started in an hour, so that vss.traffic need not read these: in all and by sub-account, each by direction and legs, and by country pair. Kept by vss.refresh_figures(); a row counts only while vss.figure_hours says so.';
COMMENT ON COLUMN vss.figures.hour IS 'The beginning of an hour of UTC';
COMMENT ON COLUMN vss.figures.sub_account_id IS 'Empty: all of them';
COMMENT ON COLUMN vss.figures.country_pair IS 'As in vss.session_facts; empty: all of them';
COMMENT ON COLUMN vss.figures.direction IS 'As in vss.session_facts; empty with a country pair';
COMMENT ON COLUMN vss.figures.legs IS 'As in vss.session_facts; 0 with a country pair';
COMMENT ON COLUMN vss.figures.attempts IS 'Sessions';
COMMENT ON COLUMN vss.figures.answered IS 'Answered sessions';
COMMENT ON COLUMN vss.figures.undelivered IS 'Unanswered sessions that are FAILED, ERROR, or of an undocumented status';
COMMENT ON COLUMN vss.figures.no_answer IS 'Unanswered sessions of status NO_ANSWER';
COMMENT ON COLUMN vss.figures.busy IS 'Unanswered sessions of status BUSY';
COMMENT ON COLUMN vss.figures.canceled IS 'Unanswered sessions of status CANCELED';
COMMENT ON COLUMN vss.figures.failed IS 'Unanswered sessions of status FAILED';
COMMENT ON COLUMN vss.figures.error IS 'Unanswered sessions of status ERROR';
COMMENT ON COLUMN vss.figures.other IS 'Unanswered sessions of every other status';
COMMENT ON COLUMN vss.figures.talk_seconds IS 'Sum of talk_seconds';
COMMENT ON COLUMN vss.figures.answered_talk_seconds IS 'Sum of talk_seconds of answered sessions';
COMMENT ON COLUMN vss.figures.answered_timed IS 'Answered sessions whose talk_seconds is known';
COMMENT ON COLUMN vss.figures.short_calls IS 'Answered sessions whose talk_seconds is below 6';
COMMENT ON COLUMN vss.figures.excellent IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.good IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.fair IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.poor IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.bad IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.ring_seconds IS 'Each distinct value of ring_seconds';
COMMENT ON COLUMN vss.figures.ring_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.mos IS 'Each distinct value of mos_min';
COMMENT ON COLUMN vss.figures.mos_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.packet_loss IS 'Each distinct value of packet_loss_max';
COMMENT ON COLUMN vss.figures.packet_loss_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.jitter_ms IS 'Each distinct value of jitter_ms_max';
COMMENT ON COLUMN vss.figures.jitter_counts IS 'How many sessions have that value';

CREATE TABLE vss.figures_progress (
  is_only boolean DEFAULT true NOT NULL,
  system_identifier bigint NOT NULL,
  followed_until xid8 NOT NULL,
  CONSTRAINT figures_progress_pkey PRIMARY KEY (is_only),
  CONSTRAINT figures_progress_is_only CHECK (is_only)
);
COMMENT ON TABLE vss.figures_progress IS 'At most one row: how far vss.refresh_figures() has followed the changes of vss.sessions.';
COMMENT ON COLUMN vss.figures_progress.is_only IS 'True: there is at most one row';
COMMENT ON COLUMN vss.figures_progress.system_identifier IS 'The server whose transaction ids these are; on another one the figures are made anew';
COMMENT ON COLUMN vss.figures_progress.followed_until IS 'Changes of earlier transactions are marked in vss.figure_hours';

CREATE TABLE vss.ingests (
  ingest_id text NOT NULL,
  place text NOT NULL,
  has_spool boolean NOT NULL,
  complete_until timestamp with time zone NOT NULL,
  told_at timestamp with time zone NOT NULL,
  CONSTRAINT ingests_pkey PRIMARY KEY (ingest_id)
);
COMMENT ON TABLE vss.ingests IS 'One row for each ingest that runs, or ended with deliveries in its spool: how far it is. Copied from Redis each second, so that what Redis forgets is remembered.';
COMMENT ON COLUMN vss.ingests.ingest_id IS 'The id of its spool''s folder; without a spool that of its process';
COMMENT ON COLUMN vss.ingests.place IS 'Its host, and its spool''s folder there';
COMMENT ON COLUMN vss.ingests.has_spool IS 'Whether it has a spool, so that deliveries may wait there when it has ended';
COMMENT ON COLUMN vss.ingests.complete_until IS 'All that it received before this is in the queue or in the tables';
COMMENT ON COLUMN vss.ingests.told_at IS 'When it said so, by the clock of Redis';

CREATE TABLE vss.minute_counts (
  minute timestamp with time zone NOT NULL,
  sub_account_id text NOT NULL,
  outcome text NOT NULL,
  source text NOT NULL,
  deliveries bigint NOT NULL,
  CONSTRAINT minute_counts_pkey PRIMARY KEY (sub_account_id, minute, outcome, source)
);
CREATE INDEX minute_counts_minute_idx ON vss.minute_counts USING btree (minute);
COMMENT ON TABLE vss.minute_counts IS 'Counts of deliveries, added up; written by vss.add_up_minutes(), and removed after 35 days. Read vss.minutes.';
COMMENT ON COLUMN vss.minute_counts.minute IS 'The minute in which the deliveries were received';
COMMENT ON COLUMN vss.minute_counts.sub_account_id IS 'Of the session; empty for rejected deliveries';
COMMENT ON COLUMN vss.minute_counts.outcome IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_counts.source IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_counts.deliveries IS 'How many there are';

CREATE TABLE vss.minute_tallies (
  minute timestamp with time zone NOT NULL,
  sub_account_id text NOT NULL,
  outcome text NOT NULL,
  source text NOT NULL,
  deliveries integer NOT NULL
);
COMMENT ON TABLE vss.minute_tallies IS 'Counts of deliveries that vss.add_up_minutes() has not added to vss.minute_counts yet: seconds old while a worker runs. Read vss.minutes.';
COMMENT ON COLUMN vss.minute_tallies.minute IS 'The minute in which the deliveries were received';
COMMENT ON COLUMN vss.minute_tallies.sub_account_id IS 'Of the session; empty for rejected deliveries';
COMMENT ON COLUMN vss.minute_tallies.outcome IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_tallies.source IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_tallies.deliveries IS 'How many more there are; less than 0 where an outcome was corrected';

CREATE TABLE vss.retention (
  kind text NOT NULL,
  days integer,
  kept_from timestamp with time zone NOT NULL,
  swept_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
  oldest_at timestamp with time zone,
  tried_at timestamp with time zone,
  stuck_partition text,
  stuck_since timestamp with time zone,
  CONSTRAINT retention_pkey PRIMARY KEY (kind),
  CONSTRAINT retention_days_sensible CHECK (((days >= 1) AND (days <= 36500))),
  CONSTRAINT retention_kind_known CHECK ((kind = ANY (ARRAY['bodies'::text, 'deliveries'::text, 'sessions'::text])))
);
COMMENT ON TABLE vss.retention IS 'How long rows are kept, one row a kind: written by a worker that has a setting for it. Empty until one has.';
COMMENT ON COLUMN vss.retention.kind IS 'bodies, deliveries (the ledger) or sessions, with their legs';
COMMENT ON COLUMN vss.retention.days IS 'As the worker that looked last was set; null: no more rows go';
COMMENT ON COLUMN vss.retention.kept_from IS 'Rows received before have gone, or go now; it never moves back';
COMMENT ON COLUMN vss.retention.swept_until IS 'Rows received before have gone; when it is kept_from, all have. Only those that came late may be there until the next day';
COMMENT ON COLUMN vss.retention.oldest_at IS 'When the oldest row was received, as of the last sweep; null without a row';
COMMENT ON COLUMN vss.retention.tried_at IS 'When partitions were dropped last, or could not be';
COMMENT ON COLUMN vss.retention.stuck_partition IS 'The partition that could not be dropped at the last try, because others held it or its table; null when none sticks';
COMMENT ON COLUMN vss.retention.stuck_since IS 'When that partition could not be dropped first';

CREATE TABLE vss.retention_floor (
  kind text NOT NULL,
  days integer NOT NULL,
  CONSTRAINT retention_floor_pkey PRIMARY KEY (kind),
  CONSTRAINT retention_floor_days_sensible CHECK (((days >= 1) AND (days <= 36500))),
  CONSTRAINT retention_floor_kind_known CHECK ((kind = ANY (ARRAY['bodies'::text, 'deliveries'::text, 'sessions'::text])))
);
COMMENT ON TABLE vss.retention_floor IS 'The whole days for which rows are kept at least, one row a kind, whatever a worker is set to: written by the owner of the schema alone. A kind without a row is kept for a day at least.';
COMMENT ON COLUMN vss.retention_floor.kind IS 'As in vss.retention. Rows of the ledger are kept for as long as bodies, at least';
COMMENT ON COLUMN vss.retention_floor.days IS 'Whole days after receipt';

CREATE TABLE vss.sessions (
  session_id uuid NOT NULL,
  sub_account_id text NOT NULL,
  status text NOT NULL,
  started_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone NOT NULL,
  duration_seconds double precision,
  last_action text,
  call_count integer,
  client_request_id text,
  schema_version integer,
  error_code integer,
  error_message text,
  error_meaning text,
  caller text,
  virtual_number text,
  callee text,
  answered boolean NOT NULL,
  ring_seconds double precision,
  talk_seconds double precision,
  mos_min real,
  mos_band text,
  packet_loss_max real,
  jitter_ms_max real,
  anomalies text[] NOT NULL,
  revision integer NOT NULL,
  delivery_id uuid NOT NULL,
  received_at timestamp with time zone NOT NULL,
  body_sha256 bytea NOT NULL,
  processed_at timestamp with time zone NOT NULL,
  pipeline_version text NOT NULL,
  change_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
  anomaly_details jsonb,
  CONSTRAINT sessions_pkey PRIMARY KEY (session_id),
  CONSTRAINT sessions_body_sha256_length CHECK ((octet_length(body_sha256) = 32)),
  CONSTRAINT sessions_mos_band_known CHECK ((mos_band = ANY (ARRAY['excellent'::text, 'good'::text, 'fair'::text, 'poor'::text, 'bad'::text]))),
  CONSTRAINT sessions_revision_positive CHECK ((revision >= 1))
);
CREATE INDEX sessions_change_idx ON vss.sessions USING btree (change_xid, session_id);
CREATE INDEX sessions_client_request_id_idx ON vss.sessions USING btree (client_request_id text_pattern_ops) WHERE (client_request_id IS NOT NULL);
CREATE INDEX sessions_received_at_idx ON vss.sessions USING brin (received_at) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX sessions_started_at_sub_account_idx ON vss.sessions USING btree (started_at, sub_account_id);
COMMENT ON TABLE vss.sessions IS 'One row a finished voice session: its latest summary, that of the delivery with the greatest (received_at, delivery_id).';
COMMENT ON COLUMN vss.sessions.session_id IS 'payload.sessionId';
COMMENT ON COLUMN vss.sessions.sub_account_id IS 'payload.subAccountId';
COMMENT ON COLUMN vss.sessions.status IS 'payload.sessionStatus in canonical spelling, such as COMPLETED or NO_ANSWER; unknown ones as sent, with anomaly unknown_status';
COMMENT ON COLUMN vss.sessions.started_at IS 'payload.startTime; where that cannot be read, the legs'' first time, else endTime';
COMMENT ON COLUMN vss.sessions.ended_at IS 'payload.endTime; where that cannot be read, the legs'' last time, else startTime';
COMMENT ON COLUMN vss.sessions.duration_seconds IS 'Computed, seconds: ended_at - started_at';
COMMENT ON COLUMN vss.sessions.last_action IS 'payload.lastAction in canonical spelling, such as MAKE_CALL';
COMMENT ON COLUMN vss.sessions.call_count IS 'payload.callCount: legs bridged, as sent';
COMMENT ON COLUMN vss.sessions.client_request_id IS 'payload.clientRequestId: the customer''s own correlation id';
COMMENT ON COLUMN vss.sessions.schema_version IS 'version: the vendor''s payload version; null in older payloads';
COMMENT ON COLUMN vss.sessions.error_code IS 'payload.errorDetails.errorCode';
COMMENT ON COLUMN vss.sessions.error_message IS 'payload.errorDetails.errorMsg as sent';
COMMENT ON COLUMN vss.sessions.error_meaning IS 'Looked up: the vendor''s documented text of error_code';
COMMENT ON COLUMN vss.sessions.caller IS 'The INBOUND leg''s source; E.164 with + as sent';
COMMENT ON COLUMN vss.sessions.virtual_number IS 'The INBOUND leg''s destination, else the OUTBOUND leg''s source; E.164 with + as sent';
COMMENT ON COLUMN vss.sessions.callee IS 'The destination of the callee''s leg where that is OUTBOUND, else that of any OUTBOUND leg; as sent';
COMMENT ON COLUMN vss.sessions.answered IS 'Computed: whether the callee''s leg was connected at a time that can be true. That leg is the second or the only one; with more than two it is one of the OUTBOUND legs after the first: the one connected for longest, else the first of them';
COMMENT ON COLUMN vss.sessions.ring_seconds IS 'Computed, seconds: the callee''s leg from initiated to connected; null when it never was connected';
COMMENT ON COLUMN vss.sessions.talk_seconds IS 'Computed, seconds: while the first leg and at least one other were connected, or the only leg was; 0 when that never was; null when the end of a connected leg is unknown';
COMMENT ON COLUMN vss.sessions.mos_min IS 'The lowest mos over the legs, 1.0 (worst) to 5.0';
COMMENT ON COLUMN vss.sessions.mos_band IS 'The vendor''s band of mos_min: excellent from 4.3, good from 4.0, fair from 3.6, poor from 3.1, bad below';
COMMENT ON COLUMN vss.sessions.packet_loss_max IS 'The highest packet loss over the legs, a fraction: 0.01 is 1 %';
COMMENT ON COLUMN vss.sessions.jitter_ms_max IS 'The highest jitter over the legs, milliseconds';
COMMENT ON COLUMN vss.sessions.anomalies IS 'Data-quality flags, sorted and distinct; empty when nothing was odd';
COMMENT ON COLUMN vss.sessions.revision IS '1 when first stored, one more whenever a newer delivery with other content replaced the row';
COMMENT ON COLUMN vss.sessions.delivery_id IS 'The newest delivery of this content: a key of vss.deliveries, together with received_at';
COMMENT ON COLUMN vss.sessions.received_at IS 'When that delivery was received';
COMMENT ON COLUMN vss.sessions.body_sha256 IS 'SHA-256 of the body of that delivery';
COMMENT ON COLUMN vss.sessions.processed_at IS 'When this content was written';
COMMENT ON COLUMN vss.sessions.pipeline_version IS 'The release of the pipeline that wrote this content';
COMMENT ON COLUMN vss.sessions.change_xid IS 'The transaction that wrote this content, as of pg_current_xact_id(): it changes with revision';
COMMENT ON COLUMN vss.sessions.anomaly_details IS 'Where each anomaly was found: [{code, path}], 50 and a first one of each further code at most; null when there are no anomalies, and in rows from before the release that writes it. Not part of the content: it is that of the delivery that made this content';

CREATE TABLE vss.watermark (
  is_only boolean DEFAULT true NOT NULL,
  complete_until timestamp with time zone,
  reason text NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT watermark_pkey PRIMARY KEY (is_only),
  CONSTRAINT watermark_is_only CHECK (is_only)
);
COMMENT ON TABLE vss.watermark IS 'One row: every delivery received before complete_until and acknowledged is in the tables, stored or rejected.';
COMMENT ON COLUMN vss.watermark.is_only IS 'True: there is one row';
COMMENT ON COLUMN vss.watermark.complete_until IS 'Compared with received_at; it never goes back; null until an ingest has told how far it is';
COMMENT ON COLUMN vss.watermark.reason IS 'The cause that holds it back, in words: a queue, a spool, an ingest, Redis';
COMMENT ON COLUMN vss.watermark.updated_at IS 'When a worker looked last: each second while one runs';

ALTER TABLE vss.call_legs ADD CONSTRAINT call_legs_session_id_fkey FOREIGN KEY (session_id) REFERENCES vss.sessions(session_id) ON DELETE CASCADE;

CREATE OR REPLACE FUNCTION vss.add_up_minutes(max_rows integer DEFAULT 20000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  taken_rows integer;
  sub_account_ids text[];
  hours timestamptz[];
BEGIN
  -- One at a time: the others need not wait, because the work is done.
  IF NOT pg_try_advisory_xact_lock(5337700118079) THEN
    RETURN 0;
  END IF;

  WITH taken AS (
    DELETE FROM vss.minute_tallies
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.minute_tallies LIMIT max_rows))
    RETURNING minute, sub_account_id, outcome, source, deliveries
  ), added AS (
    INSERT INTO vss.minute_counts AS count (minute, sub_account_id, outcome, source, deliveries)
    SELECT minute, sub_account_id, outcome, source, sum(deliveries)
    FROM taken
    GROUP BY minute, sub_account_id, outcome, source
    ON CONFLICT (sub_account_id, minute, outcome, source)
      DO UPDATE SET deliveries = count.deliveries + excluded.deliveries
  ), touched AS (
    SELECT DISTINCT sub_account_id, date_trunc('hour', minute, 'UTC') AS hour
    FROM taken
    WHERE source = 'webhook' AND sub_account_id <> ''
  )
  SELECT (SELECT count(*) FROM taken), array_agg(touched.sub_account_id), array_agg(touched.hour)
  INTO taken_rows, sub_account_ids, hours
  FROM touched;

  INSERT INTO vss.activity_hours AS known (sub_account_id, hour, first_minute, last_minute, minutes, longest_gap)
  SELECT sub_account_id, hour, min(minute), max(minute), count(*), coalesce(max(gap), interval '0')
  FROM (
    SELECT touched.sub_account_id, touched.hour, active.minute, active.gap
    FROM unnest(sub_account_ids, hours) AS touched (sub_account_id, hour)
    CROSS JOIN LATERAL (
      SELECT count.minute, count.minute - lag(count.minute) OVER (ORDER BY count.minute) AS gap
      FROM vss.minute_counts AS count
      WHERE count.sub_account_id = touched.sub_account_id
        AND count.minute >= touched.hour AND count.minute < touched.hour + interval '1 hour'
        AND count.source = 'webhook' AND count.deliveries > 0
      GROUP BY count.minute
    ) AS active
  ) AS active
  GROUP BY sub_account_id, hour
  ON CONFLICT (sub_account_id, hour) DO UPDATE SET
    first_minute = excluded.first_minute,
    last_minute = excluded.last_minute,
    minutes = excluded.minutes,
    longest_gap = excluded.longest_gap;
  RETURN taken_rows;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.add_up_minutes(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.add_up_minutes(integer) IS 'Moves up to max_rows tallies into vss.minute_counts and vss.activity_hours. Returns how many it moved; 0 where another is doing it.';

CREATE OR REPLACE FUNCTION vss.changes(after text DEFAULT NULL::text, max_rows integer DEFAULT 1000)
 RETURNS TABLE(cursor text, kind text, session_id uuid, revision integer, changed_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
  beginning text := concat('1.', feed_id, '.');
  after_xid xid8 := '0';
  after_session uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'max_rows is %: give 1 to 100000', coalesce(max_rows::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF after IS NOT NULL THEN
    SELECT place.change_xid, place.session_id INTO after_xid, after_session FROM vss.check_cursor(after, feed_id) AS place;
  END IF;
  RETURN QUERY
  SELECT
    -- Each part has a fixed width, so that the order of the texts is the order of the changes.
    beginning || lpad(changed.change_xid::text, 20, '0') || '.' || changed.session_id,
    'session'::text,
    changed.session_id,
    changed.revision,
    changed.processed_at
  FROM vss.sessions AS changed
  WHERE (changed.change_xid, changed.session_id) > (after_xid, after_session)
    -- An older transaction that is still open could add rows before those that it left behind.
    AND changed.change_xid < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY changed.change_xid, changed.session_id
  LIMIT max_rows;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.changes(text,integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.changes(text,integer) IS 'The changes after a cursor (NULL: from the beginning), oldest first: the session that changed, with its present revision. kind is session. Join vss.sessions and vss.call_legs in the same statement. The order of the cursors, as texts, is the order of the changes.';

CREATE OR REPLACE FUNCTION vss.check_buckets(since timestamp with time zone, until timestamp with time zone, bucket interval)
 RETURNS timestamp with time zone[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  most CONSTANT integer := 10000;
  starts timestamptz[];
BEGIN
  IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR until <= since THEN
    RAISE EXCEPTION 'since is % and until is %: give two times, the earlier one first', coalesce(since::text, 'NULL'), coalesce(until::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF bucket IS NULL OR bucket NOT BETWEEN interval '1 minute' AND interval '10 years' THEN
    RAISE EXCEPTION 'bucket is %: give an interval from 1 minute to 10 years', coalesce(bucket::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Multiplied rather than added up: months that begin on a 31st stay at the end of each.
  FOR number IN 0..most LOOP
    EXIT WHEN since + number * bucket >= until;
    IF number = most THEN
      RAISE EXCEPTION 'from % until % there are more than % buckets of %: give a longer bucket or a shorter time', since, until, most, bucket
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    starts := starts || (since + number * bucket);
    IF starts[number + 1] <= starts[number] THEN
      RAISE EXCEPTION 'bucket is %, and its steps go back at %: give an interval without negative parts', bucket, starts[number + 1]
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END LOOP;
  RETURN starts;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_buckets(timestamp with time zone,timestamp with time zone,interval) FROM PUBLIC;
COMMENT ON FUNCTION vss.check_buckets(timestamp with time zone,timestamp with time zone,interval) IS 'The beginnings of the buckets, by the calendar of the session''s time zone. Fails (22023) where the arguments make none or more than 10,000.';

CREATE OR REPLACE FUNCTION vss.check_cursor(cursor text, feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.present_place(cursor, feed_id);
  IF place.change_xid IS NULL THEN
    RAISE EXCEPTION 'cursor "%" is of another feed than this one (%), because the feed was restarted or the cursor comes from another database: read from the beginning, with NULL', cursor, feed_id
      USING ERRCODE = 'VF001';
  END IF;
  -- A standby may be behind a cursor that its primary gave.
  IF place.change_xid >= pg_snapshot_xmax(pg_current_snapshot()) AND NOT pg_is_in_recovery() THEN
    RAISE EXCEPTION 'cursor "%" is ahead of this server''s transaction ids. If the server has lost transactions, the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()', cursor
      USING ERRCODE = 'VF003';
  END IF;
  change_xid := place.change_xid;
  session_id := place.session_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_cursor(text,uuid) FROM PUBLIC;
COMMENT ON FUNCTION vss.check_cursor(text,uuid) IS 'The place of a cursor in that feed. Fails (22023, VF001, VF003) when it has none there.';

CREATE OR REPLACE FUNCTION vss.check_feed()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  feed vss.feed;
  server record;
BEGIN
  SELECT * INTO feed FROM vss.feed;
  SELECT * INTO server FROM vss.server_identity();
  -- A server never goes back to an earlier timeline. A standby learns its own one late, at a restartpoint.
  IF feed.system_identifier IS DISTINCT FROM server.system_identifier
    OR feed.timeline > server.timeline AND NOT pg_is_in_recovery()
  THEN
    RAISE EXCEPTION 'the change feed was begun on another server (%/%, and this is %/%): the owner of schema vss must run "vss feed continue" (SELECT vss.feed_continue()) after pg_upgrade, or "vss feed restart" (SELECT vss.feed_restart()) after a restore from a dump',
      coalesce(feed.system_identifier::text, 'none'), coalesce(feed.timeline::text, 'none'), server.system_identifier, server.timeline
      USING ERRCODE = 'VF002';
  END IF;
  IF feed.timeline < server.timeline THEN
    RAISE EXCEPTION 'the server is on timeline % since a failover or a recovery, and the change feed still on %: a worker that runs mends this within seconds, so read again; without a worker the owner of schema vss must run "vss feed continue" (SELECT vss.feed_continue())',
      server.timeline, feed.timeline
      USING ERRCODE = 'VF005';
  END IF;
  PERFORM vss.check_transaction_ids();
  RETURN feed.feed_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_feed() FROM PUBLIC;
COMMENT ON FUNCTION vss.check_feed() IS 'The feed''s id. Fails (VF002, VF003, VF005) when the transaction ids in the rows are not those of this server.';

CREATE OR REPLACE FUNCTION vss.check_transaction_ids()
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  newest xid8 := (SELECT change_xid FROM vss.sessions ORDER BY change_xid DESC, session_id DESC LIMIT 1);
BEGIN
  -- The caller's own transaction may have changed a session.
  IF newest >= pg_snapshot_xmax(pg_current_snapshot()) AND newest IS DISTINCT FROM pg_current_xact_id_if_assigned() THEN
    RAISE EXCEPTION 'the transaction ids of vss.sessions are ahead of this server''s, because the rows were restored from another: the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()'
      USING ERRCODE = 'VF003';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_transaction_ids() FROM PUBLIC;
COMMENT ON FUNCTION vss.check_transaction_ids() IS 'Fails (VF003) when a row has a transaction id that this server has not reached yet: the feed would never show it.';

CREATE OR REPLACE FUNCTION vss.commit(consumer text, cursor text, back boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
  place record;
  in_feed text;
BEGIN
  IF consumer IS NULL OR length(consumer) NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'a consumer''s name has 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF cursor IS NULL AND back THEN
    DELETE FROM vss.consumers WHERE name = consumer;
    RETURN;
  END IF;
  IF cursor IS NULL THEN
    RAISE EXCEPTION 'the cursor is NULL: give one that vss.changes returned; NULL with back => true forgets the consumer'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO place FROM vss.check_cursor(cursor, feed_id);
  in_feed := concat('1.', feed_id, '.', lpad(place.change_xid::text, 20, '0'), '.', place.session_id);
  INSERT INTO vss.consumers AS known (name, cursor, committed_at) VALUES (consumer, in_feed, now())
  ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, committed_at = excluded.committed_at
  -- A place in another feed is null, and no hindrance.
  WHERE back OR (
    SELECT (before.change_xid, before.session_id) > (place.change_xid, place.session_id)
    FROM vss.present_place(known.cursor, feed_id) AS before
  ) IS NOT TRUE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'consumer "%" is further than cursor "%" already, so perhaps two processes use this name: to go back on purpose, give back => true', consumer, cursor
      USING ERRCODE = 'VF004';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.commit(text,text,boolean) FROM PUBLIC;
COMMENT ON FUNCTION vss.commit(text,text,boolean) IS 'Remembers that a consumer has dealt with every change up to a cursor; its first commit makes the consumer. Goes back only with back => true, and then NULL forgets the consumer. Fails with 22023, VF001, VF002, VF003 and VF005, and with VF004 when the consumer is further already.';

CREATE OR REPLACE FUNCTION vss.count_figures(since timestamp with time zone[], until timestamp with time zone[], sub_account text, by_sub_account boolean[], by_country_pair boolean[], by_shape boolean[])
 RETURNS SETOF vss.figures
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_sort TO 'off'
 SET work_mem TO '32MB'
AS $function$
DECLARE
  -- The legs are not read for nothing.
  by_route boolean := true = ANY (by_country_pair || by_shape);
BEGIN
  RETURN QUERY
  WITH fact AS MATERIALIZED (
    SELECT
      session.hour,
      CASE WHEN wanted.by_sub_account THEN session.sub_account_id ELSE '' END AS sub_account_id,
      CASE WHEN wanted.by_country_pair THEN session.country_pair ELSE '' END AS country_pair,
      CASE WHEN wanted.by_shape THEN session.direction ELSE '' END AS direction,
      CASE WHEN wanted.by_shape THEN session.legs ELSE 0 END AS legs,
      session.status, session.answered, session.talk_seconds, session.mos_band,
      session.ring_seconds, session.mos_min, session.packet_loss_max, session.jitter_ms_max
    FROM (
      SELECT
        span.first AS hour, facts.sub_account_id, facts.country_pair, facts.direction, facts.legs,
        facts.status, facts.answered, facts.talk_seconds, facts.mos_band,
        facts.ring_seconds, facts.mos_min, facts.packet_loss_max, facts.jitter_ms_max
      FROM unnest(since, until) AS span (first, next)
      JOIN vss.session_facts AS facts ON facts.started_at >= span.first AND facts.started_at < span.next
      WHERE by_route AND (sub_account IS NULL OR facts.sub_account_id = sub_account)
      UNION ALL
      SELECT
        span.first, facts.sub_account_id, '', '', 0,
        facts.status, facts.answered, facts.talk_seconds, facts.mos_band,
        facts.ring_seconds, facts.mos_min, facts.packet_loss_max, facts.jitter_ms_max
      FROM unnest(since, until) AS span (first, next)
      JOIN vss.sessions AS facts ON facts.started_at >= span.first AND facts.started_at < span.next
      WHERE NOT by_route AND (sub_account IS NULL OR facts.sub_account_id = sub_account)
    ) AS session
    CROSS JOIN unnest(by_sub_account, by_country_pair, by_shape) AS wanted (by_sub_account, by_country_pair, by_shape)
  ),
  tally AS (
    SELECT
      fact.hour, fact.sub_account_id, fact.country_pair, fact.direction, fact.legs,
      count(*) AS attempts,
      count(*) FILTER (WHERE fact.answered) AS answered,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status NOT IN ('COMPLETED', 'NO_ANSWER', 'BUSY', 'CANCELED', 'COMPLETED_UNSUBSCRIBED', 'COMPLETED_UNSUB_ERROR', 'UNSUBSCRIBED_CONTACT')) AS undelivered,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'NO_ANSWER') AS no_answer,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'BUSY') AS busy,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'CANCELED') AS canceled,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'FAILED') AS failed,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'ERROR') AS error,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status NOT IN ('NO_ANSWER', 'BUSY', 'CANCELED', 'FAILED', 'ERROR')) AS other,
      coalesce(sum(fact.talk_seconds), 0) AS talk_seconds,
      coalesce(sum(fact.talk_seconds) FILTER (WHERE fact.answered), 0) AS answered_talk_seconds,
      count(fact.talk_seconds) FILTER (WHERE fact.answered) AS answered_timed,
      count(*) FILTER (WHERE fact.answered AND fact.talk_seconds < 6) AS short_calls,
      count(*) FILTER (WHERE fact.mos_band = 'excellent') AS excellent,
      count(*) FILTER (WHERE fact.mos_band = 'good') AS good,
      count(*) FILTER (WHERE fact.mos_band = 'fair') AS fair,
      count(*) FILTER (WHERE fact.mos_band = 'poor') AS poor,
      count(*) FILTER (WHERE fact.mos_band = 'bad') AS bad
    FROM fact
    GROUP BY fact.hour, fact.sub_account_id, fact.country_pair, fact.direction, fact.legs
  ),
  value AS (
    SELECT hour, sub_account_id, country_pair, direction, legs, 'ring' AS measure, ring_seconds AS value, count(*)::integer AS count
    FROM fact WHERE ring_seconds IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'mos', mos_min, count(*)::integer
    FROM fact WHERE mos_min IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'loss', packet_loss_max, count(*)::integer
    FROM fact WHERE packet_loss_max IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'jitter', jitter_ms_max, count(*)::integer
    FROM fact WHERE jitter_ms_max IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
  ),
  list AS (
    SELECT hour, sub_account_id, country_pair, direction, legs,
      array_agg(value) FILTER (WHERE measure = 'ring') AS ring_seconds,
      array_agg(count) FILTER (WHERE measure = 'ring') AS ring_counts,
      array_agg(value) FILTER (WHERE measure = 'mos') AS mos,
      array_agg(count) FILTER (WHERE measure = 'mos') AS mos_counts,
      array_agg(value) FILTER (WHERE measure = 'loss') AS packet_loss,
      array_agg(count) FILTER (WHERE measure = 'loss') AS packet_loss_counts,
      array_agg(value) FILTER (WHERE measure = 'jitter') AS jitter_ms,
      array_agg(count) FILTER (WHERE measure = 'jitter') AS jitter_counts
    FROM value GROUP BY 1, 2, 3, 4, 5
  )
  SELECT
    tally.*,
    coalesce(list.ring_seconds, '{}'), coalesce(list.ring_counts, '{}'),
    coalesce(list.mos::real[], '{}'), coalesce(list.mos_counts, '{}'),
    coalesce(list.packet_loss::real[], '{}'), coalesce(list.packet_loss_counts, '{}'),
    coalesce(list.jitter_ms::real[], '{}'), coalesce(list.jitter_counts, '{}')
  FROM tally LEFT JOIN list USING (hour, sub_account_id, country_pair, direction, legs);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.count_figures(timestamp with time zone[],timestamp with time zone[],text,boolean[],boolean[],boolean[]) FROM PUBLIC;
COMMENT ON FUNCTION vss.count_figures(timestamp with time zone[],timestamp with time zone[],text,boolean[],boolean[],boolean[]) IS 'Counts the figures of spans of time from the sessions themselves, once for each grouping: the three arrays have a member for each. hour is the beginning of the span. A group that is not asked for is empty, and legs is 0.';

CREATE OR REPLACE FUNCTION vss.delete_expired(of_kind text, max_rows integer DEFAULT 1000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  known vss.retention;
  ledger vss.bodies_in_ledger;
  sweep_from timestamptz;
  last_at timestamptz;
  oldest timestamptz;
  deleted integer := 0;
BEGIN
  IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'max_rows must be between 1 and 100000' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(5337700118081) THEN RETURN 0; END IF;
  SELECT * INTO known FROM vss.retention WHERE kind = of_kind AND swept_until < kept_from;
  IF NOT FOUND THEN RETURN 0; END IF;

  CASE of_kind
  WHEN 'sessions' THEN
    DELETE FROM vss.sessions
    WHERE ctid = ANY (ARRAY(
      -- A session that a writer holds is not waited for: the next call takes it.
      SELECT ctid FROM vss.sessions WHERE received_at < known.kept_from LIMIT max_rows FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS deleted = ROW_COUNT;

  WHEN 'deliveries' THEN
    DELETE FROM vss.deliveries_default
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.deliveries_default WHERE received_at < known.kept_from LIMIT max_rows));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF deleted = 0 THEN
      -- Earlier months are dropped. To begin where the last call ended saves reading what is dead.
      sweep_from := greatest(known.swept_until, date_trunc('month', known.kept_from));
      SELECT received_at INTO last_at FROM vss.deliveries
      WHERE received_at >= sweep_from AND received_at < known.kept_from
      ORDER BY received_at OFFSET max_rows - 1 LIMIT 1;
      DELETE FROM vss.deliveries
      WHERE received_at >= sweep_from AND received_at <= coalesce(last_at, known.kept_from - interval '1 microsecond');
      GET DIAGNOSTICS deleted = ROW_COUNT;
      UPDATE vss.retention SET swept_until = last_at WHERE kind = of_kind AND last_at IS NOT NULL;
    END IF;

  WHEN 'bodies' THEN
    DELETE FROM vss.bodies_default
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.bodies_default WHERE received_at < known.kept_from LIMIT max_rows));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    SELECT * INTO ledger FROM vss.bodies_in_ledger WHERE cleared_until < least(until, known.kept_from);
    IF deleted = 0 AND FOUND THEN
      SELECT received_at INTO last_at FROM vss.deliveries
      WHERE received_at >= ledger.cleared_until AND received_at < least(ledger.until, known.kept_from)
      ORDER BY received_at OFFSET max_rows - 1 LIMIT 1;
      UPDATE vss.deliveries SET body = NULL
      WHERE received_at >= ledger.cleared_until AND body IS NOT NULL
        AND received_at <= coalesce(last_at, least(ledger.until, known.kept_from) - interval '1 microsecond');
      -- A microsecond is the least step of time. The number tells that there may be more.
      UPDATE vss.bodies_in_ledger
      SET cleared_until = coalesce(last_at + interval '1 microsecond', least(until, known.kept_from));
      DELETE FROM vss.bodies_in_ledger WHERE cleared_until >= until;
      deleted := CASE WHEN last_at IS NULL THEN 0 ELSE max_rows END;
    END IF;
  END CASE;

  IF deleted = 0 THEN
    CASE of_kind
    WHEN 'bodies' THEN SELECT received_at INTO oldest FROM vss.bodies ORDER BY received_at LIMIT 1;
    WHEN 'deliveries' THEN SELECT received_at INTO oldest FROM vss.deliveries ORDER BY received_at LIMIT 1;
    ELSE
      -- The index helps with a bound only, and the oldest is near it.
      FOR doubling IN 0 .. 15 LOOP
        SELECT min(received_at) INTO oldest FROM vss.sessions
        WHERE received_at < known.kept_from + make_interval(days => 1 << doubling);
        EXIT WHEN oldest IS NOT NULL OR known.kept_from + make_interval(days => 1 << doubling) > now();
      END LOOP;
    END CASE;
    UPDATE vss.retention SET swept_until = kept_from, oldest_at = oldest WHERE kind = of_kind;
  END IF;
  RETURN deleted;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.delete_expired(text,integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.delete_expired(text,integer) IS 'Deletes up to max_rows rows of a kind that were received before vss.retention keeps any and are in no partition that goes as a whole. Returns how many; call it again until it is 0. Nothing where another worker is at it.';

CREATE OR REPLACE FUNCTION vss.drop_expired_partitions()
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '500ms'
AS $function$
DECLARE
  -- A drop takes some milliseconds of the time in which writers wait.
  most_dropped constant integer := 10;
  expired record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(5337700118081) THEN RETURN; END IF;
  -- Whoever may call this may not make writers wait more often.
  IF EXISTS (SELECT FROM vss.retention WHERE tried_at > now() - interval '50 seconds') THEN RETURN; END IF;

  UPDATE vss.retention SET stuck_partition = NULL, stuck_since = NULL
  WHERE to_regclass('vss.' || quote_ident(stuck_partition)) IS NULL AND stuck_partition IS NOT NULL;
  FOR expired IN
    SELECT known.kind, partition.name
    FROM vss.expired_partitions(
      (SELECT kept_from FROM vss.retention WHERE kind = 'bodies'),
      (SELECT kept_from FROM vss.retention WHERE kind = 'deliveries')
    ) AS partition JOIN vss.retention AS known USING (kind)
    ORDER BY partition.range_end, known.kind
    LIMIT most_dropped
  LOOP
    UPDATE vss.retention SET tried_at = now() WHERE kind = expired.kind;
    BEGIN
      EXECUTE format('DROP TABLE vss.%I', expired.name);
      UPDATE vss.retention SET stuck_partition = NULL, stuck_since = NULL WHERE kind = expired.kind;
      RETURN NEXT expired.name;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      UPDATE vss.retention SET
        stuck_since = CASE WHEN stuck_partition = expired.name THEN stuck_since ELSE now() END,
        stuck_partition = expired.name
      WHERE kind = expired.kind;
      EXIT;
    END;
    EXIT WHEN clock_timestamp() > now() + interval '500 milliseconds';
  END LOOP;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.drop_expired_partitions() FROM PUBLIC;
COMMENT ON FUNCTION vss.drop_expired_partitions() IS 'Drops up to ten partitions of which every row was received before vss.retention keeps any, and returns their names. It waits half a second for a table that others hold, and tries again a minute later at the earliest. Nothing where another worker is at it.';

CREATE OR REPLACE FUNCTION vss.ensure_body_partitions(days_ahead integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '3s'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  today timestamptz := date_trunc('day', now());
  day_start timestamptz;
  partition_name text;
BEGIN
  IF days_ahead IS NULL OR days_ahead NOT BETWEEN 0 AND 60 THEN
    RAISE EXCEPTION 'days_ahead must be between 0 and 60' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  LOCK TABLE vss.bodies IN SHARE UPDATE EXCLUSIVE MODE;

  FOR day_start IN
    -- A bound, because an ingest whose clock is wrong must not make a partition of any day.
    SELECT date_trunc('day', received_at) FROM vss.bodies_default
    WHERE received_at >= today - interval '31 days' AND received_at < today
    UNION
    SELECT today + make_interval(days => number) FROM generate_series(0, days_ahead) AS number
    ORDER BY 1
  LOOP
    partition_name := 'bodies_' || to_char(day_start, 'YYYY_MM_DD');
    IF vss.make_partition('bodies', partition_name, day_start, day_start + interval '1 day') THEN
      RETURN NEXT partition_name;
    END IF;
  END LOOP;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.ensure_body_partitions(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.ensure_body_partitions(integer) IS 'Creates the partitions of vss.bodies of today and days_ahead more (0 to 60), and those of the 31 days before whose bodies are in the default partition. Returns the names of those it created. Bodies move to their own partition from the default one.';

CREATE OR REPLACE FUNCTION vss.ensure_ledger_partitions(months_ahead integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '3s'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  this_month timestamptz := date_trunc('month', now());
  month_start timestamptz;
  partition_name text;
BEGIN
  IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'months_ahead must be between 0 and 24' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- One caller at a time; ATTACH takes this lock anyway. Two that had read the default partition would each wait for the other.
  LOCK TABLE vss.deliveries IN SHARE UPDATE EXCLUSIVE MODE;

  FOR month_start IN
    SELECT date_trunc('month', received_at) FROM vss.deliveries_default
    WHERE received_at >= this_month - interval '2 months' AND received_at < this_month
    UNION
    SELECT this_month + make_interval(months => number) FROM generate_series(0, months_ahead) AS number
    ORDER BY 1
  LOOP
    partition_name := 'deliveries_' || to_char(month_start, 'YYYY_MM');
    IF vss.make_partition('deliveries', partition_name, month_start, month_start + interval '1 month') THEN
      RETURN NEXT partition_name;
    END IF;
  END LOOP;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.ensure_ledger_partitions(integer) IS 'Creates the ledger''s partitions of this month and months_ahead more (0 to 24), and those of the two months before whose deliveries are in the default partition. Returns the names of those it created. Deliveries move to their own partition from the default one.';

CREATE OR REPLACE FUNCTION vss.expired_partitions(bodies_from timestamp with time zone, ledger_from timestamp with time zone)
 RETURNS TABLE(kind text, name text, range_end timestamp with time zone, bytes bigint)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  SELECT bound.kind, bound.name, bound.range_end, pg_total_relation_size(bound.oid)
  FROM (
    SELECT
      parent.relname::text AS kind, child.relname::text AS name, child.oid,
      substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \(''(.*)''\)')::timestamptz AS range_end
    FROM pg_inherits
    JOIN pg_class AS parent ON parent.oid = inhparent
    JOIN pg_class AS child ON child.oid = inhrelid
    WHERE parent.relnamespace = 'vss'::regnamespace AND parent.relname IN ('bodies', 'deliveries')
  ) AS bound
  WHERE bound.range_end <= CASE bound.kind WHEN 'bodies' THEN bodies_from ELSE ledger_from END
  ORDER BY bound.range_end, bound.kind
$function$;
REVOKE EXECUTE ON FUNCTION vss.expired_partitions(timestamp with time zone,timestamp with time zone) FROM PUBLIC;
COMMENT ON FUNCTION vss.expired_partitions(timestamp with time zone,timestamp with time zone) IS 'The partitions of vss.bodies and of the ledger of which every row was received before these times, the oldest first.';

CREATE OR REPLACE FUNCTION vss.feed_continue()
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  known vss.feed;
  server record;
  continued uuid := gen_random_uuid();
BEGIN
  SELECT * INTO known FROM vss.feed FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no feed to continue: run "vss feed restart", which is SELECT vss.feed_restart()' USING ERRCODE = 'VF002';
  END IF;
  SELECT * INTO server FROM vss.server_identity();
  PERFORM vss.check_transaction_ids();
  IF known.barrier > pg_snapshot_xmax(pg_current_snapshot()) THEN
    RAISE EXCEPTION 'the last heartbeat of the feed is ahead of this server''s transaction ids, because it was restored from another: the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()'
      USING ERRCODE = 'VF003';
  END IF;
  IF known.system_identifier <> server.system_identifier THEN
    PERFORM vss.check_cursor(consumers.cursor, known.feed_id)
    FROM vss.consumers, vss.present_place(consumers.cursor, known.feed_id) AS place WHERE place.change_xid IS NOT NULL;
    UPDATE vss.feed SET system_identifier = server.system_identifier, timeline = server.timeline;
    RETURN known.feed_id;
  END IF;
  IF known.timeline = server.timeline THEN
    RETURN known.feed_id;
  END IF;
  -- It never rises: a later barrier is of a server that had what was before the earlier one.
  UPDATE vss.feed_ancestors SET goes_back_to = known.barrier WHERE goes_back_to > known.barrier;
  INSERT INTO vss.feed_ancestors (feed_id, goes_back_to) VALUES (known.feed_id, known.barrier);
  UPDATE vss.feed
  SET feed_id = continued, timeline = server.timeline, barrier = pg_snapshot_xmin(pg_current_snapshot()), beaten_at = now();
  RETURN continued;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_continue() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_continue() IS 'After pg_upgrade, which keeps transaction ids, lets cursors go on as they are. After a failover or a recovery to a point in time begins a feed in which they go back to the last heartbeat that survived; vss.feed_heartbeat() does that by itself. Returns the feed''s id. Fails (VF003) when a row, a consumer or the heartbeat is ahead of this server.';

CREATE OR REPLACE FUNCTION vss.feed_end()
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  SELECT concat(
    '1.', feed.feed_id,
    '.', lpad(coalesce(newest.change_xid::text, ''), 20, '0'),
    '.', coalesce(newest.session_id, '00000000-0000-0000-0000-000000000000')
  )
  FROM vss.check_feed() AS feed (feed_id)
  LEFT JOIN LATERAL (
    SELECT change_xid, session_id
    FROM vss.sessions
    WHERE change_xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY change_xid DESC, session_id DESC
    LIMIT 1
  ) AS newest ON true
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_end() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_end() IS 'The cursor of the last change that vss.changes shows now: after it come the changes from now on. In an empty feed it is a cursor before the first change. Fails (VF002, VF003, VF005) as vss.changes does.';

CREATE OR REPLACE FUNCTION vss.feed_heartbeat()
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
DECLARE
  known vss.feed;
  server record;
  -- In the order of the index: with a comparison alone Postgres may read the whole table.
  newest xid8 := (SELECT change_xid FROM vss.sessions ORDER BY change_xid DESC, session_id DESC LIMIT 1);
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN 'standby';
  END IF;
  SELECT * INTO known FROM vss.feed;
  SELECT * INTO server FROM vss.server_identity();
  IF known.timeline < server.timeline THEN
    -- Another worker may have been quicker.
    SELECT * INTO known FROM vss.feed FOR UPDATE;
  END IF;
  IF known.system_identifier IS DISTINCT FROM server.system_identifier OR known.timeline > server.timeline THEN
    RETURN 'other server';
  END IF;
  IF known.timeline < server.timeline THEN
    BEGIN
      PERFORM vss.feed_continue();
      RETURN 'continued';
    EXCEPTION WHEN SQLSTATE 'VF003' THEN
      RETURN 'ahead';
    END;
  END IF;
  -- No cursor is further than the last change, so that none would go back.
  IF (newest >= known.barrier) IS NOT TRUE THEN
    RETURN 'quiet';
  END IF;
  UPDATE vss.feed SET barrier = pg_snapshot_xmin(pg_current_snapshot()), beaten_at = clock_timestamp()
  WHERE feed.barrier < pg_snapshot_xmin(pg_current_snapshot());
  RETURN CASE WHEN FOUND THEN 'beat' ELSE 'held' END;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_heartbeat() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_heartbeat() IS 'To be called once a second, in a transaction of its own: after a failover cursors go back to the last heartbeat that survived. Returns beat; quiet: no session has changed since; held: an older transaction is open; continued: a failover has been, and cursors have gone back; standby; other server or ahead: the owner of schema vss must decide.';

CREATE OR REPLACE FUNCTION vss.feed_holder(OUT barrier xid8, OUT holder text, OUT pid integer, OUT prepared_name text, OUT database_name text, OUT application_name text, OUT since timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  barrier := pg_snapshot_xmin(pg_current_snapshot());
  IF pg_is_in_recovery() THEN
    holder := 'unknown';
    RETURN;
  END IF;
  SELECT 'prepared transaction', gid, database, prepared
  INTO holder, prepared_name, database_name, since
  FROM pg_prepared_xacts WHERE transaction = barrier::xid;
  IF FOUND THEN
    RETURN;
  END IF;
  -- A transaction that writes has a lock on its own id, and everybody sees locks.
  SELECT 'connection', pg_locks.pid, datname, pg_stat_activity.application_name, xact_start
  INTO holder, feed_holder.pid, database_name, feed_holder.application_name, since
  FROM pg_locks LEFT JOIN pg_stat_activity ON pg_stat_activity.pid = pg_locks.pid
  WHERE locktype = 'transactionid' AND transactionid = barrier::xid AND mode = 'ExclusiveLock' AND granted;
  IF NOT FOUND THEN
    holder := 'nobody';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_holder() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_holder() IS 'The oldest transaction of the whole server that has written and not ended: vss.changes shows nothing newer.';

CREATE OR REPLACE FUNCTION vss.feed_restart()
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '10s'
AS $function$
DECLARE
  begun uuid := gen_random_uuid();
BEGIN
  -- A column made anew gives every row the id of this transaction, and rewrites none.
  DROP TRIGGER sessions_mark_change ON vss.sessions;
  ALTER TABLE vss.sessions DROP COLUMN change_xid;
  ALTER TABLE vss.sessions ADD COLUMN change_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
  COMMENT ON COLUMN vss.sessions.change_xid IS 'The transaction that wrote this content, as of pg_current_xact_id(): it changes with revision';
  CREATE INDEX sessions_change_idx ON vss.sessions (change_xid, session_id);
  CREATE TRIGGER sessions_mark_change BEFORE UPDATE ON vss.sessions
  FOR EACH ROW
  WHEN (NEW.revision <> OLD.revision AND NEW.change_xid = OLD.change_xid)
  EXECUTE FUNCTION vss.mark_change();

  INSERT INTO vss.feed (feed_id, system_identifier, timeline)
  SELECT begun, system_identifier, timeline FROM vss.server_identity()
  ON CONFLICT (is_only) DO UPDATE
  SET feed_id = excluded.feed_id, system_identifier = excluded.system_identifier, timeline = excluded.timeline,
    barrier = excluded.barrier, beaten_at = excluded.beaten_at;
  DELETE FROM vss.feed_ancestors;
  RETURN begun;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_restart() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_restart() IS 'Begins a new feed, after a restore from a backup or a failover that lost transactions: every session comes once more, and earlier cursors are refused. Returns the new feed''s id. Nobody can use vss.sessions meanwhile: about a second for a million.';

CREATE OR REPLACE FUNCTION vss.grant_to_roles()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM PUBLIC;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_writer' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.bodies, vss.rejected, vss.leg_numbers, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag, vss.watermark, vss.ingests, vss.minutes, vss.minute_tallies, vss.minute_counts, vss.sub_account_activity, vss.drift, vss.activity_hours, vss.session_facts, vss.calls_a_day, vss.failures_by_cause, vss.quality_by_country_pair, vss.busiest_hours, vss.this_week, vss.figures, vss.figure_hours, vss.figure_losses, vss.retention, vss.retention_floor, vss.bodies_in_ledger, vss.figures_progress, vss.migrations FROM vss_writer;
    REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM vss_writer;
    GRANT SELECT ON vss.feed TO vss_writer;
    GRANT SELECT ON vss.feed_ancestors TO vss_writer;
    GRANT SELECT ON vss.feed_status TO vss_writer;
    GRANT SELECT ON vss.consumers TO vss_writer;
    GRANT SELECT ON vss.consumer_lag TO vss_writer;
    GRANT SELECT, UPDATE (complete_until, reason, updated_at) ON vss.watermark TO vss_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON vss.ingests TO vss_writer;
    GRANT SELECT ON vss.retention TO vss_writer;
    GRANT SELECT ON vss.retention_floor TO vss_writer;
    GRANT SELECT, INSERT, UPDATE ON vss.sessions TO vss_writer;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_writer;
    GRANT SELECT (received_at, delivery_id), INSERT ON vss.deliveries TO vss_writer;
    GRANT INSERT ON vss.bodies TO vss_writer;
    GRANT INSERT ON vss.minute_tallies TO vss_writer;
    GRANT SELECT ON vss.sub_account_activity TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.add_up_minutes(integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.delete_expired(text, integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.drop_expired_partitions() TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.ensure_body_partitions(integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.feed_heartbeat() TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.note_drift(jsonb) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.prune_minutes(integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.refresh_figures(integer, interval) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.set_retention(integer, integer, integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_writer;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_reader' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.bodies, vss.rejected, vss.leg_numbers, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag, vss.watermark, vss.ingests, vss.minutes, vss.minute_tallies, vss.minute_counts, vss.sub_account_activity, vss.drift, vss.activity_hours, vss.session_facts, vss.calls_a_day, vss.failures_by_cause, vss.quality_by_country_pair, vss.busiest_hours, vss.this_week, vss.figures, vss.figure_hours, vss.figure_losses, vss.retention, vss.retention_floor, vss.bodies_in_ledger, vss.figures_progress, vss.migrations FROM vss_reader;
    REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM vss_reader;
    GRANT SELECT ON vss.sessions TO vss_reader;
    GRANT SELECT ON vss.call_legs TO vss_reader;
    GRANT SELECT ON vss.leg_numbers TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, body_sha256, session_id, outcome, reasons, processed_at, pipeline_version, source, history) ON vss.deliveries TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, reasons, session_id) ON vss.rejected TO vss_reader;
    GRANT SELECT ON vss.minutes TO vss_reader;
    GRANT SELECT ON vss.minute_tallies TO vss_reader;
    GRANT SELECT ON vss.minute_counts TO vss_reader;
    GRANT SELECT ON vss.sub_account_activity TO vss_reader;
    GRANT SELECT ON vss.drift TO vss_reader;
    GRANT SELECT ON vss.session_facts TO vss_reader;
    GRANT SELECT ON vss.calls_a_day TO vss_reader;
    GRANT SELECT ON vss.failures_by_cause TO vss_reader;
    GRANT SELECT ON vss.quality_by_country_pair TO vss_reader;
    GRANT SELECT ON vss.busiest_hours TO vss_reader;
    GRANT SELECT ON vss.this_week TO vss_reader;
    GRANT SELECT ON vss.migrations TO vss_reader;
    GRANT SELECT ON vss.feed TO vss_reader;
    GRANT SELECT ON vss.feed_ancestors TO vss_reader;
    GRANT SELECT ON vss.feed_status TO vss_reader;
    GRANT SELECT ON vss.consumers TO vss_reader;
    GRANT SELECT ON vss.consumer_lag TO vss_reader;
    GRANT SELECT ON vss.watermark TO vss_reader;
    GRANT SELECT ON vss.ingests TO vss_reader;
    GRANT SELECT ON vss.retention TO vss_reader;
    GRANT SELECT ON vss.retention_floor TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.changes(text, integer) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.check_cursor(text, uuid) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.check_feed() TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.check_transaction_ids() TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.commit(text, text, boolean) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.feed_end() TO vss_reader;
    GRANT EXECUTE ON FUNCTION vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean) TO vss_reader;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_support' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.bodies, vss.rejected, vss.leg_numbers, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag, vss.watermark, vss.ingests, vss.minutes, vss.minute_tallies, vss.minute_counts, vss.sub_account_activity, vss.drift, vss.activity_hours, vss.session_facts, vss.calls_a_day, vss.failures_by_cause, vss.quality_by_country_pair, vss.busiest_hours, vss.this_week, vss.figures, vss.figure_hours, vss.figure_losses, vss.retention, vss.retention_floor, vss.bodies_in_ledger, vss.figures_progress, vss.migrations FROM vss_support;
    REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM vss_support;
    GRANT SELECT ON vss.sessions TO vss_support;
    GRANT SELECT ON vss.call_legs TO vss_support;
    GRANT SELECT ON vss.leg_numbers TO vss_support;
    GRANT SELECT ON vss.deliveries TO vss_support;
    GRANT SELECT ON vss.bodies TO vss_support;
    GRANT SELECT ON vss.rejected TO vss_support;
    GRANT SELECT ON vss.minutes TO vss_support;
    GRANT SELECT ON vss.minute_tallies TO vss_support;
    GRANT SELECT ON vss.minute_counts TO vss_support;
    GRANT SELECT ON vss.sub_account_activity TO vss_support;
    GRANT SELECT ON vss.drift TO vss_support;
    GRANT SELECT ON vss.session_facts TO vss_support;
    GRANT SELECT ON vss.calls_a_day TO vss_support;
    GRANT SELECT ON vss.failures_by_cause TO vss_support;
    GRANT SELECT ON vss.quality_by_country_pair TO vss_support;
    GRANT SELECT ON vss.busiest_hours TO vss_support;
    GRANT SELECT ON vss.this_week TO vss_support;
    GRANT SELECT ON vss.migrations TO vss_support;
    GRANT SELECT ON vss.feed TO vss_support;
    GRANT SELECT ON vss.feed_ancestors TO vss_support;
    GRANT SELECT ON vss.feed_status TO vss_support;
    GRANT SELECT ON vss.consumers TO vss_support;
    GRANT SELECT ON vss.consumer_lag TO vss_support;
    GRANT SELECT ON vss.watermark TO vss_support;
    GRANT SELECT ON vss.ingests TO vss_support;
    GRANT SELECT ON vss.retention TO vss_support;
    GRANT SELECT ON vss.retention_floor TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.expired_partitions(timestamp with time zone, timestamp with time zone) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean) TO vss_support;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_operator' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.bodies, vss.rejected, vss.leg_numbers, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag, vss.watermark, vss.ingests, vss.minutes, vss.minute_tallies, vss.minute_counts, vss.sub_account_activity, vss.drift, vss.activity_hours, vss.session_facts, vss.calls_a_day, vss.failures_by_cause, vss.quality_by_country_pair, vss.busiest_hours, vss.this_week, vss.figures, vss.figure_hours, vss.figure_losses, vss.retention, vss.retention_floor, vss.bodies_in_ledger, vss.figures_progress, vss.migrations FROM vss_operator;
    REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM vss_operator;
    GRANT SELECT, INSERT, UPDATE, DELETE ON vss.sessions TO vss_operator;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_operator;
    GRANT SELECT ON vss.leg_numbers TO vss_operator;
    GRANT SELECT, UPDATE (session_id, outcome, reasons, processed_at, pipeline_version, history) ON vss.deliveries TO vss_operator;
    GRANT SELECT ON vss.bodies TO vss_operator;
    GRANT SELECT ON vss.rejected TO vss_operator;
    GRANT SELECT ON vss.minutes TO vss_operator;
    GRANT SELECT, INSERT ON vss.minute_tallies TO vss_operator;
    GRANT SELECT ON vss.minute_counts TO vss_operator;
    GRANT SELECT ON vss.sub_account_activity TO vss_operator;
    GRANT SELECT ON vss.drift TO vss_operator;
    GRANT SELECT ON vss.session_facts TO vss_operator;
    GRANT SELECT ON vss.calls_a_day TO vss_operator;
    GRANT SELECT ON vss.failures_by_cause TO vss_operator;
    GRANT SELECT ON vss.quality_by_country_pair TO vss_operator;
    GRANT SELECT ON vss.busiest_hours TO vss_operator;
    GRANT SELECT ON vss.this_week TO vss_operator;
    GRANT SELECT ON vss.migrations TO vss_operator;
    GRANT SELECT ON vss.feed TO vss_operator;
    GRANT SELECT ON vss.feed_ancestors TO vss_operator;
    GRANT SELECT ON vss.feed_status TO vss_operator;
    GRANT SELECT ON vss.consumers TO vss_operator;
    GRANT SELECT ON vss.consumer_lag TO vss_operator;
    GRANT SELECT ON vss.watermark TO vss_operator;
    GRANT SELECT, DELETE ON vss.ingests TO vss_operator;
    GRANT SELECT ON vss.retention TO vss_operator;
    GRANT SELECT ON vss.retention_floor TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.expired_partitions(timestamp with time zone, timestamp with time zone) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_operator;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_analyst' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.bodies, vss.rejected, vss.leg_numbers, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag, vss.watermark, vss.ingests, vss.minutes, vss.minute_tallies, vss.minute_counts, vss.sub_account_activity, vss.drift, vss.activity_hours, vss.session_facts, vss.calls_a_day, vss.failures_by_cause, vss.quality_by_country_pair, vss.busiest_hours, vss.this_week, vss.figures, vss.figure_hours, vss.figure_losses, vss.retention, vss.retention_floor, vss.bodies_in_ledger, vss.figures_progress, vss.migrations FROM vss_analyst;
    REVOKE ALL ON FUNCTION vss.add_up_minutes(integer), vss.changes(text, integer), vss.check_buckets(timestamp with time zone, timestamp with time zone, interval), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.count_figures(timestamp with time zone[], timestamp with time zone[], text, boolean[], boolean[], boolean[]), vss.delete_expired(text, integer), vss.drop_expired_partitions(), vss.ensure_body_partitions(integer), vss.ensure_ledger_partitions(integer), vss.expired_partitions(timestamp with time zone, timestamp with time zone), vss.feed_continue(), vss.feed_end(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.make_partition(text, text, timestamp with time zone, timestamp with time zone), vss.mark_change(), vss.mark_lost_sessions(), vss.note_drift(jsonb), vss.oldest_unread(text), vss.present_place(text, uuid), vss.prune_minutes(integer), vss.read_cursor(text), vss.refresh_figures(integer, interval), vss.server_identity(), vss.set_retention(integer, integer, integer), vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean), vss.utf8_text(bytea) FROM vss_analyst;
    GRANT SELECT ON vss.minutes TO vss_analyst;
    GRANT SELECT ON vss.minute_tallies TO vss_analyst;
    GRANT SELECT ON vss.minute_counts TO vss_analyst;
    GRANT SELECT ON vss.sub_account_activity TO vss_analyst;
    GRANT SELECT ON vss.drift TO vss_analyst;
    GRANT SELECT ON vss.session_facts TO vss_analyst;
    GRANT SELECT ON vss.calls_a_day TO vss_analyst;
    GRANT SELECT ON vss.failures_by_cause TO vss_analyst;
    GRANT SELECT ON vss.quality_by_country_pair TO vss_analyst;
    GRANT SELECT ON vss.busiest_hours TO vss_analyst;
    GRANT SELECT ON vss.this_week TO vss_analyst;
    GRANT EXECUTE ON FUNCTION vss.traffic(timestamp with time zone, timestamp with time zone, interval, text, text[], boolean) TO vss_analyst;
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.grant_to_roles() FROM PUBLIC;
COMMENT ON FUNCTION vss.grant_to_roles() IS 'Gives the roles of deploy/postgres/roles.sql what they need, where they have been let into the schema. Written by privileges.ts, and called, at the end of every migrate.';

CREATE OR REPLACE FUNCTION vss.make_partition(parent text, partition_name text, range_start timestamp with time zone, range_end timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  -- They move in about a second. Whoever reads or writes the default partition waits meanwhile.
  most_moved constant integer := 100000;
  astray integer;
BEGIN
  IF to_regclass('vss.' || quote_ident(partition_name)) IS NOT NULL THEN RETURN false; END IF;

  -- ATTACH takes this lock as well. It keeps others from adding rows of the range while these move.
  EXECUTE format('LOCK TABLE vss.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
  EXECUTE format(
    'SELECT count(*) FROM (SELECT FROM vss.%I WHERE received_at >= $1 AND received_at < $2 LIMIT $3) AS astray',
    parent || '_default'
  ) INTO astray USING range_start, range_end, most_moved + 1;
  IF astray > most_moved THEN
    RAISE WARNING 'vss.% not created: vss.%_default holds more than % of its rows', partition_name, parent, most_moved;
    RETURN false;
  END IF;

  -- ATTACH lets others read and write the other partitions meanwhile; CREATE TABLE ... PARTITION OF would not.
  EXECUTE format('CREATE TABLE vss.%I (LIKE vss.%I INCLUDING CONSTRAINTS INCLUDING STORAGE)', partition_name, parent);
  IF astray > 0 THEN
    EXECUTE format(
      'WITH moved AS (DELETE FROM vss.%I WHERE received_at >= $1 AND received_at < $2 RETURNING *)
       INSERT INTO vss.%I SELECT * FROM moved',
      parent || '_default', partition_name
    ) USING range_start, range_end;
  END IF;
  EXECUTE format('ALTER TABLE vss.%I ATTACH PARTITION vss.%I FOR VALUES FROM (%L) TO (%L)', parent, partition_name, range_start, range_end);
  RETURN true;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.make_partition(text,text,timestamp with time zone,timestamp with time zone) FROM PUBLIC;
COMMENT ON FUNCTION vss.make_partition(text,text,timestamp with time zone,timestamp with time zone) IS 'Creates a partition, moves the rows of its range there from the default partition, and returns true; false where it is there already, or more than 100,000 rows would move: these stay, with a warning.';

CREATE OR REPLACE FUNCTION vss.mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  NEW.change_xid := pg_current_xact_id();
  RETURN NEW;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.mark_change() FROM PUBLIC;
COMMENT ON FUNCTION vss.mark_change() IS 'Gives a session whose revision changed the change_xid that its writer did not give it.';

CREATE OR REPLACE FUNCTION vss.mark_lost_sessions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO vss.figure_losses (hour) VALUES (date_bin('1 hour', OLD.started_at, '2000-01-01 00:00:00+00'));
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO vss.figure_losses (hour) SELECT DISTINCT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') FROM lost;
  ELSE
    INSERT INTO vss.figure_losses (hour) SELECT hour FROM vss.figure_hours;
  END IF;
  RETURN NULL;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.mark_lost_sessions() FROM PUBLIC;
COMMENT ON FUNCTION vss.mark_lost_sessions() IS 'Notes the hours that lose a session.';

CREATE OR REPLACE FUNCTION vss.note_drift(observed jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  most_rows CONSTANT integer := 1000;
  free_rows integer;
BEGIN
  -- One at a time: workers see the same drift, and the rows are counted.
  PERFORM pg_advisory_xact_lock(5337700118080);
  free_rows := greatest(0, most_rows - (SELECT count(*)::integer FROM vss.drift WHERE kind <> 'other'));

  WITH seen AS (
    SELECT kind, path, value, first_seen, last_seen, deliveries, sample_delivery_id
    FROM jsonb_to_recordset(observed) AS seen (
      kind text, path text, value text, first_seen timestamptz, last_seen timestamptz, deliveries bigint,
      sample_delivery_id uuid
    )
  ), fresh AS (
    SELECT seen.*, row_number() OVER (ORDER BY deliveries DESC, kind, path, value) AS place
    FROM seen
    WHERE kind <> 'other'
      AND NOT EXISTS (SELECT FROM vss.drift WHERE (drift.kind, drift.path, drift.value) = (seen.kind, seen.path, seen.value))
  ), replaceable AS (
    -- When the table is full, a row gives way to one with more deliveries, or when it was not seen for a day. Random
    -- names, each seen once, do not replace each other.
    SELECT kind, path, value, deliveries, last_seen < now() - interval '1 day' AS is_old,
      free_rows + row_number() OVER (ORDER BY last_seen >= now() - interval '1 day', deliveries, last_seen) AS place
    FROM vss.drift
    WHERE kind <> 'other'
      AND NOT EXISTS (SELECT FROM seen WHERE (drift.kind, drift.path, drift.value) = (seen.kind, seen.path, seen.value))
  ), replaced AS (
    SELECT replaceable.kind, replaceable.path, replaceable.value, place
    FROM fresh JOIN replaceable USING (place)
    WHERE replaceable.is_old OR replaceable.deliveries < fresh.deliveries
  ), removed AS (
    DELETE FROM vss.drift USING replaced
    WHERE (drift.kind, drift.path, drift.value) = (replaced.kind, replaced.path, replaced.value)
    RETURNING drift.first_seen, drift.last_seen, drift.deliveries, drift.sample_delivery_id
  ), judged AS (
    SELECT seen.*, kind <> 'other' AND (
      place IS NULL OR place <= free_rows OR place IN (SELECT replaced.place FROM replaced)
    ) AS has_room
    FROM seen LEFT JOIN fresh USING (kind, path, value, first_seen, last_seen, deliveries, sample_delivery_id)
  ), others AS (
    SELECT first_seen, last_seen, deliveries, sample_delivery_id FROM judged WHERE NOT has_room
    UNION ALL
    SELECT first_seen, last_seen, deliveries, sample_delivery_id FROM removed
  )
  INSERT INTO vss.drift AS known (kind, path, value, first_seen, last_seen, deliveries, sample_delivery_id)
  SELECT kind, path, value, first_seen, last_seen, deliveries, sample_delivery_id FROM judged WHERE has_room
  UNION ALL
  SELECT 'other', '', '', min(first_seen), max(last_seen), sum(deliveries)::bigint,
    (array_agg(sample_delivery_id ORDER BY last_seen DESC))[1]
  FROM others
  HAVING count(*) > 0
  ON CONFLICT (kind, path, value) DO UPDATE SET
    first_seen = least(known.first_seen, excluded.first_seen),
    last_seen = greatest(known.last_seen, excluded.last_seen),
    deliveries = known.deliveries + excluded.deliveries,
    sample_delivery_id = CASE
      WHEN excluded.last_seen >= known.last_seen THEN excluded.sample_delivery_id
      ELSE known.sample_delivery_id
    END;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.note_drift(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION vss.note_drift(jsonb) IS 'Adds observations, [{kind, path, value, first_seen, last_seen, deliveries, sample_delivery_id}] with distinct keys, to vss.drift.';

CREATE OR REPLACE FUNCTION vss.oldest_unread(cursor text, OUT state text, OUT changed_at timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.present_place(cursor, (SELECT feed.feed_id FROM vss.feed));
  IF place.change_xid IS NULL THEN
    state := 'other feed';
    RETURN;
  END IF;
  SELECT 'behind', processed_at INTO state, changed_at
  FROM vss.sessions AS changed
  WHERE (changed.change_xid, changed.session_id) > (place.change_xid, place.session_id)
  ORDER BY changed.change_xid, changed.session_id
  LIMIT 1;
  IF NOT FOUND THEN
    state := 'up to date';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.oldest_unread(text) FROM PUBLIC;
COMMENT ON FUNCTION vss.oldest_unread(text) IS 'When the first change after a cursor was made, also one that vss.changes does not show yet.';

CREATE OR REPLACE FUNCTION vss.present_place(cursor text, feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  place record;
  bound xid8;
BEGIN
  SELECT * INTO place FROM vss.read_cursor(cursor);
  IF place.feed_id IS DISTINCT FROM present_place.feed_id THEN
    SELECT goes_back_to INTO bound FROM vss.feed_ancestors AS ancestor WHERE ancestor.feed_id = place.feed_id;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    IF place.change_xid >= bound THEN
      change_xid := (bound::text::numeric - 1)::text;
      session_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      RETURN;
    END IF;
  END IF;
  change_xid := place.change_xid;
  session_id := place.session_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.present_place(text,uuid) FROM PUBLIC;
COMMENT ON FUNCTION vss.present_place(text,uuid) IS 'The place of a cursor in that feed, which is the present one. A cursor of before a failover goes back to what survived. Null for a cursor of another feed.';

CREATE OR REPLACE FUNCTION vss.prune_minutes(max_rows integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  oldest timestamptz := now() - interval '35 days';
  removed_counts integer;
  removed_hours integer;
BEGIN
  -- As in vss.add_up_minutes(): the two never wait for each other's rows.
  PERFORM pg_advisory_xact_lock(5337700118079);

  DELETE FROM vss.minute_counts
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.minute_counts WHERE minute < oldest ORDER BY minute LIMIT max_rows));
  GET DIAGNOSTICS removed_counts = ROW_COUNT;

  -- vss.sub_account_activity looks at the 7 days before a sub-account's last delivery, and at the hour before them.
  DELETE FROM vss.activity_hours
  WHERE ctid = ANY (ARRAY(
    SELECT place
    FROM (
      SELECT
        ctid AS place,
        lead(last_minute) OVER (PARTITION BY sub_account_id ORDER BY hour) AS next_minute,
        max(last_minute) OVER (PARTITION BY sub_account_id) AS newest_minute
      FROM vss.activity_hours
    ) AS known
    WHERE newest_minute < oldest OR next_minute <= newest_minute - interval '7 days'
    LIMIT max_rows
  ));
  GET DIAGNOSTICS removed_hours = ROW_COUNT;
  RETURN greatest(removed_counts, removed_hours);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.prune_minutes(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.prune_minutes(integer) IS 'Removes up to max_rows counts of minutes that are older than 35 days, and up to as many hours that vss.sub_account_activity does not need. Returns the greater number: call it again while it is max_rows.';

CREATE OR REPLACE FUNCTION vss.read_cursor(cursor text, OUT feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  is_cursor boolean := CASE
    WHEN cursor ~ '^1\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{20}\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      THEN substr(cursor, 40, 20)::numeric <= 18446744073709551615
    ELSE false
  END;
BEGIN
  IF NOT is_cursor THEN
    RAISE EXCEPTION '"%" is no cursor of vss.changes: give one as it was returned, or NULL to read from the beginning', left(cursor, 120)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  feed_id := substr(cursor, 3, 36);
  -- Postgres 15 takes a leading zero for octal.
  change_xid := substr(cursor, 40, 20)::numeric::text;
  session_id := substr(cursor, 61, 36);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.read_cursor(text) FROM PUBLIC;
COMMENT ON FUNCTION vss.read_cursor(text) IS 'The parts of a cursor. Fails (22023) when it is none.';

CREATE OR REPLACE FUNCTION vss.refresh_figures(max_hours integer DEFAULT 1, settled interval DEFAULT '00:05:00'::interval)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
  progress vss.figures_progress;
  server bigint := (SELECT system_identifier FROM pg_control_system());
  hours timestamptz[];
  ends timestamptz[];
  made vss.figures[];
  losses uuid[];
  next_until xid8;
  changed timestamptz[];
  changed_times timestamptz[];
BEGIN
  IF max_hours IS NULL OR max_hours NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'max_hours is %: give 1 to 100', coalesce(max_hours::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF settled IS NULL OR settled < interval '0' THEN
    RAISE EXCEPTION 'settled is %: give an interval of 0 or more', coalesce(settled::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock('vss.figures_progress'::regclass::bigint) THEN
    RETURN 0;
  END IF;
  SELECT * INTO progress FROM vss.figures_progress;
  IF progress.system_identifier IS DISTINCT FROM server THEN
    DELETE FROM vss.figures;
    DELETE FROM vss.figure_hours;
    DELETE FROM vss.figures_progress;
    INSERT INTO vss.figures_progress (system_identifier, followed_until) VALUES (server, '0') RETURNING * INTO progress;
  END IF;

  -- Older transactions have ended. The next call will see what later ones change.
  next_until := pg_snapshot_xmin(pg_current_snapshot());
  losses := ARRAY(SELECT loss FROM vss.figure_losses);
  SELECT array_agg(hour), array_agg(at) INTO changed, changed_times FROM (
    SELECT hour, max(at) AS at FROM (
      SELECT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS hour, processed_at AS at FROM vss.sessions WHERE change_xid >= progress.followed_until
      UNION ALL
      SELECT hour, now() FROM vss.figure_losses WHERE loss = ANY (losses)
    ) AS change
    GROUP BY hour
  ) AS changed_hour;

  -- An hour that still changes is not worth the counting. Newer hours are asked for more.
  SELECT array_agg(hour), array_agg(hour + interval '1 hour') INTO hours, ends FROM (
    SELECT hour FROM vss.figure_hours
    WHERE NOT is_current AND changed_at <= now() - settled AND hour <> ALL (coalesce(changed, '{}'))
    ORDER BY hour DESC LIMIT max_hours
  ) AS settled_hour;
  -- The feed waits for a transaction as soon as it writes: so all is counted before.
  made := ARRAY(
    SELECT figures FROM vss.count_figures(
      hours, ends, NULL,
      by_sub_account => '{false,true,false}', by_country_pair => '{false,false,true}', by_shape => '{true,true,false}'
    ) AS figures
  );

  DELETE FROM vss.figures WHERE hour = ANY (hours);
  INSERT INTO vss.figures SELECT * FROM unnest(made);
  UPDATE vss.figure_hours SET is_current = true WHERE hour = ANY (hours);
  INSERT INTO vss.figure_hours AS known (hour, is_current, changed_at)
  SELECT hour, false, at FROM unnest(changed, changed_times) AS change (hour, at)
  ON CONFLICT (hour) DO UPDATE SET is_current = false, changed_at = excluded.changed_at;
  DELETE FROM vss.figure_losses WHERE loss = ANY (losses);
  UPDATE vss.figures_progress SET followed_until = next_until WHERE followed_until <> next_until;
  RETURN coalesce(array_length(hours, 1), 0);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.refresh_figures(integer,interval) FROM PUBLIC;
COMMENT ON FUNCTION vss.refresh_figures(integer,interval) IS 'Follows the changes of vss.sessions, and counts anew up to max_hours hours that have not changed for the time settled. Returns how many; 0 as well while another process is at it. Workers call it: vss.traffic is right without, and only slower. Not for a logical subscriber, whose rows have the transaction ids of another server.';

CREATE OR REPLACE FUNCTION vss.server_identity(OUT system_identifier bigint, OUT timeline integer)
 RETURNS record
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  SELECT
    (SELECT system_identifier FROM pg_control_system()),
    -- The control file has a new timeline only after the next checkpoint. A standby has no other source.
    CASE
      WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END
$function$;
REVOKE EXECUTE ON FUNCTION vss.server_identity() FROM PUBLIC;
COMMENT ON FUNCTION vss.server_identity() IS 'The server''s system identifier and its present timeline.';

CREATE OR REPLACE FUNCTION vss.set_retention(body_days integer, ledger_days integer, session_days integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  least_body_days constant integer := (SELECT days FROM vss.retention_floor WHERE kind = 'bodies');
  least_ledger_days constant integer := (SELECT max(days) FROM vss.retention_floor WHERE kind IN ('bodies', 'deliveries'));
  least_session_days constant integer := (SELECT days FROM vss.retention_floor WHERE kind = 'sessions');
BEGIN
  IF body_days > ledger_days THEN
    RAISE EXCEPTION 'body_days must be at most ledger_days' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(5337700118081) THEN RETURN false; END IF;

  -- A body without its ledger row could not be found. greatest() passes over a null, which here would mean for ever.
  body_days := least(body_days, ledger_days);
  IF body_days IS NOT NULL THEN body_days := greatest(body_days, least_body_days); END IF;
  IF ledger_days IS NOT NULL THEN ledger_days := greatest(ledger_days, least_ledger_days); END IF;
  IF session_days IS NOT NULL THEN session_days := greatest(session_days, least_session_days); END IF;

  INSERT INTO vss.retention AS known (kind, days, kept_from)
  SELECT kind, wanted.days, date_trunc('day', now()) - make_interval(days => wanted.days)
  FROM (VALUES ('bodies', body_days), ('deliveries', ledger_days), ('sessions', session_days)) AS wanted (kind, days)
  WHERE wanted.days IS NOT NULL
  ON CONFLICT (kind) DO UPDATE SET
    days = excluded.days,
    kept_from = greatest(known.kept_from, excluded.kept_from),
    -- Each day the sweep begins anew, for rows that came late.
    swept_until = CASE WHEN excluded.kept_from > known.kept_from THEN '-infinity' ELSE known.swept_until END
  WHERE known.days IS DISTINCT FROM excluded.days OR excluded.kept_from > known.kept_from;

  UPDATE vss.retention SET days = NULL
  WHERE days IS NOT NULL
    AND CASE kind WHEN 'bodies' THEN body_days WHEN 'deliveries' THEN ledger_days ELSE session_days END IS NULL;
  RETURN true;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.set_retention(integer,integer,integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.set_retention(integer,integer,integer) IS 'Says for how many whole days bodies, ledger and sessions are kept; null: for ever. Bodies are kept no longer than their ledger rows, and nothing for less than vss.retention_floor says. False where another worker is at it.';

CREATE OR REPLACE FUNCTION vss.traffic(since timestamp with time zone, until timestamp with time zone, bucket interval DEFAULT '1 day'::interval, sub_account text DEFAULT NULL::text, group_by text[] DEFAULT '{}'::text[], count_callees boolean DEFAULT false)
 RETURNS TABLE(bucket_start timestamp with time zone, bucket_end timestamp with time zone, sub_account_id text, direction text, legs integer, country_pair text, attempts bigint, answered bigint, asr double precision, ner_estimate double precision, no_answer bigint, busy bigint, canceled bigint, failed bigint, error bigint, other bigint, minutes double precision, acd_seconds double precision, short_calls bigint, ring_seconds_p50 double precision, ring_seconds_p95 double precision, measured bigint, mos_avg real, mos_p10 real, share_excellent double precision, share_good double precision, share_fair double precision, share_poor double precision, share_bad double precision, packet_loss_p95 real, jitter_ms_p95 real, distinct_callees bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
 SET enable_sort TO 'off'
 SET work_mem TO '32MB'
AS $function$
#variable_conflict use_column
DECLARE
  groups CONSTANT text[] := ARRAY['sub_account', 'direction', 'legs', 'country_pair'];
  starts timestamptz[] := vss.check_buckets(since, until, bucket);
  by_sub_account boolean := 'sub_account' = ANY (group_by);
  by_direction boolean := 'direction' = ANY (group_by);
  by_legs boolean := 'legs' = ANY (group_by);
  by_country_pair boolean := 'country_pair' = ANY (group_by);
  followed_until xid8;
  hours timestamptz[];
  firsts timestamptz[];
  nexts timestamptz[];
BEGIN
  IF group_by IS NULL OR count_callees IS NULL OR NOT group_by <@ groups THEN
    RAISE EXCEPTION 'group_by is %, and count_callees is %: give a list of %, and true or false',
      coalesce(left(group_by::text, 120), 'NULL'), coalesce(count_callees::text, 'NULL'), groups
      USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- A variable, so that the planner knows how few changes are newer.
  SELECT progress.followed_until INTO followed_until
  FROM vss.figures_progress AS progress WHERE progress.system_identifier = (SELECT system_identifier FROM pg_control_system());
  -- The hours whose figures are complete, and lie within one bucket. Country pairs are kept by themselves alone.
  hours := ARRAY(
    SELECT hour FROM vss.figure_hours
    WHERE is_current AND followed_until IS NOT NULL AND NOT (by_country_pair AND (by_sub_account OR sub_account IS NOT NULL OR by_direction OR by_legs))
      AND hour >= since AND hour + interval '1 hour' <= until
      AND width_bucket(hour, starts) = width_bucket(hour + interval '59 minutes 59.999999 seconds', starts)
      AND hour NOT IN (SELECT hour FROM vss.figure_losses)
      AND hour NOT IN (SELECT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') FROM vss.sessions WHERE change_xid >= followed_until)
    ORDER BY hour
  );
  -- All other time, in spans that lie within one bucket each.
  SELECT array_agg(greatest(gap.first, start)), array_agg(least(gap.next, start_of_next)) INTO firsts, nexts
  FROM (
    SELECT coalesce(lag(hour + interval '1 hour') OVER (ORDER BY hour), since) AS first, hour AS next
    FROM unnest(hours || until) AS hour
  ) AS gap
  JOIN (
    SELECT start, coalesce(lead(start) OVER (ORDER BY start), until) AS start_of_next FROM unnest(starts) AS start
  ) AS span ON start < gap.next AND start_of_next > gap.first
  WHERE gap.first < gap.next;

  RETURN QUERY
  WITH cell AS MATERIALIZED (
    SELECT * FROM vss.figures
    WHERE hour = ANY (hours)
      AND CASE WHEN by_sub_account OR sub_account IS NOT NULL THEN sub_account_id <> '' ELSE sub_account_id = '' END
      AND (sub_account IS NULL OR sub_account_id = sub_account)
      AND CASE WHEN by_country_pair THEN country_pair <> '' ELSE country_pair = '' END
    UNION ALL
    SELECT * FROM vss.count_figures(
      firsts, nexts, sub_account, ARRAY[by_sub_account], ARRAY[by_country_pair], ARRAY[by_direction OR by_legs]
    )
  ),
  keyed AS MATERIALIZED (
    SELECT
      width_bucket(hour, starts) AS number,
      CASE WHEN by_sub_account THEN sub_account_id ELSE '' END AS of_sub_account,
      CASE WHEN by_direction THEN direction ELSE '' END AS of_direction,
      CASE WHEN by_legs THEN legs ELSE 0 END AS of_legs,
      CASE WHEN by_country_pair THEN country_pair ELSE '' END AS of_pair,
      cell.*
    FROM cell
  ),
  tally AS MATERIALIZED (
    SELECT
      row_number() OVER () AS id, number, of_sub_account, of_direction, of_legs, of_pair,
      sum(attempts)::bigint AS attempts, sum(answered)::bigint AS answered, sum(undelivered)::bigint AS undelivered,
      sum(no_answer)::bigint AS no_answer, sum(busy)::bigint AS busy, sum(canceled)::bigint AS canceled,
      sum(failed)::bigint AS failed, sum(error)::bigint AS error, sum(other)::bigint AS other,
      sum(talk_seconds) AS talk_seconds, sum(answered_talk_seconds) AS answered_talk_seconds,
      sum(answered_timed)::bigint AS answered_timed, sum(short_calls)::bigint AS short_calls,
      sum(excellent)::double precision AS excellent, sum(good)::double precision AS good, sum(fair)::double precision AS fair,
      sum(poor)::double precision AS poor, sum(bad)::double precision AS bad
    FROM keyed GROUP BY number, of_sub_account, of_direction, of_legs, of_pair
  ),
  -- There are millions of values: a number groups them sooner than five columns.
  part AS MATERIALIZED (
    SELECT id, ring_seconds, ring_counts, mos, mos_counts, packet_loss, packet_loss_counts, jitter_ms, jitter_counts
    FROM keyed JOIN tally USING (number, of_sub_account, of_direction, of_legs, of_pair)
  ),
  value AS MATERIALIZED (
    SELECT id, measure, value, sum(count) AS count
    FROM (
      SELECT id, 'ring' AS measure, value, count FROM part, unnest(ring_seconds, ring_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'mos', value, count FROM part, unnest(mos, mos_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'loss', value, count FROM part, unnest(packet_loss, packet_loss_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'jitter', value, count FROM part, unnest(jitter_ms, jitter_counts) AS list (value, count)
    ) AS listed
    GROUP BY id, measure, value
  ),
  ranked AS (
    SELECT id, measure, value, count,
      sum(count) OVER (PARTITION BY id, measure ORDER BY value) AS up_to_here,
      sum(count) OVER (PARTITION BY id, measure) AS total
    FROM value
  ),
  -- As percentile_cont does it: between the two values beside the place, in proportion.
  percentile AS (
    SELECT id, measure, share,
      min(value) FILTER (WHERE up_to_here > floor(share * (total - 1)::double precision)) AS low,
      min(value) FILTER (WHERE up_to_here > ceil(share * (total - 1)::double precision)) AS high,
      share * (max(total) - 1)::double precision AS place,
      sum(value * count) / max(total)::double precision AS average,
      max(total)::bigint AS total
    FROM ranked
    JOIN (VALUES ('ring', 0.5::double precision), ('ring', 0.95), ('mos', 0.1), ('loss', 0.95), ('jitter', 0.95)) AS wanted (measure, share) USING (measure)
    GROUP BY id, measure, share
  ),
  spread AS (
    SELECT id,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'ring' AND share = 0.5) AS ring_p50,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'ring' AND share = 0.95) AS ring_p95,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'mos') AS mos_p10,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'loss') AS loss_p95,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'jitter') AS jitter_p95,
      max(average) FILTER (WHERE measure = 'mos') AS mos_avg,
      max(total) FILTER (WHERE measure = 'mos') AS measured
    FROM percentile GROUP BY id
  ),
  callees AS (
    SELECT
      width_bucket(started_at, starts) AS number,
      CASE WHEN by_sub_account THEN sessions.sub_account_id ELSE '' END AS of_sub_account,
      '' AS of_direction, 0 AS of_legs, '' AS of_pair,
      count(DISTINCT callee COLLATE "C") AS callees
    FROM vss.sessions
    WHERE count_callees AND NOT (by_direction OR by_legs OR by_country_pair)
      AND started_at >= since AND started_at < until AND (sub_account IS NULL OR sessions.sub_account_id = sub_account)
    GROUP BY 1, 2
    UNION ALL
    SELECT
      width_bucket(sessions.started_at, starts),
      CASE WHEN by_sub_account THEN sessions.sub_account_id ELSE '' END,
      CASE WHEN by_direction THEN facts.direction ELSE '' END,
      CASE WHEN by_legs THEN facts.legs ELSE 0 END,
      CASE WHEN by_country_pair THEN facts.country_pair ELSE '' END,
      count(DISTINCT callee COLLATE "C")
    FROM vss.sessions JOIN vss.session_facts AS facts USING (session_id)
    WHERE count_callees AND (by_direction OR by_legs OR by_country_pair)
      AND sessions.started_at >= since AND sessions.started_at < until AND (sub_account IS NULL OR sessions.sub_account_id = sub_account)
    GROUP BY 1, 2, 3, 4, 5
  )
  SELECT
    starts[number],
    coalesce(starts[number + 1], until),
    CASE WHEN by_sub_account THEN of_sub_account END,
    CASE WHEN by_direction THEN of_direction END,
    CASE WHEN by_legs THEN of_legs END,
    CASE WHEN by_country_pair THEN of_pair END,
    coalesce(tally.attempts, 0),
    coalesce(tally.answered, 0),
    tally.answered::double precision / tally.attempts,
    (tally.attempts - tally.undelivered)::double precision / tally.attempts,
    coalesce(tally.no_answer, 0),
    coalesce(tally.busy, 0),
    coalesce(tally.canceled, 0),
    coalesce(tally.failed, 0),
    coalesce(tally.error, 0),
    coalesce(tally.other, 0),
    coalesce(tally.talk_seconds / 60, 0),
    tally.answered_talk_seconds / nullif(tally.answered_timed, 0),
    coalesce(tally.short_calls, 0),
    ring_p50,
    ring_p95,
    coalesce(spread.measured, 0),
    round(spread.mos_avg::numeric, 5)::real,
    round(spread.mos_p10::numeric, 5)::real,
    excellent / spread.measured,
    good / spread.measured,
    fair / spread.measured,
    poor / spread.measured,
    bad / spread.measured,
    round(loss_p95::numeric, 6)::real,
    round(jitter_p95::numeric, 5)::real,
    CASE WHEN count_callees THEN coalesce(callees.callees, 0) END
  FROM generate_subscripts(starts, 1) AS number
  LEFT JOIN tally USING (number)
  LEFT JOIN spread USING (id)
  LEFT JOIN callees USING (number, of_sub_account, of_direction, of_legs, of_pair)
  WHERE group_by = '{}' OR tally.attempts IS NOT NULL
  ORDER BY number, of_sub_account COLLATE "C", of_direction COLLATE "C", of_legs, of_pair COLLATE "C";
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.traffic(timestamp with time zone,timestamp with time zone,interval,text,text[],boolean) FROM PUBLIC;
COMMENT ON FUNCTION vss.traffic(timestamp with time zone,timestamp with time zone,interval,text,text[],boolean) IS 'The figures of the sessions that started from since until before until, in buckets of time: one row a bucket, also where there was no call; with group_by one row for each bucket and group that has calls. group_by takes sub_account, direction, legs and country_pair, as in vss.session_facts.

Buckets begin at since, and step by the calendar of the session''s TimeZone: where clocks change, a bucket of 1 day has 23 or 25 hours. The last one ends at until. Shares are fractions: 0.01 is 1 %. A figure without a value is null.

bucket_start: the beginning of the bucket
bucket_end: its end, which belongs to the next one
sub_account_id, direction, legs, country_pair: the group; null where group_by does not name it
attempts: sessions. A session with one leg, an IVR call or a voice message, counts as one as well: group by direction and legs to tell these apart
answered: sessions whose callee''s leg was connected; that of an IVR call, which the platform answers, is its only leg
asr: answered of attempts. The answer seizure ratio of ITU-T E.425 is answered of seizures, and a summary does not tell whether a circuit was seized
ner_estimate: an estimate of the network effectiveness ratio of ITU-T E.425: attempts that were answered, or ended COMPLETED, NO_ANSWER, BUSY or CANCELED, of attempts. FAILED and ERROR mix causes of the network with those of users, such as a number that does not exist, so the true ratio may be higher
no_answer, busy, canceled, failed, error: unanswered sessions of that status
other: unanswered sessions of any other status; with the five before and answered it adds up to attempts
minutes: sum of talk_seconds, over 60; an unknown talk time counts as 0
acd_seconds: average call duration: talk_seconds of answered sessions, averaged where it is known
short_calls: answered sessions whose talk_seconds is below 6
ring_seconds_p50, ring_seconds_p95: of answered sessions, from initiated to connected. It is not the post-dial delay, because a summary does not tell when it began to ring
measured: sessions with a MOS
mos_avg, mos_p10: of the worst MOS of each session. An average hides bad calls: a tenth of the sessions is at mos_p10 or below
share_excellent, share_good, share_fair, share_poor, share_bad: of measured, by mos_band
packet_loss_p95, jitter_ms_p95: of the worst value of each session
distinct_callees: different callees; null unless count_callees is true, because it must read every session

Percentiles are those of percentile_cont: between two values in proportion.';

CREATE OR REPLACE FUNCTION vss.utf8_text(bytes bytea)
 RETURNS text
 LANGUAGE plpgsql
 STABLE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.utf8_text(bytea) FROM PUBLIC;
COMMENT ON FUNCTION vss.utf8_text(bytea) IS 'The bytes as text; null where they are not UTF-8 or hold a zero byte, which text cannot.';

CREATE TRIGGER sessions_mark_change BEFORE UPDATE ON vss.sessions FOR EACH ROW WHEN (((new.revision <> old.revision) AND (new.change_xid = old.change_xid))) EXECUTE FUNCTION vss.mark_change();

CREATE TRIGGER sessions_mark_deleted AFTER DELETE ON vss.sessions REFERENCING OLD TABLE AS lost FOR EACH STATEMENT EXECUTE FUNCTION vss.mark_lost_sessions();

CREATE TRIGGER sessions_mark_moved AFTER UPDATE ON vss.sessions FOR EACH ROW WHEN ((date_bin('01:00:00'::interval, old.started_at, '2000-01-01 00:00:00+00'::timestamp with time zone) <> date_bin('01:00:00'::interval, new.started_at, '2000-01-01 00:00:00+00'::timestamp with time zone))) EXECUTE FUNCTION vss.mark_lost_sessions();

CREATE TRIGGER sessions_mark_truncated AFTER TRUNCATE ON vss.sessions FOR EACH STATEMENT EXECUTE FUNCTION vss.mark_lost_sessions();

CREATE VIEW vss.rejected AS
 SELECT delivery_id,
    received_at,
    source_ip,
    reasons,
    session_id,
    vss.utf8_text(body) AS body_text,
    body
   FROM ( SELECT delivery_id,
            received_at,
            source_ip,
            reasons,
            session_id,
            COALESCE(body, ( SELECT body
                   FROM vss.bodies
                  WHERE ((received_at = received_at) AND (delivery_id = delivery_id)))) AS body
           FROM vss.deliveries
          WHERE (outcome = 'rejected'::text)) rejected;
COMMENT ON VIEW vss.rejected IS 'The deliveries that could not become a session, with what was wrong.';
COMMENT ON COLUMN vss.rejected.delivery_id IS 'UUIDv7 given by ingest and returned to the sender';
COMMENT ON COLUMN vss.rejected.received_at IS 'When ingest received it';
COMMENT ON COLUMN vss.rejected.source_ip IS 'The sender''s address; null when it could not be known';
COMMENT ON COLUMN vss.rejected.reasons IS 'Why: [{code, path, message}]';
COMMENT ON COLUMN vss.rejected.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.rejected.body_text IS 'The body as text; null where it is not UTF-8, was lost or has been let go';
COMMENT ON COLUMN vss.rejected.body IS 'The request body as received, byte for byte; null where the batch it travelled in could not be decoded, or retention has let it go';

CREATE VIEW vss.feed_status AS
 SELECT barrier,
    holder,
    (clock_timestamp() - since) AS age,
    since,
    pid,
    prepared_name,
    database_name,
    application_name
   FROM vss.feed_holder() feed_holder(barrier, holder, pid, prepared_name, database_name, application_name, since);
COMMENT ON VIEW vss.feed_status IS 'One row: the transaction that vss.changes waits for. Any transaction of the server that has written counts, in any database.';
COMMENT ON COLUMN vss.feed_status.barrier IS 'vss.changes shows changes of transactions before this id';
COMMENT ON COLUMN vss.feed_status.holder IS 'connection, prepared transaction, or nobody; unknown on a standby, which waits for its primary';
COMMENT ON COLUMN vss.feed_status.age IS 'How long it has been open; null for nobody, and where the owner of schema vss is not in pg_read_all_stats';
COMMENT ON COLUMN vss.feed_status.since IS 'When the transaction began, or was prepared; null as age is';
COMMENT ON COLUMN vss.feed_status.pid IS 'The connection''s process id, for pg_terminate_backend()';
COMMENT ON COLUMN vss.feed_status.prepared_name IS 'The prepared transaction''s name, for COMMIT PREPARED or ROLLBACK PREPARED';
COMMENT ON COLUMN vss.feed_status.database_name IS 'The database it writes to';
COMMENT ON COLUMN vss.feed_status.application_name IS 'The connection''s application_name';

CREATE VIEW vss.consumer_lag AS
 SELECT name,
    cursor,
    committed_at,
    state,
    changed_at AS oldest_unread_at,
        CASE state
            WHEN 'behind'::text THEN (clock_timestamp() - changed_at)
            WHEN 'up to date'::text THEN '00:00:00'::interval
            ELSE NULL::interval
        END AS lag
   FROM (vss.consumers
     CROSS JOIN LATERAL vss.oldest_unread(cursor) oldest_unread(state, changed_at));
COMMENT ON VIEW vss.consumer_lag IS 'One row a consumer: how far it is behind. Changes are not counted, because a count would read them all.';
COMMENT ON COLUMN vss.consumer_lag.name IS 'Chosen by the consumer';
COMMENT ON COLUMN vss.consumer_lag.cursor IS 'The last change that it has dealt with';
COMMENT ON COLUMN vss.consumer_lag.committed_at IS 'When it said so';
COMMENT ON COLUMN vss.consumer_lag.state IS 'up to date, behind, or other feed: its cursor is from before a restart, and it must read from the beginning';
COMMENT ON COLUMN vss.consumer_lag.oldest_unread_at IS 'When the first change was made that it has not dealt with; null without one, and for another feed';
COMMENT ON COLUMN vss.consumer_lag.lag IS 'The age of that change; 0 without one, null for another feed';

CREATE VIEW vss.minutes AS
 SELECT minute,
    sub_account_id,
    outcome,
    (sum(deliveries))::bigint AS deliveries
   FROM ( SELECT minute,
            sub_account_id,
            outcome,
            deliveries
           FROM vss.minute_counts
        UNION ALL
         SELECT minute,
            sub_account_id,
            outcome,
            deliveries
           FROM vss.minute_tallies) counted
  GROUP BY minute, sub_account_id, outcome
 HAVING (sum(deliveries) <> (0)::numeric);
COMMENT ON VIEW vss.minutes IS 'The deliveries of the last 35 days, counted by minute: what the ledger has, without reading it. It begins with the first delivery that a worker of the release with this view recorded.';
COMMENT ON COLUMN vss.minutes.minute IS 'The minute in which they were received, in whatever minute they were processed';
COMMENT ON COLUMN vss.minutes.sub_account_id IS 'Of the session; empty for rejected deliveries, whose body tells none that could be relied on';
COMMENT ON COLUMN vss.minutes.outcome IS 'As in vss.deliveries: stored, duplicate, superseded or rejected';
COMMENT ON COLUMN vss.minutes.deliveries IS 'How many there are';

CREATE VIEW vss.sub_account_activity AS
 WITH hours AS (
         SELECT sub_account_id,
            first_minute,
            last_minute,
            minutes,
            longest_gap,
            (first_minute - lag(last_minute) OVER (PARTITION BY sub_account_id ORDER BY hour)) AS gap_before,
            max(last_minute) OVER (PARTITION BY sub_account_id) AS newest_minute
           FROM vss.activity_hours
        ), summed AS (
         SELECT sub_account_id,
            max(newest_minute) AS last_received_at,
            NULLIF(GREATEST(max(longest_gap), max(gap_before)), '00:00:00'::interval) AS longest_gap,
            (sum((last_minute - first_minute)) + COALESCE(sum(gap_before) FILTER (WHERE (gap_before <= '01:00:00'::interval)), '00:00:00'::interval)) AS short_gaps,
            (sum((minutes - 1)) + count(*) FILTER (WHERE (gap_before <= '01:00:00'::interval))) AS short_gap_count,
            avg(gap_before) AS mean_long_gap
           FROM hours
          WHERE (last_minute > (newest_minute - '7 days'::interval))
          GROUP BY sub_account_id
        ), measured AS (
         SELECT sub_account_id,
            last_received_at,
            GREATEST((now() - last_received_at), '00:00:00'::interval) AS silent_for,
                CASE
                    WHEN (short_gap_count > 0) THEN (short_gaps / (short_gap_count)::double precision)
                    ELSE mean_long_gap
                END AS usual_gap,
            longest_gap
           FROM summed
        )
 SELECT sub_account_id,
    last_received_at,
    silent_for,
    usual_gap,
    longest_gap AS longest_gap_7d,
    ((silent_for > ((2)::double precision * longest_gap)) AND (silent_for > '00:15:00'::interval)) AS is_silent
   FROM measured;
COMMENT ON VIEW vss.sub_account_activity IS 'One row a sub-account of the last 35 days: when it last had a delivery by webhook, and whether that is longer ago than usual. All times are whole minutes. Rejected deliveries do not count, because they name no sub-account.';
COMMENT ON COLUMN vss.sub_account_activity.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.sub_account_activity.last_received_at IS 'The last minute in which one was received';
COMMENT ON COLUMN vss.sub_account_activity.silent_for IS 'Since then';
COMMENT ON COLUMN vss.sub_account_activity.usual_gap IS 'The mean time from a minute with deliveries to the next, in the 7 days before last_received_at; gaps of more than an hour are left out where there are shorter ones; null before the second minute';
COMMENT ON COLUMN vss.sub_account_activity.longest_gap_7d IS 'The longest time from a minute with deliveries to the next, of the gaps that ended in the 7 days before last_received_at; null before the second minute';
COMMENT ON COLUMN vss.sub_account_activity.is_silent IS 'silent_for is longer than 15 minutes and than twice longest_gap_7d; null when longest_gap_7d does not tell';

CREATE VIEW vss.leg_numbers AS
 SELECT session_id,
    leg,
        CASE direction
            WHEN 'INBOUND'::text THEN source
            ELSE destination
        END AS number,
    reverse(
        CASE direction
            WHEN 'INBOUND'::text THEN source
            ELSE destination
        END) AS number_backwards
   FROM vss.call_legs;
COMMENT ON VIEW vss.leg_numbers IS 'The person''s number of each leg, to find calls by it; the other number of a leg is a virtual one';
COMMENT ON COLUMN vss.leg_numbers.session_id IS 'The session the leg belongs to';
COMMENT ON COLUMN vss.leg_numbers.leg IS 'A, B, ...: the leg';
COMMENT ON COLUMN vss.leg_numbers.number IS 'The source of an INBOUND leg, else the destination, as sent';
COMMENT ON COLUMN vss.leg_numbers.number_backwards IS 'reverse(number): an index has it';

CREATE VIEW vss.session_facts AS
 SELECT session_id,
    sub_account_id,
    status,
    started_at,
    ended_at,
    duration_seconds,
    last_action,
    error_code,
    error_meaning,
    answered,
    ring_seconds,
    talk_seconds,
    mos_min,
    mos_band,
    packet_loss_max,
    jitter_ms_max,
    anomalies,
    direction,
    legs,
    country_pair
   FROM (vss.sessions
     CROSS JOIN LATERAL ( SELECT COALESCE((array_agg(leg_direction ORDER BY leg))[1], 'UNKNOWN'::text) AS direction,
            (count(*))::integer AS legs,
            concat(COALESCE((array_agg(source_country ORDER BY leg))[1], '??'::text), '-', COALESCE(
                CASE
                    WHEN (callee IS NOT NULL) THEN (array_agg(destination_country ORDER BY leg) FILTER (WHERE ((leg_direction = 'OUTBOUND'::text) AND (destination = callee))))[1]
                    WHEN (count(*) = 1) THEN min(destination_country)
                    ELSE NULL::text
                END, '??'::text)) AS country_pair
           FROM ( SELECT session_id AS of_session,
                    leg,
                    direction AS leg_direction,
                    source_country,
                    destination,
                    destination_country
                   FROM vss.call_legs) each
          WHERE (of_session = session_id)) route);
COMMENT ON VIEW vss.session_facts IS 'One row a session: its facts without phone numbers, and the groups of vss.traffic.';
COMMENT ON COLUMN vss.session_facts.session_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.status IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.started_at IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.ended_at IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.duration_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.last_action IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.error_code IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.error_meaning IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.answered IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.ring_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.talk_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.mos_min IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.mos_band IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.packet_loss_max IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.jitter_ms_max IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.anomalies IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.direction IS 'Direction of the first leg. INBOUND: a masked call or an IVR call. OUTBOUND: a voice message. UNKNOWN: there is no leg, or it has no direction';
COMMENT ON COLUMN vss.session_facts.legs IS 'How many legs the session has: 1 is an IVR call or a voice message, 2 a masked call or a transfer';
COMMENT ON COLUMN vss.session_facts.country_pair IS 'Such as SG-ID: the source country of the first leg, and the country of the callee. Without a callee it is the destination country of the only leg. ?? stands for a country that is not known';

CREATE VIEW vss.calls_a_day AS
 SELECT (bucket_start)::date AS day,
    attempts,
    answered,
    asr,
    ner_estimate,
    minutes,
    acd_seconds,
    measured,
    mos_avg,
    mos_p10,
    share_bad
   FROM vss.traffic((date_trunc('day'::text, now()) - '29 days'::interval), (date_trunc('day'::text, now()) + '1 day'::interval)) traffic(bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, attempts, answered, asr, ner_estimate, no_answer, busy, canceled, failed, error, other, minutes, acd_seconds, short_calls, ring_seconds_p50, ring_seconds_p95, measured, mos_avg, mos_p10, share_excellent, share_good, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95, distinct_callees)
  ORDER BY bucket_start;
COMMENT ON VIEW vss.calls_a_day IS 'The last 30 days, by the calendar of the session''s TimeZone, today included. Figures are those of vss.traffic.';
COMMENT ON COLUMN vss.calls_a_day.day IS 'The day';
COMMENT ON COLUMN vss.calls_a_day.attempts IS 'Sessions that started on the day';
COMMENT ON COLUMN vss.calls_a_day.answered IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.asr IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.ner_estimate IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.minutes IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.acd_seconds IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.measured IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.mos_p10 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.share_bad IS 'As in vss.traffic';

CREATE VIEW vss.failures_by_cause AS
 SELECT status,
    error_code,
    error_meaning,
    count(*) AS sessions,
    ((count(*))::double precision / (sum(count(*)) OVER ())::double precision) AS share,
    max(started_at) AS latest_at
   FROM vss.sessions
  WHERE ((started_at >= (now() - '24:00:00'::interval)) AND (started_at < now()) AND (NOT answered))
  GROUP BY status, error_code, error_meaning
  ORDER BY (count(*)) DESC, status, error_code;
COMMENT ON VIEW vss.failures_by_cause IS 'The sessions of the last 24 hours that nobody answered, by status and error, most frequent first.';
COMMENT ON COLUMN vss.failures_by_cause.status IS 'As in vss.sessions';
COMMENT ON COLUMN vss.failures_by_cause.error_code IS 'As in vss.sessions; null where no error was sent';
COMMENT ON COLUMN vss.failures_by_cause.error_meaning IS 'As in vss.sessions';
COMMENT ON COLUMN vss.failures_by_cause.sessions IS 'How many';
COMMENT ON COLUMN vss.failures_by_cause.share IS 'Of all unanswered sessions, a fraction';
COMMENT ON COLUMN vss.failures_by_cause.latest_at IS 'When the latest of them started';

CREATE VIEW vss.quality_by_country_pair AS
 SELECT country_pair,
    attempts,
    measured,
    mos_avg,
    mos_p10,
    share_fair,
    share_poor,
    share_bad,
    packet_loss_p95,
    jitter_ms_p95
   FROM vss.traffic((now() - '7 days'::interval), now(), bucket => '8 days'::interval, group_by => '{country_pair}'::text[]) traffic(bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, attempts, answered, asr, ner_estimate, no_answer, busy, canceled, failed, error, other, minutes, acd_seconds, short_calls, ring_seconds_p50, ring_seconds_p95, measured, mos_avg, mos_p10, share_excellent, share_good, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95, distinct_callees)
  WHERE (measured > 0)
  ORDER BY measured DESC, country_pair;
COMMENT ON VIEW vss.quality_by_country_pair IS 'The last 7 days by country pair, as far as there is a MOS. Figures are those of vss.traffic.';
COMMENT ON COLUMN vss.quality_by_country_pair.country_pair IS 'As in vss.session_facts';
COMMENT ON COLUMN vss.quality_by_country_pair.attempts IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.measured IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.mos_p10 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_fair IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_poor IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_bad IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.packet_loss_p95 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.jitter_ms_p95 IS 'As in vss.traffic';

CREATE VIEW vss.busiest_hours AS
 SELECT (EXTRACT(isodow FROM bucket_start))::integer AS weekday,
    (EXTRACT(hour FROM bucket_start))::integer AS hour,
    (avg(attempts))::double precision AS attempts_avg,
    max(attempts) AS attempts_max,
    avg(minutes) AS minutes_avg
   FROM vss.traffic((date_trunc('day'::text, now()) - '28 days'::interval), date_trunc('day'::text, now()), bucket => '01:00:00'::interval) traffic(bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, attempts, answered, asr, ner_estimate, no_answer, busy, canceled, failed, error, other, minutes, acd_seconds, short_calls, ring_seconds_p50, ring_seconds_p95, measured, mos_avg, mos_p10, share_excellent, share_good, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95, distinct_callees)
  GROUP BY ((EXTRACT(isodow FROM bucket_start))::integer), ((EXTRACT(hour FROM bucket_start))::integer)
  ORDER BY (avg(attempts)) DESC, ((EXTRACT(isodow FROM bucket_start))::integer), ((EXTRACT(hour FROM bucket_start))::integer);
COMMENT ON VIEW vss.busiest_hours IS 'The hours of the week, busiest first, over the last 28 whole days by the session''s TimeZone.';
COMMENT ON COLUMN vss.busiest_hours.weekday IS '1 is Monday, 7 Sunday';
COMMENT ON COLUMN vss.busiest_hours.hour IS '0 to 23: the hour begins then';
COMMENT ON COLUMN vss.busiest_hours.attempts_avg IS 'Sessions that start in the hour, averaged over the weeks';
COMMENT ON COLUMN vss.busiest_hours.attempts_max IS 'The most of one week';
COMMENT ON COLUMN vss.busiest_hours.minutes_avg IS 'Minutes of talk of these sessions, averaged over the weeks';

CREATE VIEW vss.this_week AS
 SELECT day,
    attempts,
    attempts_before,
    (((attempts)::double precision / (NULLIF(attempts_before, 0))::double precision) - (1)::double precision) AS attempts_growth,
    minutes,
    minutes_before,
    asr,
    asr_before,
    mos_avg,
    mos_avg_before
   FROM (( SELECT (bucket_start)::date AS day,
            attempts,
            minutes,
            asr,
            mos_avg
           FROM vss.traffic(date_trunc('week'::text, now()), GREATEST(now(), (date_trunc('week'::text, now()) + '00:01:00'::interval))) traffic(bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, attempts, answered, asr, ner_estimate, no_answer, busy, canceled, failed, error, other, minutes, acd_seconds, short_calls, ring_seconds_p50, ring_seconds_p95, measured, mos_avg, mos_p10, share_excellent, share_good, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95, distinct_callees)) this
     LEFT JOIN ( SELECT ((bucket_start + '7 days'::interval))::date AS same_day,
            attempts AS attempts_before,
            minutes AS minutes_before,
            asr AS asr_before,
            mos_avg AS mos_avg_before
           FROM vss.traffic((date_trunc('week'::text, now()) - '7 days'::interval), (GREATEST(now(), (date_trunc('week'::text, now()) + '00:01:00'::interval)) - '7 days'::interval)) traffic(bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, attempts, answered, asr, ner_estimate, no_answer, busy, canceled, failed, error, other, minutes, acd_seconds, short_calls, ring_seconds_p50, ring_seconds_p95, measured, mos_avg, mos_p10, share_excellent, share_good, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95, distinct_callees)) before ON ((same_day = day)))
  ORDER BY day;
COMMENT ON VIEW vss.this_week IS 'The days of this week beside those of last week, by the session''s TimeZone; weeks begin on Monday. Today is compared with the same time a week ago.';
COMMENT ON COLUMN vss.this_week.day IS 'The day of this week';
COMMENT ON COLUMN vss.this_week.attempts IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.attempts_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.attempts_growth IS 'A fraction: 0.1 is 10 % more than a week before; null where there was none';
COMMENT ON COLUMN vss.this_week.minutes IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.minutes_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.asr IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.asr_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.mos_avg_before IS 'A week before';
