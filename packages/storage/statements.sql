-- The statements that follow from columns.ts. Written by statements.test.ts: npx vitest run statements -u

INSERT INTO vss.sessions AS current (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version, change_xid
)
SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max,
  string_to_array(anomalies, ','), 1, delivery_id, received_at, body_sha256, now(), $28, pg_current_xact_id()
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::double precision[],
  $7::text[], $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::boolean[], $18::double precision[], $19::double precision[],
  $20::real[], $21::text[], $22::real[], $23::real[], $24::text[], $25::uuid[], $26::timestamptz[],
  $27::bytea[]
) AS new (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, received_at, body_sha256
)
ON CONFLICT (session_id) DO NOTHING
RETURNING session_id;

WITH told AS (
SELECT
  delivery_id, session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action,
  call_count, client_request_id, schema_version, error_code, error_message, error_meaning, caller,
  virtual_number, callee, answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max,
  jitter_ms_max, array_remove(string_to_array(anomalies, ','), 'implausible_time') AS anomalies
FROM unnest(
  $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
  $7::double precision[], $8::text[], $9::integer[], $10::text[], $11::integer[], $12::integer[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::text[], $18::boolean[], $19::double precision[],
  $20::double precision[], $21::real[], $22::text[], $23::real[], $24::real[], $25::text[]
) AS new (
  delivery_id, session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action,
  call_count, client_request_id, schema_version, error_code, error_message, error_meaning, caller,
  virtual_number, callee, answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max,
  jitter_ms_max, anomalies
)
)
SELECT delivery_id
FROM (
TABLE told
EXCEPT
SELECT
  told.delivery_id,
  current.session_id, current.sub_account_id, current.status, current.started_at, current.ended_at,
  current.duration_seconds, current.last_action, current.call_count, current.client_request_id,
  current.schema_version, current.error_code, current.error_message, current.error_meaning, current.caller,
  current.virtual_number, current.callee, current.answered, current.ring_seconds, current.talk_seconds,
  current.mos_min, current.mos_band, current.packet_loss_max, current.jitter_ms_max,
  array_remove(current.anomalies, 'implausible_time')
FROM told JOIN vss.sessions AS current ON current.session_id = told.session_id
) AS other;

WITH told AS (
SELECT
  delivery_id, session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at,
  disconnected_at, ring_seconds, duration_seconds, source, destination, source_format, destination_format,
  source_country, destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos,
  mos_band, packet_loss_rate, jitter_ms, error_code, error_message
FROM unnest(
  $1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
  $9::timestamptz[], $10::timestamptz[], $11::double precision[], $12::integer[], $13::text[], $14::text[],
  $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
  $23::real[], $24::text[], $25::real[], $26::real[], $27::integer[], $28::text[]
) AS new (
  delivery_id, session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at,
  disconnected_at, ring_seconds, duration_seconds, source, destination, source_format, destination_format,
  source_country, destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos,
  mos_band, packet_loss_rate, jitter_ms, error_code, error_message
)
), stored AS (
SELECT
  version.delivery_id,
  current.session_id, current.leg, current.call_id, current.direction, current.call_type, current.status,
  current.initiated_at, current.connected_at, current.disconnected_at, current.ring_seconds,
  current.duration_seconds, current.source, current.destination, current.source_format,
  current.destination_format, current.source_country, current.destination_country, current.source_ref_id,
  current.destination_ref_id, current.source_type, current.destination_type, current.mos, current.mos_band,
  current.packet_loss_rate, current.jitter_ms, current.error_code, current.error_message
FROM unnest($29::uuid[], $30::uuid[]) AS version (delivery_id, session_id)
JOIN vss.call_legs AS current ON current.session_id = version.session_id
)
SELECT delivery_id FROM (TABLE told EXCEPT TABLE stored) AS missing
UNION
SELECT delivery_id FROM (TABLE stored EXCEPT TABLE told) AS surplus;

INSERT INTO vss.sessions AS current (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version, change_xid
)
SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max,
  string_to_array(anomalies, ','), 1, delivery_id, received_at, body_sha256, now(), $28, pg_current_xact_id()
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::double precision[],
  $7::text[], $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::boolean[], $18::double precision[], $19::double precision[],
  $20::real[], $21::text[], $22::real[], $23::real[], $24::text[], $25::uuid[], $26::timestamptz[],
  $27::bytea[]
) AS new (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, received_at, body_sha256
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
  change_xid = excluded.change_xid;

INSERT INTO vss.call_legs (
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
)
SELECT
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
FROM unnest(
  $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
  $8::timestamptz[], $9::timestamptz[], $10::double precision[], $11::integer[], $12::text[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
  $22::real[], $23::text[], $24::real[], $25::real[], $26::integer[], $27::text[]
) AS new (
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
);

INSERT INTO vss.deliveries (
  delivery_id, received_at, source_ip, body, body_sha256, session_id, outcome, reasons, processed_at,
  pipeline_version, source
)
SELECT
  delivery_id, received_at, source_ip::inet, body, body_sha256, session_id, outcome, reasons::jsonb, now(),
  $10, source
FROM unnest(
  $1::uuid[], $2::timestamptz[], $3::text[], $4::bytea[], $5::bytea[], $6::uuid[], $7::text[], $8::text[],
  $9::text[]
) AS new (
  delivery_id, received_at, source_ip, body, body_sha256, session_id, outcome, reasons, source
)
ON CONFLICT (received_at, delivery_id) DO NOTHING
RETURNING delivery_id;
