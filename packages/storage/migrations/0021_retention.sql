CREATE TABLE vss.retention (
  kind text NOT NULL,
  days integer,
  kept_from timestamptz NOT NULL,
  swept_until timestamptz NOT NULL DEFAULT '-infinity',
  oldest_at timestamptz,
  tried_at timestamptz,
  stuck_partition text,
  stuck_since timestamptz,
  CONSTRAINT retention_pkey PRIMARY KEY (kind),
  CONSTRAINT retention_kind_known CHECK (kind IN ('bodies', 'deliveries', 'sessions')),
  CONSTRAINT retention_days_sensible CHECK (days BETWEEN 1 AND 36500)
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

-- Bodies that a release before vss.bodies has left in the ledger.
CREATE TABLE vss.bodies_in_ledger (
  is_only boolean NOT NULL DEFAULT true,
  cleared_until timestamptz NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT bodies_in_ledger_pkey PRIMARY KEY (is_only),
  CONSTRAINT bodies_in_ledger_one_row CHECK (is_only)
);

COMMENT ON TABLE vss.bodies_in_ledger IS 'One row while the ledger may have bodies of its own, from before vss.bodies; else empty.';
COMMENT ON COLUMN vss.bodies_in_ledger.is_only IS 'Key of the only row';
COMMENT ON COLUMN vss.bodies_in_ledger.cleared_until IS 'Retention has cleared those of deliveries received before';
COMMENT ON COLUMN vss.bodies_in_ledger.until IS 'There are none from then on';

-- Workers of the release before may write for a day beside those of this one.
INSERT INTO vss.bodies_in_ledger (cleared_until, until)
SELECT '-infinity', now() + interval '1 day' WHERE EXISTS (SELECT FROM vss.deliveries);

CREATE FUNCTION vss.set_retention(body_days integer, ledger_days integer, session_days integer)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
BEGIN
  IF body_days > ledger_days THEN
    RAISE EXCEPTION 'body_days must be at most ledger_days' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(5337700118081) THEN RETURN false; END IF;

  INSERT INTO vss.retention AS known (kind, days, kept_from)
  SELECT kind, wanted.days, date_trunc('day', now()) - make_interval(days => wanted.days)
  -- A body without its ledger row could not be found.
  FROM (VALUES ('bodies', least(body_days, ledger_days)), ('deliveries', ledger_days), ('sessions', session_days))
    AS wanted (kind, days)
  WHERE wanted.days IS NOT NULL
  ON CONFLICT (kind) DO UPDATE SET
    days = excluded.days,
    kept_from = greatest(known.kept_from, excluded.kept_from),
    -- Each day the sweep begins anew, for rows that came late.
    swept_until = CASE WHEN excluded.kept_from > known.kept_from THEN '-infinity' ELSE known.swept_until END
  WHERE known.days IS DISTINCT FROM excluded.days OR excluded.kept_from > known.kept_from;

  UPDATE vss.retention SET days = NULL
  WHERE days IS NOT NULL
    AND CASE kind WHEN 'bodies' THEN least(body_days, ledger_days) WHEN 'deliveries' THEN ledger_days ELSE session_days END IS NULL;
  RETURN true;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.set_retention(integer, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.set_retention(integer, integer, integer) IS 'Says for how many whole days bodies, ledger and sessions are kept; null: for ever. Bodies are kept no longer than their ledger rows. False where another worker is at it.';

CREATE FUNCTION vss.expired_partitions(bodies_from timestamptz, ledger_from timestamptz)
RETURNS TABLE (kind text, name text, range_end timestamptz, bytes bigint)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
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
REVOKE EXECUTE ON FUNCTION vss.expired_partitions(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION vss.expired_partitions(timestamptz, timestamptz) IS 'The partitions of vss.bodies and of the ledger of which every row was received before these times, the oldest first.';

CREATE FUNCTION vss.drop_expired_partitions()
RETURNS SETOF text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Writers queue behind a lock that this waits for, behind a long report.
SET lock_timeout = '500ms'
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

CREATE FUNCTION vss.delete_expired(of_kind text, max_rows integer DEFAULT 1000)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
-- The planner would rather begin to read the table than look into the index, and read all of it where nothing is left.
SET enable_seqscan = off
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
REVOKE EXECUTE ON FUNCTION vss.delete_expired(text, integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.delete_expired(text, integer) IS 'Deletes up to max_rows rows of a kind that were received before vss.retention keeps any and are in no partition that goes as a whole. Returns how many; call it again until it is 0. Nothing where another worker is at it.';
