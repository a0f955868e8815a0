-- The statements that follow from columns.ts. Written by statements.test.ts: npx vitest run statements -u

INSERT INTO vss.sessions AS current (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version, change_xid, anomaly_details
)
SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max,
  string_to_array(anomalies, ','), 1, delivery_id, received_at, body_sha256, now(), $29, pg_current_xact_id(),
  anomaly_details
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::double precision[],
  $7::text[], $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::boolean[], $18::double precision[], $19::double precision[],
  $20::real[], $21::text[], $22::real[], $23::real[], $24::text[], $25::uuid[], $26::timestamptz[],
  $27::bytea[], $28::jsonb[]
) AS new (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, received_at, body_sha256, anomaly_details
)
ON CONFLICT (session_id) DO NOTHING
RETURNING session_id;

SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, received_at
FROM vss.sessions
WHERE session_id = ANY ($1::uuid[])
ORDER BY session_id
FOR UPDATE;

SELECT
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
FROM vss.call_legs
WHERE session_id = ANY ($1::uuid[])
ORDER BY session_id, leg;

INSERT INTO vss.sessions AS current (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version, change_xid, anomaly_details
)
SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max,
  string_to_array(anomalies, ','), 1, delivery_id, received_at, body_sha256, now(), $29, pg_current_xact_id(),
  anomaly_details
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::double precision[],
  $7::text[], $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::boolean[], $18::double precision[], $19::double precision[],
  $20::real[], $21::text[], $22::real[], $23::real[], $24::text[], $25::uuid[], $26::timestamptz[],
  $27::bytea[], $28::jsonb[]
) AS new (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, received_at, body_sha256, anomaly_details
)
ON CONFLICT (session_id) DO UPDATE SET
  sub_account_id = excluded.sub_account_id,
  status = excluded.status,
  started_at = excluded.started_at,
  ended_at = excluded.ended_at,
  duration_seconds = excluded.duration_seconds,
  last_action = excluded.last_action,
  call_count = excluded.call_count,
  client_request_id = excluded.client_request_id,
  schema_version = excluded.schema_version,
  error_code = excluded.error_code,
  error_message = excluded.error_message,
  error_meaning = excluded.error_meaning,
  caller = excluded.caller,
  virtual_number = excluded.virtual_number,
  callee = excluded.callee,
  answered = excluded.answered,
  ring_seconds = excluded.ring_seconds,
  talk_seconds = excluded.talk_seconds,
  mos_min = excluded.mos_min,
  mos_band = excluded.mos_band,
  packet_loss_max = excluded.packet_loss_max,
  jitter_ms_max = excluded.jitter_ms_max,
  anomalies = excluded.anomalies,
  revision = current.revision + 1,
  delivery_id = excluded.delivery_id,
  received_at = excluded.received_at,
  body_sha256 = excluded.body_sha256,
  processed_at = excluded.processed_at,
  pipeline_version = excluded.pipeline_version,
  change_xid = excluded.change_xid,
  anomaly_details = excluded.anomaly_details;

COPY vss.call_legs (
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
) FROM STDIN (FORMAT binary);

COPY vss.deliveries (
  delivery_id, received_at, source_ip, body_sha256, session_id, outcome, reasons, processed_at,
  pipeline_version, source
) FROM STDIN (FORMAT binary);

COPY vss.bodies (
  delivery_id, received_at, body
) FROM STDIN (FORMAT binary);

INSERT INTO vss.bodies (
  delivery_id, received_at, body
)
SELECT
  delivery_id, received_at, body
FROM unnest(
  $1::uuid[], $2::timestamptz[], $3::bytea[]
) AS new (
  delivery_id, received_at, body
)
ON CONFLICT DO NOTHING;
