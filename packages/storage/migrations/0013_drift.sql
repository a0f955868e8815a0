COMMENT ON COLUMN vss.sessions.anomaly_details IS 'Where each anomaly was found: [{code, path}], 50 and a first one of each further code at most; null when there are no anomalies, and in rows from before the release that writes it. Not part of the content: it is that of the delivery that made this content';

CREATE TABLE vss.drift (
  kind text NOT NULL,
  path text NOT NULL,
  value text NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  deliveries bigint NOT NULL,
  sample_delivery_id uuid NOT NULL,
  CONSTRAINT drift_pkey PRIMARY KEY (kind, path, value),
  -- The sender chooses names and values, and the worker shortens them.
  CONSTRAINT drift_short CHECK (length(kind) <= 64 AND length(path) <= 255 AND length(value) <= 64)
);

COMMENT ON TABLE vss.drift IS 'Differences between events and their documentation: one row for each unknown field, unknown word and field that could not be read. At most 1,000 rows, and one of kind other for the rest. Written every two seconds.';
COMMENT ON COLUMN vss.drift.kind IS 'The anomaly: unknown_field, unknown_status, unknown_action, unknown_direction, unknown_type or invalid_value; other counts what found no room';
COMMENT ON COLUMN vss.drift.path IS 'The place in the event, such as payload.details.callA.id. A name that is long, odd, or may be a phone number is ?';
COMMENT ON COLUMN vss.drift.value IS 'The unknown word; ? where it is long, odd, or may be a phone number; empty where the path tells all';
COMMENT ON COLUMN vss.drift.first_seen IS 'When the first such delivery was received';
COMMENT ON COLUMN vss.drift.last_seen IS 'When the latest was received';
COMMENT ON COLUMN vss.drift.deliveries IS 'How many there were, about: a worker that is killed forgets those of two seconds';
COMMENT ON COLUMN vss.drift.sample_delivery_id IS 'One of the latest: a key of vss.deliveries';

CREATE FUNCTION vss.note_drift(observed jsonb)
RETURNS void
LANGUAGE plpgsql
-- The worker's role may add observations, but not read or change others.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
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
