-- The migrator creates schema vss before it runs the first migration: its own table lives there too.
COMMENT ON SCHEMA vss IS '8x8 Voice Session Summaries: one row a session and one a call leg, and the ledger of every delivery received.';
COMMENT ON TABLE vss.migrations IS 'The migrations that were applied; kept by the migrator (node-pg-migrate).';

CREATE TABLE vss.sessions (
  session_id uuid NOT NULL,
  sub_account_id text NOT NULL,
  status text NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
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
  received_at timestamptz NOT NULL,
  body_sha256 bytea NOT NULL,
  processed_at timestamptz NOT NULL,
  pipeline_version text NOT NULL,
  CONSTRAINT sessions_pkey PRIMARY KEY (session_id),
  CONSTRAINT sessions_mos_band_known CHECK (mos_band IN ('excellent', 'good', 'fair', 'poor', 'bad')),
  CONSTRAINT sessions_revision_positive CHECK (revision >= 1),
  CONSTRAINT sessions_body_sha256_length CHECK (octet_length(body_sha256) = 32)
);

-- Reports read sessions by the day; nothing in the pipeline itself needs more than the primary key.
CREATE INDEX sessions_started_at_idx ON vss.sessions (started_at);

COMMENT ON TABLE vss.sessions IS 'One row a finished voice session: its latest summary. Which delivery decides: the one with the greatest (received_at, delivery_id).';
COMMENT ON COLUMN vss.sessions.session_id IS 'payload.sessionId';
COMMENT ON COLUMN vss.sessions.sub_account_id IS 'payload.subAccountId';
COMMENT ON COLUMN vss.sessions.status IS 'payload.sessionStatus in canonical spelling, such as COMPLETED or NO_ANSWER; unknown ones as sent, with anomaly unknown_status';
COMMENT ON COLUMN vss.sessions.started_at IS 'payload.startTime';
COMMENT ON COLUMN vss.sessions.ended_at IS 'payload.endTime';
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
COMMENT ON COLUMN vss.sessions.callee IS 'The OUTBOUND leg''s destination, leg B''s before leg A''s; E.164 with + as sent';
COMMENT ON COLUMN vss.sessions.answered IS 'Computed: whether the callee''s leg (B, or A when there is no B) was connected';
COMMENT ON COLUMN vss.sessions.ring_seconds IS 'Computed, seconds: the callee''s leg from initiated to connected; null when it never was connected';
COMMENT ON COLUMN vss.sessions.talk_seconds IS 'Computed, seconds: while all legs were connected together; 0 when one never was';
COMMENT ON COLUMN vss.sessions.mos_min IS 'The lowest mos over the legs, 1.0 (worst) to 5.0';
COMMENT ON COLUMN vss.sessions.mos_band IS 'The vendor''s band of mos_min: excellent from 4.3, good from 4.0, fair from 3.6, poor from 3.1, bad below';
COMMENT ON COLUMN vss.sessions.packet_loss_max IS 'The highest packet loss over the legs, a fraction: 0.01 is 1 %';
COMMENT ON COLUMN vss.sessions.jitter_ms_max IS 'The highest jitter over the legs, milliseconds';
COMMENT ON COLUMN vss.sessions.anomalies IS 'Data-quality flags, sorted and distinct; empty when nothing was odd';
COMMENT ON COLUMN vss.sessions.revision IS '1 when first stored, one more whenever a newer delivery with another body replaced the row';
COMMENT ON COLUMN vss.sessions.delivery_id IS 'The newest delivery of this content: a key of vss.deliveries, together with received_at';
COMMENT ON COLUMN vss.sessions.received_at IS 'When that delivery was received';
COMMENT ON COLUMN vss.sessions.body_sha256 IS 'SHA-256 of the body this row was read from';
COMMENT ON COLUMN vss.sessions.processed_at IS 'When this content was written';
COMMENT ON COLUMN vss.sessions.pipeline_version IS 'The release of the pipeline that wrote this content';

-- The writer replaces the legs of a session together with its row, under that row's lock.
CREATE TABLE vss.call_legs (
  session_id uuid NOT NULL,
  leg text NOT NULL,
  call_id uuid,
  direction text,
  call_type text,
  status text,
  initiated_at timestamptz,
  connected_at timestamptz,
  disconnected_at timestamptz,
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
  CONSTRAINT call_legs_session_id_fkey FOREIGN KEY (session_id) REFERENCES vss.sessions (session_id) ON DELETE CASCADE,
  CONSTRAINT call_legs_leg_letter CHECK (leg ~ '^[A-Z]$'),
  CONSTRAINT call_legs_mos_band_known CHECK (mos_band IN ('excellent', 'good', 'fair', 'poor', 'bad'))
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
