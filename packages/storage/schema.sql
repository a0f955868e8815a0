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

CREATE OR REPLACE FUNCTION vss.grant_to_roles()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM PUBLIC;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_writer' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected FROM vss_writer;
    REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM vss_writer;
    GRANT SELECT, INSERT, UPDATE ON vss.sessions TO vss_writer;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_writer;
    GRANT SELECT (received_at, delivery_id), INSERT ON vss.deliveries TO vss_writer;
    GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) TO vss_writer;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_reader' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected FROM vss_reader;
    REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM vss_reader;
    GRANT SELECT ON vss.sessions TO vss_reader;
    GRANT SELECT ON vss.call_legs TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, body_sha256, session_id, outcome, reasons, processed_at, pipeline_version, source, history) ON vss.deliveries TO vss_reader;
    GRANT SELECT (delivery_id, received_at, source_ip, reasons, session_id) ON vss.rejected TO vss_reader;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_support' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected FROM vss_support;
    REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM vss_support;
    GRANT SELECT ON vss.sessions TO vss_support;
    GRANT SELECT ON vss.call_legs TO vss_support;
    GRANT SELECT ON vss.deliveries TO vss_support;
    GRANT SELECT ON vss.rejected TO vss_support;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_support;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_operator' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected FROM vss_operator;
    REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM vss_operator;
    GRANT SELECT, INSERT, UPDATE, DELETE ON vss.sessions TO vss_operator;
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_operator;
    GRANT SELECT, UPDATE (session_id, outcome, reasons, processed_at, pipeline_version, history) ON vss.deliveries TO vss_operator;
    GRANT SELECT ON vss.rejected TO vss_operator;
    GRANT EXECUTE ON FUNCTION vss.utf8_text(bytea) TO vss_operator;
  END IF;

  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vss_analyst' AND has_schema_privilege(oid, 'vss', 'USAGE')) THEN
    REVOKE ALL ON vss.sessions, vss.call_legs, vss.deliveries, vss.rejected FROM vss_analyst;
    REVOKE ALL ON FUNCTION vss.ensure_ledger_partitions(integer), vss.grant_to_roles(), vss.mark_change(), vss.utf8_text(bytea) FROM vss_analyst;
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
