-- The reader's statements, by the columns of packages/storage. Written by statements.test.ts: npx vitest run statements -u

SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, encode(body_sha256, 'hex') AS body_sha256, processed_at,
  pipeline_version, change_xid, anomaly_details
FROM vss.sessions
WHERE session_id = $1;

SELECT
  leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at, ring_seconds,
  duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message
FROM vss.call_legs
WHERE session_id = $1
ORDER BY leg;

SELECT
  delivery_id, received_at, source_ip, encode(body_sha256, 'hex') AS body_sha256, session_id, outcome,
  reasons, processed_at, pipeline_version, source, history
FROM vss.deliveries
WHERE session_id = $1
ORDER BY received_at, delivery_id;

SELECT
  delivery_id, received_at, source_ip, encode(body_sha256, 'hex') AS body_sha256, session_id, outcome,
  reasons, processed_at, pipeline_version, source, history
FROM vss.deliveries
WHERE received_at = to_timestamp($1::double precision / 1000) AND delivery_id = $2;

SELECT
  delivery_id, received_at, source_ip, encode(body_sha256, 'hex') AS body_sha256, session_id, outcome,
  reasons, processed_at, pipeline_version, source, history
FROM vss.deliveries AS delivery
WHERE received_at >= $1::timestamptz - interval '1 minute' AND processed_at >= $1 AND source = 'webhook'
  AND (outcome = 'rejected' OR EXISTS (
    SELECT FROM vss.sessions AS session
    WHERE session.session_id = delivery.session_id AND session.sub_account_id = $2
  ))
ORDER BY received_at, delivery_id
LIMIT 1;

SELECT *
FROM (
  SELECT change.cursor COLLATE "C" AS cursor, change.kind AS change_kind,
    change.session_id AS changed_session_id, change.revision AS change_revision, change.changed_at,
    session.*, legs.legs,
    sum(octet_length(legs.legs)) OVER (ORDER BY change.cursor COLLATE "C" ROWS UNBOUNDED PRECEDING)
      - octet_length(legs.legs) AS bytes_before
  FROM vss.changes($1, $2) AS change
  LEFT JOIN LATERAL (
    SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  revision, delivery_id, received_at, encode(body_sha256, 'hex') AS body_sha256, processed_at,
  pipeline_version, change_xid, anomaly_details
    FROM vss.sessions WHERE session_id = change.session_id OFFSET 0
  ) AS session ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(
      json_build_array(leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at, ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country, destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band, packet_loss_rate, jitter_ms, error_code, error_message)
      ORDER BY leg
    )::text, '[]') AS legs
    FROM vss.call_legs WHERE call_legs.session_id = change.session_id
  ) AS legs
) AS change
WHERE bytes_before < 4194304
ORDER BY cursor;
