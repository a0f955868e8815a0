CREATE TABLE vss.deliveries (
  delivery_id uuid NOT NULL,
  received_at timestamptz NOT NULL,
  source_ip inet,
  body bytea,
  body_sha256 bytea,
  session_id uuid,
  outcome text NOT NULL,
  reasons jsonb NOT NULL,
  processed_at timestamptz NOT NULL,
  pipeline_version text NOT NULL,
  -- delivery_id alone would do: a partitioned table wants its partition key in every unique key. The two
  -- cannot disagree, because received_at is the millisecond inside the id.
  CONSTRAINT deliveries_pkey PRIMARY KEY (received_at, delivery_id),
  CONSTRAINT deliveries_outcome_known CHECK (outcome IN ('stored', 'duplicate', 'superseded', 'rejected')),
  CONSTRAINT deliveries_reasons_if_rejected CHECK ((outcome = 'rejected') = (reasons <> '[]'::jsonb)),
  CONSTRAINT deliveries_body_with_sha256 CHECK ((body IS NULL) = (body_sha256 IS NULL))
) PARTITION BY RANGE (received_at);

CREATE TABLE vss.deliveries_default PARTITION OF vss.deliveries DEFAULT;

-- "What became of this session's deliveries?"
CREATE INDEX deliveries_session_id_idx ON vss.deliveries (session_id);
-- vss.rejected is read newest first, and must not read the bodies of millions of stored deliveries to get there.
CREATE INDEX deliveries_rejected_idx ON vss.deliveries (received_at) WHERE outcome = 'rejected';

COMMENT ON TABLE vss.deliveries IS 'The ledger: one row for every delivery that was acknowledged, with what became of it. Partitioned by month of received_at, in UTC.';
COMMENT ON COLUMN vss.deliveries.delivery_id IS 'UUIDv7 given by ingest and returned to the sender';
COMMENT ON COLUMN vss.deliveries.received_at IS 'When ingest received it: the millisecond inside delivery_id';
COMMENT ON COLUMN vss.deliveries.source_ip IS 'The sender''s address; null when it could not be known';
COMMENT ON COLUMN vss.deliveries.body IS 'The request body as received, byte for byte; null only when the batch it travelled in could not be decoded';
COMMENT ON COLUMN vss.deliveries.body_sha256 IS 'SHA-256 of body';
COMMENT ON COLUMN vss.deliveries.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.deliveries.outcome IS 'stored: it made or changed the session. duplicate: same body as the session''s current one. superseded: a newer delivery of the session decides. rejected: see reasons';
COMMENT ON COLUMN vss.deliveries.reasons IS 'Why it was rejected: [{code, path, message}]; otherwise []';
COMMENT ON COLUMN vss.deliveries.processed_at IS 'When this row was written';
COMMENT ON COLUMN vss.deliveries.pipeline_version IS 'The release of the pipeline that wrote this row';
COMMENT ON TABLE vss.deliveries_default IS 'Deliveries of months without a partition of their own';

CREATE FUNCTION vss.ensure_ledger_partitions(months_ahead integer)
RETURNS SETOF text
LANGUAGE plpgsql
-- The worker's role need not be able to create tables: it may call this function, which runs as its owner.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Never make the writers queue for long behind a lock that this waits for.
SET lock_timeout = '3s'
SET timezone = 'UTC'
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

CREATE FUNCTION vss.utf8_text(bytes bytea)
RETURNS text
LANGUAGE plpgsql
STABLE STRICT
AS $function$
BEGIN
  RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION vss.utf8_text(bytea) IS 'The bytes as text; null where they are not UTF-8 or hold a zero byte, which text cannot.';

CREATE VIEW vss.rejected AS
SELECT delivery_id, received_at, source_ip, reasons, session_id, vss.utf8_text(body) AS body_text, body
FROM vss.deliveries
WHERE outcome = 'rejected';

COMMENT ON VIEW vss.rejected IS 'The deliveries that could not become a session, with what was wrong.';
COMMENT ON COLUMN vss.rejected.delivery_id IS 'UUIDv7 given by ingest and returned to the sender';
COMMENT ON COLUMN vss.rejected.received_at IS 'When ingest received it';
COMMENT ON COLUMN vss.rejected.source_ip IS 'The sender''s address; null when it could not be known';
COMMENT ON COLUMN vss.rejected.reasons IS 'Why: [{code, path, message}]';
COMMENT ON COLUMN vss.rejected.session_id IS 'payload.sessionId where it could be read';
COMMENT ON COLUMN vss.rejected.body_text IS 'The body as text; null where it is not UTF-8';
COMMENT ON COLUMN vss.rejected.body IS 'The request body as received, byte for byte';
