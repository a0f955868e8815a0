-- Schema vss as the migrations leave it. Written by schema.test.ts: npx vitest run schema -u
-- Not shown: the ledger's monthly partitions, and vss.migrations, the record of what was applied.

CREATE SCHEMA vss;
COMMENT ON SCHEMA vss IS '8x8 Voice Session Summaries: one row a session and one a call leg, and the ledger of every delivery received.';

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
  CONSTRAINT deliveries_body_with_sha256 CHECK (((body IS NULL) = (body_sha256 IS NULL))),
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
COMMENT ON COLUMN vss.deliveries.body IS 'The request body as received, byte for byte; null only when the batch it travelled in could not be decoded';
COMMENT ON COLUMN vss.deliveries.body_sha256 IS 'SHA-256 of body';
COMMENT ON COLUMN vss.deliveries.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.deliveries.outcome IS 'stored: it made or changed the session. duplicate: the session had this content already. superseded: a newer delivery of the session decides. rejected: see reasons';
COMMENT ON COLUMN vss.deliveries.reasons IS 'Why it was rejected: [{code, path, message}]; otherwise []';
COMMENT ON COLUMN vss.deliveries.processed_at IS 'When this row was written';
COMMENT ON COLUMN vss.deliveries.pipeline_version IS 'The release of the pipeline that wrote this row';
COMMENT ON COLUMN vss.deliveries.source IS 'webhook: 8x8 posted it. import: somebody brought it in from elsewhere';
COMMENT ON COLUMN vss.deliveries.history IS 'Earlier outcomes, where it was processed again; null, because no release writes it yet';

CREATE TABLE vss.deliveries_default PARTITION OF vss.deliveries DEFAULT;
COMMENT ON TABLE vss.deliveries_default IS 'Deliveries of months without a partition of their own';

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
CREATE INDEX sessions_started_at_idx ON vss.sessions USING btree (started_at);
COMMENT ON TABLE vss.sessions IS 'One row a finished voice session: its latest summary. Which delivery decides: the one with the greatest (received_at, delivery_id).';
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
COMMENT ON COLUMN vss.sessions.anomaly_details IS 'Where each anomaly was found; null, because no release writes it yet';

ALTER TABLE vss.call_legs ADD CONSTRAINT call_legs_session_id_fkey FOREIGN KEY (session_id) REFERENCES vss.sessions(session_id) ON DELETE CASCADE;

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
      USING ERRCODE = 'VF002';
  END IF;
  PERFORM vss.check_transaction_ids();
  RETURN feed.feed_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_feed() FROM PUBLIC;
COMMENT ON FUNCTION vss.check_feed() IS 'The feed''s id. Fails (VF002, VF003) when the transaction ids in the rows are not those of this server.';

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
COMMENT ON FUNCTION vss.commit(text,text,boolean) IS 'Remembers that a consumer has dealt with every change up to a cursor; its first commit makes the consumer. Goes back only with back => true, and then NULL forgets the consumer. Fails with 22023, VF001, VF002, VF003, and with VF004 when the consumer is further already.';

CREATE OR REPLACE FUNCTION vss.ensure_ledger_partitions(months_ahead integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '3s'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  first_month timestamptz := date_trunc('month', now());
  month_start timestamptz;
  month_end timestamptz;
  partition_name text;
BEGIN
  IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'months_ahead must be between 0 and 24' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  FOR month_number IN 0 .. months_ahead LOOP
    month_start := first_month + make_interval(months => month_number);
    month_end := month_start + make_interval(months => 1);
    partition_name := 'deliveries_' || to_char(month_start, 'YYYY_MM');
    CONTINUE WHEN to_regclass('vss.' || partition_name) IS NOT NULL;

    -- One caller at a time; ATTACH takes this lock anyway.
    LOCK TABLE vss.deliveries IN SHARE UPDATE EXCLUSIVE MODE;
    CONTINUE WHEN to_regclass('vss.' || partition_name) IS NOT NULL;

    BEGIN
      -- ATTACH lets others read and write the ledger meanwhile; CREATE TABLE ... PARTITION OF would not.
      EXECUTE format('CREATE TABLE vss.%I (LIKE vss.deliveries INCLUDING CONSTRAINTS INCLUDING STORAGE)', partition_name);
      EXECUTE format('ALTER TABLE vss.deliveries ATTACH PARTITION vss.%I FOR VALUES FROM (%L) TO (%L)', partition_name, month_start, month_end);
    EXCEPTION WHEN check_violation THEN
      RAISE WARNING 'vss.% not created: vss.deliveries_default already holds deliveries of that month', partition_name;
      CONTINUE;
    END;
    RETURN NEXT partition_name;
  END LOOP;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.ensure_ledger_partitions(integer) IS 'Creates the ledger''s partitions of this month and months_ahead more (0 to 24), and returns the names of those it created. A month whose deliveries are already in the default partition stays there, with a warning.';

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
  REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM PUBLIC;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_writer' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag FROM vss_writer;
    REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM vss_writer;
    GRANT SELECT ON vss.feed TO vss_writer;
    GRANT SELECT ON vss.feed_ancestors TO vss_writer;
    GRANT SELECT ON vss.feed_status TO vss_writer;
    GRANT SELECT ON vss.consumers TO vss_writer;
    GRANT SELECT ON vss.consumer_lag TO vss_writer;
    GRANT SELECT, INSERT, UPDATE ON vss.sessions TO vss_writer;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_writer;
    GRANT SELECT (received_at, delivery_id), INSERT ON vss.deliveries TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.feed_heartbeat() TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_writer;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_reader' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag FROM vss_reader;
    REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM vss_reader;
    GRANT SELECT ON vss.sessions TO vss_reader;
    GRANT SELECT ON vss.call_legs TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, body_sha256, session_id, outcome, reasons, processed_at, pipeline_version, source, history) ON vss.deliveries TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, reasons, session_id) ON vss.rejected TO vss_reader;
    GRANT SELECT ON vss.feed TO vss_reader;
    GRANT SELECT ON vss.feed_ancestors TO vss_reader;
    GRANT SELECT ON vss.feed_status TO vss_reader;
    GRANT SELECT ON vss.consumers TO vss_reader;
    GRANT SELECT ON vss.consumer_lag TO vss_reader;
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
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_support' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag FROM vss_support;
    REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM vss_support;
    GRANT SELECT ON vss.sessions TO vss_support;
    GRANT SELECT ON vss.call_legs TO vss_support;
    GRANT SELECT ON vss.deliveries TO vss_support;
    GRANT SELECT ON vss.rejected TO vss_support;
    GRANT SELECT ON vss.feed TO vss_support;
    GRANT SELECT ON vss.feed_ancestors TO vss_support;
    GRANT SELECT ON vss.feed_status TO vss_support;
    GRANT SELECT ON vss.consumers TO vss_support;
    GRANT SELECT ON vss.consumer_lag TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_support;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_operator' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag FROM vss_operator;
    REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM vss_operator;
    GRANT SELECT, INSERT, UPDATE, DELETE ON vss.sessions TO vss_operator;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_operator;
    GRANT SELECT, UPDATE (session_id, outcome, reasons, processed_at, pipeline_version, history) ON vss.deliveries TO vss_operator;
    GRANT SELECT ON vss.rejected TO vss_operator;
    GRANT SELECT ON vss.feed TO vss_operator;
    GRANT SELECT ON vss.feed_ancestors TO vss_operator;
    GRANT SELECT ON vss.feed_status TO vss_operator;
    GRANT SELECT ON vss.consumers TO vss_operator;
    GRANT SELECT ON vss.consumer_lag TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.feed_holder() TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.oldest_unread(text) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.present_place(text, uuid) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.read_cursor(text) TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.server_identity() TO vss_operator;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_analyst' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected, vss.feed, vss.feed_ancestors, vss.feed_status, vss.consumers, vss.consumer_lag FROM vss_analyst;
    REVOKE ALL ON FUNCTION vss.changes(text, integer), vss.check_cursor(text, uuid), vss.check_feed(), vss.check_transaction_ids(), vss.commit(text, text, boolean), vss.ensure_ledger_partitions(integer), vss.feed_continue(), vss.feed_heartbeat(), vss.feed_holder(), vss.feed_restart(), vss.grant_to_roles(), vss.mark_change(), vss.oldest_unread(text), vss.present_place(text, uuid), vss.read_cursor(text), vss.server_identity(), vss.utf8_text(bytea) FROM vss_analyst;
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.grant_to_roles() FROM PUBLIC;
COMMENT ON FUNCTION vss.grant_to_roles() IS 'Gives the roles of deploy/postgres/roles.sql what they need, where they have been let into the schema. Written by privileges.ts, and called, at the end of every migrate.';

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

CREATE VIEW vss.rejected AS
 SELECT delivery_id,
    received_at,
    source_ip,
    reasons,
    session_id,
    vss.utf8_text(body) AS body_text,
    body
   FROM vss.deliveries
  WHERE (outcome = 'rejected'::text);
COMMENT ON VIEW vss.rejected IS 'The deliveries that could not become a session, with what was wrong.';
COMMENT ON COLUMN vss.rejected.delivery_id IS 'UUIDv7 given by ingest and returned to the sender';
COMMENT ON COLUMN vss.rejected.received_at IS 'When ingest received it';
COMMENT ON COLUMN vss.rejected.source_ip IS 'The sender''s address; null when it could not be known';
COMMENT ON COLUMN vss.rejected.reasons IS 'Why: [{code, path, message}]';
COMMENT ON COLUMN vss.rejected.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.rejected.body_text IS 'The body as text; null where it is not UTF-8';
COMMENT ON COLUMN vss.rejected.body IS 'The request body as received, byte for byte';
