-- A flush adds its counts here in its own transaction, so they are exact whatever ends a worker. It only adds rows, and
-- there is no key and no index: no worker waits for another, and no old snapshot makes it slower. Counters that each
-- flush updates would do both.
CREATE TABLE vss.minute_tallies (
  minute timestamptz NOT NULL,
  sub_account_id text NOT NULL,
  outcome text NOT NULL,
  source text NOT NULL,
  deliveries integer NOT NULL
);

COMMENT ON TABLE vss.minute_tallies IS 'Counts of deliveries that vss.add_up_minutes() has not added to vss.minute_counts yet: seconds old while a worker runs. Read vss.minutes.';
COMMENT ON COLUMN vss.minute_tallies.minute IS 'The minute in which the deliveries were received';
COMMENT ON COLUMN vss.minute_tallies.sub_account_id IS 'Of the session; empty for rejected deliveries';
COMMENT ON COLUMN vss.minute_tallies.outcome IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_tallies.source IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_tallies.deliveries IS 'How many more there are; less than 0 where an outcome was corrected';

CREATE TABLE vss.minute_counts (
  minute timestamptz NOT NULL,
  sub_account_id text NOT NULL,
  outcome text NOT NULL,
  source text NOT NULL,
  deliveries bigint NOT NULL,
  CONSTRAINT minute_counts_pkey PRIMARY KEY (sub_account_id, minute, outcome, source)
);
CREATE INDEX minute_counts_minute_idx ON vss.minute_counts (minute);

COMMENT ON TABLE vss.minute_counts IS 'Counts of deliveries, added up; written by vss.add_up_minutes(), and removed after 35 days. Read vss.minutes.';
COMMENT ON COLUMN vss.minute_counts.minute IS 'The minute in which the deliveries were received';
COMMENT ON COLUMN vss.minute_counts.sub_account_id IS 'Of the session; empty for rejected deliveries';
COMMENT ON COLUMN vss.minute_counts.outcome IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_counts.source IS 'As in vss.deliveries';
COMMENT ON COLUMN vss.minute_counts.deliveries IS 'How many there are';

CREATE VIEW vss.minutes AS
SELECT minute, sub_account_id, outcome, sum(deliveries)::bigint AS deliveries
FROM (
  SELECT minute, sub_account_id, outcome, deliveries FROM vss.minute_counts
  UNION ALL
  SELECT minute, sub_account_id, outcome, deliveries FROM vss.minute_tallies
) AS counted
GROUP BY minute, sub_account_id, outcome
HAVING sum(deliveries) <> 0;

COMMENT ON VIEW vss.minutes IS 'The deliveries of the last 35 days, counted by minute: what the ledger has, without reading it. It begins with the first delivery that a worker of the release with this view recorded.';
COMMENT ON COLUMN vss.minutes.minute IS 'The minute in which they were received, in whatever minute they were processed';
COMMENT ON COLUMN vss.minutes.sub_account_id IS 'Of the session; empty for rejected deliveries, whose body tells none that could be relied on';
COMMENT ON COLUMN vss.minutes.outcome IS 'As in vss.deliveries: stored, duplicate, superseded or rejected';
COMMENT ON COLUMN vss.minutes.deliveries IS 'How many there are';

-- 7 days of 1,000 sub-accounts are ten million minutes, but 168,000 hours.
CREATE TABLE vss.activity_hours (
  sub_account_id text NOT NULL,
  hour timestamptz NOT NULL,
  first_minute timestamptz NOT NULL,
  last_minute timestamptz NOT NULL,
  minutes integer NOT NULL,
  longest_gap interval NOT NULL,
  CONSTRAINT activity_hours_pkey PRIMARY KEY (sub_account_id, hour)
);

COMMENT ON TABLE vss.activity_hours IS 'One row a sub-account and hour with deliveries by webhook; written by vss.add_up_minutes(). Read vss.sub_account_activity.';
COMMENT ON COLUMN vss.activity_hours.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.activity_hours.hour IS 'The hour, in UTC';
COMMENT ON COLUMN vss.activity_hours.first_minute IS 'Its first minute with a delivery';
COMMENT ON COLUMN vss.activity_hours.last_minute IS 'Its last minute with a delivery';
COMMENT ON COLUMN vss.activity_hours.minutes IS 'How many minutes have a delivery';
COMMENT ON COLUMN vss.activity_hours.longest_gap IS 'The longest time between two of these minutes with none between them; 0 where there is one minute';

CREATE FUNCTION vss.add_up_minutes(max_rows integer DEFAULT 20000)
RETURNS integer
LANGUAGE plpgsql
-- The worker's role may add tallies, but read or change no count.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  taken_rows integer;
  sub_account_ids text[];
  hours timestamptz[];
BEGIN
  -- One at a time: the others need not wait, because the work is done.
  IF NOT pg_try_advisory_xact_lock(5337700118079) THEN
    RETURN 0;
  END IF;

  WITH taken AS (
    DELETE FROM vss.minute_tallies
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.minute_tallies LIMIT max_rows))
    RETURNING minute, sub_account_id, outcome, source, deliveries
  ), added AS (
    INSERT INTO vss.minute_counts AS count (minute, sub_account_id, outcome, source, deliveries)
    SELECT minute, sub_account_id, outcome, source, sum(deliveries)
    FROM taken
    GROUP BY minute, sub_account_id, outcome, source
    ON CONFLICT (sub_account_id, minute, outcome, source)
      DO UPDATE SET deliveries = count.deliveries + excluded.deliveries
  ), touched AS (
    SELECT DISTINCT sub_account_id, date_trunc('hour', minute, 'UTC') AS hour
    FROM taken
    WHERE source = 'webhook' AND sub_account_id <> ''
  )
  SELECT (SELECT count(*) FROM taken), array_agg(touched.sub_account_id), array_agg(touched.hour)
  INTO taken_rows, sub_account_ids, hours
  FROM touched;

  INSERT INTO vss.activity_hours AS known (sub_account_id, hour, first_minute, last_minute, minutes, longest_gap)
  SELECT sub_account_id, hour, min(minute), max(minute), count(*), coalesce(max(gap), interval '0')
  FROM (
    SELECT touched.sub_account_id, touched.hour, active.minute, active.gap
    FROM unnest(sub_account_ids, hours) AS touched (sub_account_id, hour)
    CROSS JOIN LATERAL (
      SELECT count.minute, count.minute - lag(count.minute) OVER (ORDER BY count.minute) AS gap
      FROM vss.minute_counts AS count
      WHERE count.sub_account_id = touched.sub_account_id
        AND count.minute >= touched.hour AND count.minute < touched.hour + interval '1 hour'
        AND count.source = 'webhook' AND count.deliveries > 0
      GROUP BY count.minute
    ) AS active
  ) AS active
  GROUP BY sub_account_id, hour
  ON CONFLICT (sub_account_id, hour) DO UPDATE SET
    first_minute = excluded.first_minute,
    last_minute = excluded.last_minute,
    minutes = excluded.minutes,
    longest_gap = excluded.longest_gap;
  RETURN taken_rows;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.add_up_minutes(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.add_up_minutes(integer) IS 'Moves up to max_rows tallies into vss.minute_counts and vss.activity_hours. Returns how many it moved; 0 where another is doing it.';

CREATE FUNCTION vss.prune_minutes(max_rows integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  oldest timestamptz := now() - interval '35 days';
  removed_counts integer;
  removed_hours integer;
BEGIN
  -- As in vss.add_up_minutes(): the two never wait for each other's rows.
  PERFORM pg_advisory_xact_lock(5337700118079);

  DELETE FROM vss.minute_counts
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM vss.minute_counts WHERE minute < oldest ORDER BY minute LIMIT max_rows));
  GET DIAGNOSTICS removed_counts = ROW_COUNT;

  -- vss.sub_account_activity looks at the 7 days before a sub-account's last delivery, and at the hour before them.
  DELETE FROM vss.activity_hours
  WHERE ctid = ANY (ARRAY(
    SELECT place
    FROM (
      SELECT
        ctid AS place,
        lead(last_minute) OVER (PARTITION BY sub_account_id ORDER BY hour) AS next_minute,
        max(last_minute) OVER (PARTITION BY sub_account_id) AS newest_minute
      FROM vss.activity_hours
    ) AS known
    WHERE newest_minute < oldest OR next_minute <= newest_minute - interval '7 days'
    LIMIT max_rows
  ));
  GET DIAGNOSTICS removed_hours = ROW_COUNT;
  RETURN greatest(removed_counts, removed_hours);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.prune_minutes(integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.prune_minutes(integer) IS 'Removes up to max_rows counts of minutes that are older than 35 days, and up to as many hours that vss.sub_account_activity does not need. Returns the greater number: call it again while it is max_rows.';

CREATE VIEW vss.sub_account_activity AS
WITH hours AS (
  SELECT
    sub_account_id,
    first_minute,
    last_minute,
    minutes,
    longest_gap,
    first_minute - lag(last_minute) OVER (PARTITION BY sub_account_id ORDER BY hour) AS gap_before,
    max(last_minute) OVER (PARTITION BY sub_account_id) AS newest_minute
  FROM vss.activity_hours
), summed AS (
  SELECT
    sub_account_id,
    max(newest_minute) AS last_received_at,
    nullif(greatest(max(longest_gap), max(gap_before)), interval '0') AS longest_gap,
    sum(last_minute - first_minute) + coalesce(sum(gap_before) FILTER (WHERE gap_before <= interval '1 hour'), interval '0')
      AS short_gaps,
    sum(minutes - 1) + count(*) FILTER (WHERE gap_before <= interval '1 hour') AS short_gap_count,
    avg(gap_before) AS mean_long_gap
  FROM hours
  WHERE last_minute > newest_minute - interval '7 days'
  GROUP BY sub_account_id
), measured AS (
  SELECT
    sub_account_id,
    last_received_at,
    greatest(now() - last_received_at, interval '0') AS silent_for,
    CASE WHEN short_gap_count > 0 THEN short_gaps / short_gap_count ELSE mean_long_gap END AS usual_gap,
    longest_gap
  FROM summed
)
SELECT
  sub_account_id,
  last_received_at,
  silent_for,
  usual_gap,
  longest_gap AS longest_gap_7d,
  silent_for > 2 * longest_gap AND silent_for > interval '15 minutes' AS is_silent
FROM measured;

COMMENT ON VIEW vss.sub_account_activity IS 'One row a sub-account of the last 35 days: when it last had a delivery by webhook, and whether that is longer ago than usual. All times are whole minutes. Rejected deliveries do not count, because they name no sub-account.';
COMMENT ON COLUMN vss.sub_account_activity.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.sub_account_activity.last_received_at IS 'The last minute in which one was received';
COMMENT ON COLUMN vss.sub_account_activity.silent_for IS 'Since then';
COMMENT ON COLUMN vss.sub_account_activity.usual_gap IS 'The mean time from a minute with deliveries to the next, in the 7 days before last_received_at; gaps of more than an hour are left out where there are shorter ones; null before the second minute';
COMMENT ON COLUMN vss.sub_account_activity.longest_gap_7d IS 'The longest time from a minute with deliveries to the next, of the gaps that ended in the 7 days before last_received_at; null before the second minute';
COMMENT ON COLUMN vss.sub_account_activity.is_silent IS 'silent_for is longer than 15 minutes and than twice longest_gap_7d; null when longest_gap_7d does not tell';
