-- Bodies are most of what the ledger took, and are let go first: a day of them is one DROP.
CREATE TABLE vss.bodies (
  delivery_id uuid NOT NULL,
  received_at timestamptz NOT NULL,
  body bytea NOT NULL,
  CONSTRAINT bodies_pkey PRIMARY KEY (received_at, delivery_id)
) PARTITION BY RANGE (received_at);

CREATE TABLE vss.bodies_default PARTITION OF vss.bodies DEFAULT;

COMMENT ON TABLE vss.bodies IS 'The request bodies of the ledger''s deliveries. Partitioned by day of received_at, in UTC.';
COMMENT ON COLUMN vss.bodies.delivery_id IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.bodies.received_at IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.bodies.body IS 'The request body as received, byte for byte';
COMMENT ON TABLE vss.bodies_default IS 'Bodies of days without a partition of their own';

-- The functions below call it as its owner, one at a time, and say how long it waits for locks.
CREATE FUNCTION vss.make_partition(parent text, partition_name text, range_start timestamptz, range_end timestamptz)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
REVOKE EXECUTE ON FUNCTION vss.make_partition(text, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION vss.make_partition(text, text, timestamptz, timestamptz) IS 'Creates a partition, moves the rows of its range there from the default partition, and returns true; false where it is there already, or more than 100,000 rows would move: these stay, with a warning.';

CREATE OR REPLACE FUNCTION vss.ensure_ledger_partitions(months_ahead integer)
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
COMMENT ON FUNCTION vss.ensure_ledger_partitions(integer) IS 'Creates the ledger''s partitions of this month and months_ahead more (0 to 24), and those of the two months before whose deliveries are in the default partition. Returns the names of those it created. Deliveries move to their own partition from the default one.';

CREATE FUNCTION vss.ensure_body_partitions(days_ahead integer)
RETURNS SETOF text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
SET timezone = 'UTC'
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

-- A subquery for each row, because an index finds a body by its key, and a page of this view is short.
CREATE OR REPLACE VIEW vss.rejected AS
SELECT delivery_id, received_at, source_ip, reasons, session_id, vss.utf8_text(body) AS body_text, body
FROM (
  SELECT
    delivery_id, received_at, source_ip, reasons, session_id,
    coalesce(body, (
      SELECT bodies.body FROM vss.bodies
      WHERE bodies.received_at = deliveries.received_at AND bodies.delivery_id = deliveries.delivery_id
    )) AS body
  FROM vss.deliveries
  WHERE outcome = 'rejected'
) AS rejected;
COMMENT ON COLUMN vss.rejected.body_text IS 'The body as text; null where it is not UTF-8, was lost or has been let go';
COMMENT ON COLUMN vss.rejected.body IS 'The request body as received, byte for byte; null where the batch it travelled in could not be decoded, or retention has let it go';
