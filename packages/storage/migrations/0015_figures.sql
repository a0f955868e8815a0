CREATE VIEW vss.session_facts AS
SELECT
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, error_code, error_meaning,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  direction, legs, country_pair
FROM vss.sessions CROSS JOIN LATERAL (
  SELECT
    coalesce((array_agg(leg_direction ORDER BY leg))[1], 'UNKNOWN') AS direction,
    count(*)::integer AS legs,
    concat(
      coalesce((array_agg(source_country ORDER BY leg))[1], '??'),
      '-',
      coalesce(
        CASE
          WHEN callee IS NOT NULL
            THEN (array_agg(destination_country ORDER BY leg) FILTER (WHERE leg_direction = 'OUTBOUND' AND destination = callee))[1]
          WHEN count(*) = 1 THEN min(destination_country)
        END,
        '??'
      )
    ) AS country_pair
  FROM (
    SELECT session_id AS of_session, leg, direction AS leg_direction, source_country, destination, destination_country
    FROM vss.call_legs
  ) AS each
  WHERE of_session = session_id
) AS route;

COMMENT ON VIEW vss.session_facts IS 'One row a session: its facts without phone numbers, and the groups of vss.traffic.';
COMMENT ON COLUMN vss.session_facts.session_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.sub_account_id IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.status IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.started_at IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.ended_at IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.duration_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.last_action IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.error_code IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.error_meaning IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.answered IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.ring_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.talk_seconds IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.mos_min IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.mos_band IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.packet_loss_max IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.jitter_ms_max IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.anomalies IS 'As in vss.sessions';
COMMENT ON COLUMN vss.session_facts.direction IS 'Direction of the first leg. INBOUND: a masked call or an IVR call. OUTBOUND: a voice message. UNKNOWN: there is no leg, or it has no direction';
COMMENT ON COLUMN vss.session_facts.legs IS 'How many legs the session has: 1 is an IVR call or a voice message, 2 a masked call or a transfer';
COMMENT ON COLUMN vss.session_facts.country_pair IS 'Such as SG-ID: the source country of the first leg, and the country of the callee. Without a callee it is the destination country of the only leg. ?? stands for a country that is not known';

-- Sums and counted values of sessions. Percentiles do not add up, but counts of each value do, and they are exact.
CREATE TABLE vss.figures (
  hour timestamptz NOT NULL,
  sub_account_id text NOT NULL,
  country_pair text NOT NULL,
  direction text NOT NULL,
  legs integer NOT NULL,
  attempts bigint NOT NULL,
  answered bigint NOT NULL,
  undelivered bigint NOT NULL,
  no_answer bigint NOT NULL,
  busy bigint NOT NULL,
  canceled bigint NOT NULL,
  failed bigint NOT NULL,
  error bigint NOT NULL,
  other bigint NOT NULL,
  talk_seconds double precision NOT NULL,
  answered_talk_seconds double precision NOT NULL,
  answered_timed bigint NOT NULL,
  short_calls bigint NOT NULL,
  excellent bigint NOT NULL,
  good bigint NOT NULL,
  fair bigint NOT NULL,
  poor bigint NOT NULL,
  bad bigint NOT NULL,
  ring_seconds double precision[] NOT NULL,
  ring_counts integer[] NOT NULL,
  mos real[] NOT NULL,
  mos_counts integer[] NOT NULL,
  packet_loss real[] NOT NULL,
  packet_loss_counts integer[] NOT NULL,
  jitter_ms real[] NOT NULL,
  jitter_counts integer[] NOT NULL,
  CONSTRAINT figures_pkey PRIMARY KEY (hour, sub_account_id, country_pair, direction, legs)
);

COMMENT ON TABLE vss.figures IS 'Figures of the sessions that started in an hour, so that vss.traffic need not read these: in all and by sub-account, each by direction and legs, and by country pair. Kept by vss.refresh_figures(); a row counts only while vss.figure_hours says so.';
COMMENT ON COLUMN vss.figures.hour IS 'The beginning of an hour of UTC';
COMMENT ON COLUMN vss.figures.sub_account_id IS 'Empty: all of them';
COMMENT ON COLUMN vss.figures.country_pair IS 'As in vss.session_facts; empty: all of them';
COMMENT ON COLUMN vss.figures.direction IS 'As in vss.session_facts; empty with a country pair';
COMMENT ON COLUMN vss.figures.legs IS 'As in vss.session_facts; 0 with a country pair';
COMMENT ON COLUMN vss.figures.attempts IS 'Sessions';
COMMENT ON COLUMN vss.figures.answered IS 'Answered sessions';
COMMENT ON COLUMN vss.figures.undelivered IS 'Unanswered sessions that are FAILED, ERROR, or of an undocumented status';
COMMENT ON COLUMN vss.figures.no_answer IS 'Unanswered sessions of status NO_ANSWER';
COMMENT ON COLUMN vss.figures.busy IS 'Unanswered sessions of status BUSY';
COMMENT ON COLUMN vss.figures.canceled IS 'Unanswered sessions of status CANCELED';
COMMENT ON COLUMN vss.figures.failed IS 'Unanswered sessions of status FAILED';
COMMENT ON COLUMN vss.figures.error IS 'Unanswered sessions of status ERROR';
COMMENT ON COLUMN vss.figures.other IS 'Unanswered sessions of every other status';
COMMENT ON COLUMN vss.figures.talk_seconds IS 'Sum of talk_seconds';
COMMENT ON COLUMN vss.figures.answered_talk_seconds IS 'Sum of talk_seconds of answered sessions';
COMMENT ON COLUMN vss.figures.answered_timed IS 'Answered sessions whose talk_seconds is known';
COMMENT ON COLUMN vss.figures.short_calls IS 'Answered sessions whose talk_seconds is below 6';
COMMENT ON COLUMN vss.figures.excellent IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.good IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.fair IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.poor IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.bad IS 'Sessions of that mos_band';
COMMENT ON COLUMN vss.figures.ring_seconds IS 'Each distinct value of ring_seconds';
COMMENT ON COLUMN vss.figures.ring_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.mos IS 'Each distinct value of mos_min';
COMMENT ON COLUMN vss.figures.mos_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.packet_loss IS 'Each distinct value of packet_loss_max';
COMMENT ON COLUMN vss.figures.packet_loss_counts IS 'How many sessions have that value';
COMMENT ON COLUMN vss.figures.jitter_ms IS 'Each distinct value of jitter_ms_max';
COMMENT ON COLUMN vss.figures.jitter_counts IS 'How many sessions have that value';

CREATE TABLE vss.figure_hours (
  hour timestamptz NOT NULL,
  is_current boolean NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT figure_hours_pkey PRIMARY KEY (hour)
);

COMMENT ON TABLE vss.figure_hours IS 'One row an hour of UTC in which a session started, as far as vss.refresh_figures() has followed the changes.';
COMMENT ON COLUMN vss.figure_hours.hour IS 'The beginning of the hour';
COMMENT ON COLUMN vss.figure_hours.is_current IS 'Whether vss.figures had all its sessions, up to the changes that vss.figures_progress names';
COMMENT ON COLUMN vss.figure_hours.changed_at IS 'When the latest of its changes was written';

-- A session that goes leaves no change behind in the hour where it was.
CREATE TABLE vss.figure_losses (
  loss uuid NOT NULL DEFAULT gen_random_uuid(),
  hour timestamptz NOT NULL,
  CONSTRAINT figure_losses_pkey PRIMARY KEY (loss)
);

COMMENT ON TABLE vss.figure_losses IS 'Hours that have lost a session, because it was deleted or starts in another hour now. Emptied by vss.refresh_figures().';
COMMENT ON COLUMN vss.figure_losses.loss IS 'Key';
COMMENT ON COLUMN vss.figure_losses.hour IS 'The beginning of the hour';

CREATE TABLE vss.figures_progress (
  is_only boolean NOT NULL DEFAULT true,
  system_identifier bigint NOT NULL,
  followed_until xid8 NOT NULL,
  CONSTRAINT figures_progress_pkey PRIMARY KEY (is_only),
  CONSTRAINT figures_progress_is_only CHECK (is_only)
);

COMMENT ON TABLE vss.figures_progress IS 'At most one row: how far vss.refresh_figures() has followed the changes of vss.sessions.';
COMMENT ON COLUMN vss.figures_progress.is_only IS 'True: there is at most one row';
COMMENT ON COLUMN vss.figures_progress.system_identifier IS 'The server whose transaction ids these are; on another one the figures are made anew';
COMMENT ON COLUMN vss.figures_progress.followed_until IS 'Changes of earlier transactions are marked in vss.figure_hours';

CREATE FUNCTION vss.mark_lost_sessions()
RETURNS trigger
LANGUAGE plpgsql
-- Whoever changes sessions need not know of the figures.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO vss.figure_losses (hour) VALUES (date_bin('1 hour', OLD.started_at, '2000-01-01 00:00:00+00'));
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO vss.figure_losses (hour) SELECT DISTINCT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') FROM lost;
  ELSE
    INSERT INTO vss.figure_losses (hour) SELECT hour FROM vss.figure_hours;
  END IF;
  RETURN NULL;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.mark_lost_sessions() FROM PUBLIC;
COMMENT ON FUNCTION vss.mark_lost_sessions() IS 'Notes the hours that lose a session.';

CREATE TRIGGER sessions_mark_moved AFTER UPDATE ON vss.sessions
FOR EACH ROW
WHEN (date_bin('1 hour', OLD.started_at, '2000-01-01 00:00:00+00') <> date_bin('1 hour', NEW.started_at, '2000-01-01 00:00:00+00'))
EXECUTE FUNCTION vss.mark_lost_sessions();
CREATE TRIGGER sessions_mark_deleted AFTER DELETE ON vss.sessions
REFERENCING OLD TABLE AS lost
FOR EACH STATEMENT EXECUTE FUNCTION vss.mark_lost_sessions();
CREATE TRIGGER sessions_mark_truncated AFTER TRUNCATE ON vss.sessions
FOR EACH STATEMENT EXECUTE FUNCTION vss.mark_lost_sessions();

CREATE FUNCTION vss.count_figures(
  since timestamptz[], until timestamptz[], sub_account text, by_sub_account boolean[], by_country_pair boolean[], by_shape boolean[]
)
RETURNS SETOF vss.figures
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- Each call has other spans, and none repays the compilation of its expressions.
SET plan_cache_mode = force_custom_plan
SET jit = off
-- The planner takes each span for a ninth of the table. It would read all of it, and sort where there are few groups.
SET enable_seqscan = off
SET enable_sort = off
-- A month's values by country pair take 30 MB.
SET work_mem = '32MB'
AS $function$
DECLARE
  -- The legs are not read for nothing.
  by_route boolean := true = ANY (by_country_pair || by_shape);
BEGIN
  RETURN QUERY
  WITH fact AS MATERIALIZED (
    SELECT
      session.hour,
      CASE WHEN wanted.by_sub_account THEN session.sub_account_id ELSE '' END AS sub_account_id,
      CASE WHEN wanted.by_country_pair THEN session.country_pair ELSE '' END AS country_pair,
      CASE WHEN wanted.by_shape THEN session.direction ELSE '' END AS direction,
      CASE WHEN wanted.by_shape THEN session.legs ELSE 0 END AS legs,
      session.status, session.answered, session.talk_seconds, session.mos_band,
      session.ring_seconds, session.mos_min, session.packet_loss_max, session.jitter_ms_max
    FROM (
      SELECT
        span.first AS hour, facts.sub_account_id, facts.country_pair, facts.direction, facts.legs,
        facts.status, facts.answered, facts.talk_seconds, facts.mos_band,
        facts.ring_seconds, facts.mos_min, facts.packet_loss_max, facts.jitter_ms_max
      FROM unnest(since, until) AS span (first, next)
      JOIN vss.session_facts AS facts ON facts.started_at >= span.first AND facts.started_at < span.next
      WHERE by_route AND (sub_account IS NULL OR facts.sub_account_id = sub_account)
      UNION ALL
      SELECT
        span.first, facts.sub_account_id, '', '', 0,
        facts.status, facts.answered, facts.talk_seconds, facts.mos_band,
        facts.ring_seconds, facts.mos_min, facts.packet_loss_max, facts.jitter_ms_max
      FROM unnest(since, until) AS span (first, next)
      JOIN vss.sessions AS facts ON facts.started_at >= span.first AND facts.started_at < span.next
      WHERE NOT by_route AND (sub_account IS NULL OR facts.sub_account_id = sub_account)
    ) AS session
    CROSS JOIN unnest(by_sub_account, by_country_pair, by_shape) AS wanted (by_sub_account, by_country_pair, by_shape)
  ),
  tally AS (
    SELECT
      fact.hour, fact.sub_account_id, fact.country_pair, fact.direction, fact.legs,
      count(*) AS attempts,
      count(*) FILTER (WHERE fact.answered) AS answered,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status NOT IN ('COMPLETED', 'NO_ANSWER', 'BUSY', 'CANCELED', 'COMPLETED_UNSUBSCRIBED', 'COMPLETED_UNSUB_ERROR', 'UNSUBSCRIBED_CONTACT')) AS undelivered,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'NO_ANSWER') AS no_answer,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'BUSY') AS busy,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'CANCELED') AS canceled,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'FAILED') AS failed,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status = 'ERROR') AS error,
      count(*) FILTER (WHERE NOT fact.answered AND fact.status NOT IN ('NO_ANSWER', 'BUSY', 'CANCELED', 'FAILED', 'ERROR')) AS other,
      coalesce(sum(fact.talk_seconds), 0) AS talk_seconds,
      coalesce(sum(fact.talk_seconds) FILTER (WHERE fact.answered), 0) AS answered_talk_seconds,
      count(fact.talk_seconds) FILTER (WHERE fact.answered) AS answered_timed,
      count(*) FILTER (WHERE fact.answered AND fact.talk_seconds < 6) AS short_calls,
      count(*) FILTER (WHERE fact.mos_band = 'excellent') AS excellent,
      count(*) FILTER (WHERE fact.mos_band = 'good') AS good,
      count(*) FILTER (WHERE fact.mos_band = 'fair') AS fair,
      count(*) FILTER (WHERE fact.mos_band = 'poor') AS poor,
      count(*) FILTER (WHERE fact.mos_band = 'bad') AS bad
    FROM fact
    GROUP BY fact.hour, fact.sub_account_id, fact.country_pair, fact.direction, fact.legs
  ),
  value AS (
    SELECT hour, sub_account_id, country_pair, direction, legs, 'ring' AS measure, ring_seconds AS value, count(*)::integer AS count
    FROM fact WHERE ring_seconds IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'mos', mos_min, count(*)::integer
    FROM fact WHERE mos_min IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'loss', packet_loss_max, count(*)::integer
    FROM fact WHERE packet_loss_max IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
    UNION ALL
    SELECT hour, sub_account_id, country_pair, direction, legs, 'jitter', jitter_ms_max, count(*)::integer
    FROM fact WHERE jitter_ms_max IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 7
  ),
  list AS (
    SELECT hour, sub_account_id, country_pair, direction, legs,
      array_agg(value) FILTER (WHERE measure = 'ring') AS ring_seconds,
      array_agg(count) FILTER (WHERE measure = 'ring') AS ring_counts,
      array_agg(value) FILTER (WHERE measure = 'mos') AS mos,
      array_agg(count) FILTER (WHERE measure = 'mos') AS mos_counts,
      array_agg(value) FILTER (WHERE measure = 'loss') AS packet_loss,
      array_agg(count) FILTER (WHERE measure = 'loss') AS packet_loss_counts,
      array_agg(value) FILTER (WHERE measure = 'jitter') AS jitter_ms,
      array_agg(count) FILTER (WHERE measure = 'jitter') AS jitter_counts
    FROM value GROUP BY 1, 2, 3, 4, 5
  )
  SELECT
    tally.*,
    coalesce(list.ring_seconds, '{}'), coalesce(list.ring_counts, '{}'),
    coalesce(list.mos::real[], '{}'), coalesce(list.mos_counts, '{}'),
    coalesce(list.packet_loss::real[], '{}'), coalesce(list.packet_loss_counts, '{}'),
    coalesce(list.jitter_ms::real[], '{}'), coalesce(list.jitter_counts, '{}')
  FROM tally LEFT JOIN list USING (hour, sub_account_id, country_pair, direction, legs);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.count_figures(timestamptz[], timestamptz[], text, boolean[], boolean[], boolean[]) FROM PUBLIC;
COMMENT ON FUNCTION vss.count_figures(timestamptz[], timestamptz[], text, boolean[], boolean[], boolean[]) IS 'Counts the figures of spans of time from the sessions themselves, once for each grouping: the three arrays have a member for each. hour is the beginning of the span. A group that is not asked for is empty, and legs is 0.';

CREATE FUNCTION vss.refresh_figures(max_hours integer DEFAULT 1, settled interval DEFAULT '5 minutes')
RETURNS integer
LANGUAGE plpgsql
-- A worker calls it, and may write no figures itself.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The planner must know how few changes are newer than the last call.
SET plan_cache_mode = force_custom_plan
AS $function$
DECLARE
  progress vss.figures_progress;
  server bigint := (SELECT system_identifier FROM pg_control_system());
  hours timestamptz[];
  ends timestamptz[];
  made vss.figures[];
  losses uuid[];
  next_until xid8;
  changed timestamptz[];
  changed_times timestamptz[];
BEGIN
  IF max_hours IS NULL OR max_hours NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'max_hours is %: give 1 to 100', coalesce(max_hours::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF settled IS NULL OR settled < interval '0' THEN
    RAISE EXCEPTION 'settled is %: give an interval of 0 or more', coalesce(settled::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock('vss.figures_progress'::regclass::bigint) THEN
    RETURN 0;
  END IF;
  SELECT * INTO progress FROM vss.figures_progress;
  IF progress.system_identifier IS DISTINCT FROM server THEN
    DELETE FROM vss.figures;
    DELETE FROM vss.figure_hours;
    DELETE FROM vss.figures_progress;
    INSERT INTO vss.figures_progress (system_identifier, followed_until) VALUES (server, '0') RETURNING * INTO progress;
  END IF;

  -- Older transactions have ended. The next call will see what later ones change.
  next_until := pg_snapshot_xmin(pg_current_snapshot());
  losses := ARRAY(SELECT loss FROM vss.figure_losses);
  SELECT array_agg(hour), array_agg(at) INTO changed, changed_times FROM (
    SELECT hour, max(at) AS at FROM (
      SELECT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS hour, processed_at AS at FROM vss.sessions WHERE change_xid >= progress.followed_until
      UNION ALL
      SELECT hour, now() FROM vss.figure_losses WHERE loss = ANY (losses)
    ) AS change
    GROUP BY hour
  ) AS changed_hour;

  -- An hour that still changes is not worth the counting. Newer hours are asked for more.
  SELECT array_agg(hour), array_agg(hour + interval '1 hour') INTO hours, ends FROM (
    SELECT hour FROM vss.figure_hours
    WHERE NOT is_current AND changed_at <= now() - settled AND hour <> ALL (coalesce(changed, '{}'))
    ORDER BY hour DESC LIMIT max_hours
  ) AS settled_hour;
  -- The feed waits for a transaction as soon as it writes: so all is counted before.
  made := ARRAY(
    SELECT figures FROM vss.count_figures(
      hours, ends, NULL,
      by_sub_account => '{false,true,false}', by_country_pair => '{false,false,true}', by_shape => '{true,true,false}'
    ) AS figures
  );

  DELETE FROM vss.figures WHERE hour = ANY (hours);
  INSERT INTO vss.figures SELECT * FROM unnest(made);
  UPDATE vss.figure_hours SET is_current = true WHERE hour = ANY (hours);
  INSERT INTO vss.figure_hours AS known (hour, is_current, changed_at)
  SELECT hour, false, at FROM unnest(changed, changed_times) AS change (hour, at)
  ON CONFLICT (hour) DO UPDATE SET is_current = false, changed_at = excluded.changed_at;
  DELETE FROM vss.figure_losses WHERE loss = ANY (losses);
  UPDATE vss.figures_progress SET followed_until = next_until WHERE followed_until <> next_until;
  RETURN coalesce(array_length(hours, 1), 0);
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.refresh_figures(integer, interval) FROM PUBLIC;
COMMENT ON FUNCTION vss.refresh_figures(integer, interval) IS 'Follows the changes of vss.sessions, and counts anew up to max_hours hours that have not changed for the time settled. Returns how many; 0 as well while another process is at it. Workers call it: vss.traffic is right without, and only slower. Not for a logical subscriber, whose rows have the transaction ids of another server.';

CREATE FUNCTION vss.check_buckets(since timestamptz, until timestamptz, bucket interval)
RETURNS timestamptz[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  most CONSTANT integer := 10000;
  starts timestamptz[];
BEGIN
  IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR until <= since THEN
    RAISE EXCEPTION 'since is % and until is %: give two times, the earlier one first', coalesce(since::text, 'NULL'), coalesce(until::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF bucket IS NULL OR bucket NOT BETWEEN interval '1 minute' AND interval '10 years' THEN
    RAISE EXCEPTION 'bucket is %: give an interval from 1 minute to 10 years', coalesce(bucket::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Multiplied rather than added up: months that begin on a 31st stay at the end of each.
  FOR number IN 0..most LOOP
    EXIT WHEN since + number * bucket >= until;
    IF number = most THEN
      RAISE EXCEPTION 'from % until % there are more than % buckets of %: give a longer bucket or a shorter time', since, until, most, bucket
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    starts := starts || (since + number * bucket);
    IF starts[number + 1] <= starts[number] THEN
      RAISE EXCEPTION 'bucket is %, and its steps go back at %: give an interval without negative parts', bucket, starts[number + 1]
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END LOOP;
  RETURN starts;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_buckets(timestamptz, timestamptz, interval) FROM PUBLIC;
COMMENT ON FUNCTION vss.check_buckets(timestamptz, timestamptz, interval) IS 'The beginnings of the buckets, by the calendar of the session''s time zone. Fails (22023) where the arguments make none or more than 10,000.';

CREATE FUNCTION vss.traffic(
  since timestamptz, until timestamptz, bucket interval DEFAULT '1 day', sub_account text DEFAULT NULL, group_by text[] DEFAULT '{}',
  count_callees boolean DEFAULT false
)
RETURNS TABLE (
  bucket_start timestamptz, bucket_end timestamptz, sub_account_id text, direction text, legs integer, country_pair text,
  attempts bigint, answered bigint, asr double precision, ner_estimate double precision,
  no_answer bigint, busy bigint, canceled bigint, failed bigint, error bigint, other bigint,
  minutes double precision, acd_seconds double precision, short_calls bigint,
  ring_seconds_p50 double precision, ring_seconds_p95 double precision,
  measured bigint, mos_avg real, mos_p10 real,
  share_excellent double precision, share_good double precision, share_fair double precision, share_poor double precision,
  share_bad double precision, packet_loss_p95 real, jitter_ms_p95 real, distinct_callees bigint
)
LANGUAGE plpgsql
STABLE
-- Figures tell no phone numbers. A role that may see nothing else reads the sessions through this.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
-- The planner takes lists for longer than they are, and would sort them to group them.
SET enable_sort = off
SET work_mem = '32MB'
AS $function$
#variable_conflict use_column
DECLARE
  groups CONSTANT text[] := ARRAY['sub_account', 'direction', 'legs', 'country_pair'];
  starts timestamptz[] := vss.check_buckets(since, until, bucket);
  by_sub_account boolean := 'sub_account' = ANY (group_by);
  by_direction boolean := 'direction' = ANY (group_by);
  by_legs boolean := 'legs' = ANY (group_by);
  by_country_pair boolean := 'country_pair' = ANY (group_by);
  followed_until xid8;
  hours timestamptz[];
  firsts timestamptz[];
  nexts timestamptz[];
BEGIN
  IF group_by IS NULL OR count_callees IS NULL OR NOT group_by <@ groups THEN
    RAISE EXCEPTION 'group_by is %, and count_callees is %: give a list of %, and true or false',
      coalesce(left(group_by::text, 120), 'NULL'), coalesce(count_callees::text, 'NULL'), groups
      USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- A variable, so that the planner knows how few changes are newer.
  SELECT progress.followed_until INTO followed_until
  FROM vss.figures_progress AS progress WHERE progress.system_identifier = (SELECT system_identifier FROM pg_control_system());
  -- The hours whose figures are complete, and lie within one bucket. Country pairs are kept by themselves alone.
  hours := ARRAY(
    SELECT hour FROM vss.figure_hours
    WHERE is_current AND followed_until IS NOT NULL AND NOT (by_country_pair AND (by_sub_account OR sub_account IS NOT NULL OR by_direction OR by_legs))
      AND hour >= since AND hour + interval '1 hour' <= until
      AND width_bucket(hour, starts) = width_bucket(hour + interval '59 minutes 59.999999 seconds', starts)
      AND hour NOT IN (SELECT hour FROM vss.figure_losses)
      AND hour NOT IN (SELECT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') FROM vss.sessions WHERE change_xid >= followed_until)
    ORDER BY hour
  );
  -- All other time, in spans that lie within one bucket each.
  SELECT array_agg(greatest(gap.first, start)), array_agg(least(gap.next, start_of_next)) INTO firsts, nexts
  FROM (
    SELECT coalesce(lag(hour + interval '1 hour') OVER (ORDER BY hour), since) AS first, hour AS next
    FROM unnest(hours || until) AS hour
  ) AS gap
  JOIN (
    SELECT start, coalesce(lead(start) OVER (ORDER BY start), until) AS start_of_next FROM unnest(starts) AS start
  ) AS span ON start < gap.next AND start_of_next > gap.first
  WHERE gap.first < gap.next;

  RETURN QUERY
  WITH cell AS MATERIALIZED (
    SELECT * FROM vss.figures
    WHERE hour = ANY (hours)
      AND CASE WHEN by_sub_account OR sub_account IS NOT NULL THEN sub_account_id <> '' ELSE sub_account_id = '' END
      AND (sub_account IS NULL OR sub_account_id = sub_account)
      AND CASE WHEN by_country_pair THEN country_pair <> '' ELSE country_pair = '' END
    UNION ALL
    SELECT * FROM vss.count_figures(
      firsts, nexts, sub_account, ARRAY[by_sub_account], ARRAY[by_country_pair], ARRAY[by_direction OR by_legs]
    )
  ),
  keyed AS MATERIALIZED (
    SELECT
      width_bucket(hour, starts) AS number,
      CASE WHEN by_sub_account THEN sub_account_id ELSE '' END AS of_sub_account,
      CASE WHEN by_direction THEN direction ELSE '' END AS of_direction,
      CASE WHEN by_legs THEN legs ELSE 0 END AS of_legs,
      CASE WHEN by_country_pair THEN country_pair ELSE '' END AS of_pair,
      cell.*
    FROM cell
  ),
  tally AS MATERIALIZED (
    SELECT
      row_number() OVER () AS id, number, of_sub_account, of_direction, of_legs, of_pair,
      sum(attempts)::bigint AS attempts, sum(answered)::bigint AS answered, sum(undelivered)::bigint AS undelivered,
      sum(no_answer)::bigint AS no_answer, sum(busy)::bigint AS busy, sum(canceled)::bigint AS canceled,
      sum(failed)::bigint AS failed, sum(error)::bigint AS error, sum(other)::bigint AS other,
      sum(talk_seconds) AS talk_seconds, sum(answered_talk_seconds) AS answered_talk_seconds,
      sum(answered_timed)::bigint AS answered_timed, sum(short_calls)::bigint AS short_calls,
      sum(excellent)::double precision AS excellent, sum(good)::double precision AS good, sum(fair)::double precision AS fair,
      sum(poor)::double precision AS poor, sum(bad)::double precision AS bad
    FROM keyed GROUP BY number, of_sub_account, of_direction, of_legs, of_pair
  ),
  -- There are millions of values: a number groups them sooner than five columns.
  part AS MATERIALIZED (
    SELECT id, ring_seconds, ring_counts, mos, mos_counts, packet_loss, packet_loss_counts, jitter_ms, jitter_counts
    FROM keyed JOIN tally USING (number, of_sub_account, of_direction, of_legs, of_pair)
  ),
  value AS MATERIALIZED (
    SELECT id, measure, value, sum(count) AS count
    FROM (
      SELECT id, 'ring' AS measure, value, count FROM part, unnest(ring_seconds, ring_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'mos', value, count FROM part, unnest(mos, mos_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'loss', value, count FROM part, unnest(packet_loss, packet_loss_counts) AS list (value, count)
      UNION ALL
      SELECT id, 'jitter', value, count FROM part, unnest(jitter_ms, jitter_counts) AS list (value, count)
    ) AS listed
    GROUP BY id, measure, value
  ),
  ranked AS (
    SELECT id, measure, value, count,
      sum(count) OVER (PARTITION BY id, measure ORDER BY value) AS up_to_here,
      sum(count) OVER (PARTITION BY id, measure) AS total
    FROM value
  ),
  -- As percentile_cont does it: between the two values beside the place, in proportion.
  percentile AS (
    SELECT id, measure, share,
      min(value) FILTER (WHERE up_to_here > floor(share * (total - 1)::double precision)) AS low,
      min(value) FILTER (WHERE up_to_here > ceil(share * (total - 1)::double precision)) AS high,
      share * (max(total) - 1)::double precision AS place,
      sum(value * count) / max(total)::double precision AS average,
      max(total)::bigint AS total
    FROM ranked
    JOIN (VALUES ('ring', 0.5::double precision), ('ring', 0.95), ('mos', 0.1), ('loss', 0.95), ('jitter', 0.95)) AS wanted (measure, share) USING (measure)
    GROUP BY id, measure, share
  ),
  spread AS (
    SELECT id,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'ring' AND share = 0.5) AS ring_p50,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'ring' AND share = 0.95) AS ring_p95,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'mos') AS mos_p10,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'loss') AS loss_p95,
      max(low + (high - low) * (place - floor(place))) FILTER (WHERE measure = 'jitter') AS jitter_p95,
      max(average) FILTER (WHERE measure = 'mos') AS mos_avg,
      max(total) FILTER (WHERE measure = 'mos') AS measured
    FROM percentile GROUP BY id
  ),
  callees AS (
    SELECT
      width_bucket(started_at, starts) AS number,
      CASE WHEN by_sub_account THEN sessions.sub_account_id ELSE '' END AS of_sub_account,
      '' AS of_direction, 0 AS of_legs, '' AS of_pair,
      count(DISTINCT callee COLLATE "C") AS callees
    FROM vss.sessions
    WHERE count_callees AND NOT (by_direction OR by_legs OR by_country_pair)
      AND started_at >= since AND started_at < until AND (sub_account IS NULL OR sessions.sub_account_id = sub_account)
    GROUP BY 1, 2
    UNION ALL
    SELECT
      width_bucket(sessions.started_at, starts),
      CASE WHEN by_sub_account THEN sessions.sub_account_id ELSE '' END,
      CASE WHEN by_direction THEN facts.direction ELSE '' END,
      CASE WHEN by_legs THEN facts.legs ELSE 0 END,
      CASE WHEN by_country_pair THEN facts.country_pair ELSE '' END,
      count(DISTINCT callee COLLATE "C")
    FROM vss.sessions JOIN vss.session_facts AS facts USING (session_id)
    WHERE count_callees AND (by_direction OR by_legs OR by_country_pair)
      AND sessions.started_at >= since AND sessions.started_at < until AND (sub_account IS NULL OR sessions.sub_account_id = sub_account)
    GROUP BY 1, 2, 3, 4, 5
  )
  SELECT
    starts[number],
    coalesce(starts[number + 1], until),
    CASE WHEN by_sub_account THEN of_sub_account END,
    CASE WHEN by_direction THEN of_direction END,
    CASE WHEN by_legs THEN of_legs END,
    CASE WHEN by_country_pair THEN of_pair END,
    coalesce(tally.attempts, 0),
    coalesce(tally.answered, 0),
    tally.answered::double precision / tally.attempts,
    (tally.attempts - tally.undelivered)::double precision / tally.attempts,
    coalesce(tally.no_answer, 0),
    coalesce(tally.busy, 0),
    coalesce(tally.canceled, 0),
    coalesce(tally.failed, 0),
    coalesce(tally.error, 0),
    coalesce(tally.other, 0),
    coalesce(tally.talk_seconds / 60, 0),
    tally.answered_talk_seconds / nullif(tally.answered_timed, 0),
    coalesce(tally.short_calls, 0),
    ring_p50,
    ring_p95,
    coalesce(spread.measured, 0),
    round(spread.mos_avg::numeric, 5)::real,
    round(spread.mos_p10::numeric, 5)::real,
    excellent / spread.measured,
    good / spread.measured,
    fair / spread.measured,
    poor / spread.measured,
    bad / spread.measured,
    round(loss_p95::numeric, 6)::real,
    round(jitter_p95::numeric, 5)::real,
    CASE WHEN count_callees THEN coalesce(callees.callees, 0) END
  FROM generate_subscripts(starts, 1) AS number
  LEFT JOIN tally USING (number)
  LEFT JOIN spread USING (id)
  LEFT JOIN callees USING (number, of_sub_account, of_direction, of_legs, of_pair)
  WHERE group_by = '{}' OR tally.attempts IS NOT NULL
  ORDER BY number, of_sub_account COLLATE "C", of_direction COLLATE "C", of_legs, of_pair COLLATE "C";
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.traffic(timestamptz, timestamptz, interval, text, text[], boolean) FROM PUBLIC;
COMMENT ON FUNCTION vss.traffic(timestamptz, timestamptz, interval, text, text[], boolean) IS 'The figures of the sessions that started from since until before until, in buckets of time: one row a bucket, also where there was no call; with group_by one row for each bucket and group that has calls. group_by takes sub_account, direction, legs and country_pair, as in vss.session_facts.

Buckets begin at since, and step by the calendar of the session''s TimeZone: where clocks change, a bucket of 1 day has 23 or 25 hours. The last one ends at until. Shares are fractions: 0.01 is 1 %. A figure without a value is null.

bucket_start: the beginning of the bucket
bucket_end: its end, which belongs to the next one
sub_account_id, direction, legs, country_pair: the group; null where group_by does not name it
attempts: sessions. A session with one leg, an IVR call or a voice message, counts as one as well: group by direction and legs to tell these apart
answered: sessions whose callee''s leg was connected; that of an IVR call, which the platform answers, is its only leg
asr: answered of attempts. The answer seizure ratio of ITU-T E.425 is answered of seizures, and a summary does not tell whether a circuit was seized
ner_estimate: an estimate of the network effectiveness ratio of ITU-T E.425: attempts that were answered, or ended COMPLETED, NO_ANSWER, BUSY or CANCELED, of attempts. FAILED and ERROR mix causes of the network with those of users, such as a number that does not exist, so the true ratio may be higher
no_answer, busy, canceled, failed, error: unanswered sessions of that status
other: unanswered sessions of any other status; with the five before and answered it adds up to attempts
minutes: sum of talk_seconds, over 60; an unknown talk time counts as 0
acd_seconds: average call duration: talk_seconds of answered sessions, averaged where it is known
short_calls: answered sessions whose talk_seconds is below 6
ring_seconds_p50, ring_seconds_p95: of answered sessions, from initiated to connected. It is not the post-dial delay, because a summary does not tell when it began to ring
measured: sessions with a MOS
mos_avg, mos_p10: of the worst MOS of each session. An average hides bad calls: a tenth of the sessions is at mos_p10 or below
share_excellent, share_good, share_fair, share_poor, share_bad: of measured, by mos_band
packet_loss_p95, jitter_ms_p95: of the worst value of each session
distinct_callees: different callees; null unless count_callees is true, because it must read every session

Percentiles are those of percentile_cont: between two values in proportion.';

CREATE VIEW vss.calls_a_day AS
SELECT
  bucket_start::date AS day, attempts, answered, asr, ner_estimate, minutes, acd_seconds, measured, mos_avg, mos_p10, share_bad
FROM vss.traffic(date_trunc('day', now()) - interval '29 days', date_trunc('day', now()) + interval '1 day')
ORDER BY bucket_start;

CREATE VIEW vss.failures_by_cause AS
SELECT
  status, error_code, error_meaning, count(*) AS sessions,
  count(*)::double precision / sum(count(*)) OVER () AS share, max(started_at) AS latest_at
FROM vss.sessions
WHERE started_at >= now() - interval '24 hours' AND started_at < now() AND NOT answered
GROUP BY status, error_code, error_meaning
ORDER BY count(*) DESC, status, error_code;

CREATE VIEW vss.quality_by_country_pair AS
SELECT
  country_pair, attempts, measured, mos_avg, mos_p10, share_fair, share_poor, share_bad, packet_loss_p95, jitter_ms_p95
FROM vss.traffic(now() - interval '7 days', now(), bucket => '8 days', group_by => '{country_pair}')
WHERE measured > 0
ORDER BY measured DESC, country_pair;

CREATE VIEW vss.busiest_hours AS
SELECT
  extract(isodow FROM bucket_start)::integer AS weekday, extract(hour FROM bucket_start)::integer AS hour,
  avg(attempts)::double precision AS attempts_avg, max(attempts) AS attempts_max, avg(minutes) AS minutes_avg
FROM vss.traffic(date_trunc('day', now()) - interval '28 days', date_trunc('day', now()), bucket => '1 hour')
GROUP BY 1, 2
ORDER BY avg(attempts) DESC, 1, 2;

CREATE VIEW vss.this_week AS
SELECT
  day, attempts, attempts_before, attempts::double precision / nullif(attempts_before, 0) - 1 AS attempts_growth,
  minutes, minutes_before, asr, asr_before, mos_avg, mos_avg_before
FROM (
  SELECT bucket_start::date AS day, attempts, minutes, asr, mos_avg
  FROM vss.traffic(date_trunc('week', now()), greatest(now(), date_trunc('week', now()) + interval '1 minute'))
) AS this
LEFT JOIN (
  SELECT
    (bucket_start + interval '7 days')::date AS same_day, attempts AS attempts_before, minutes AS minutes_before, asr AS asr_before,
    mos_avg AS mos_avg_before
  FROM vss.traffic(
    date_trunc('week', now()) - interval '7 days',
    greatest(now(), date_trunc('week', now()) + interval '1 minute') - interval '7 days'
  )
) AS before ON same_day = day
ORDER BY day;

COMMENT ON VIEW vss.calls_a_day IS 'The last 30 days, by the calendar of the session''s TimeZone, today included. Figures are those of vss.traffic.';
COMMENT ON COLUMN vss.calls_a_day.day IS 'The day';
COMMENT ON COLUMN vss.calls_a_day.attempts IS 'Sessions that started on the day';
COMMENT ON COLUMN vss.calls_a_day.answered IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.asr IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.ner_estimate IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.minutes IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.acd_seconds IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.measured IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.mos_p10 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.calls_a_day.share_bad IS 'As in vss.traffic';

COMMENT ON VIEW vss.failures_by_cause IS 'The sessions of the last 24 hours that nobody answered, by status and error, most frequent first.';
COMMENT ON COLUMN vss.failures_by_cause.status IS 'As in vss.sessions';
COMMENT ON COLUMN vss.failures_by_cause.error_code IS 'As in vss.sessions; null where no error was sent';
COMMENT ON COLUMN vss.failures_by_cause.error_meaning IS 'As in vss.sessions';
COMMENT ON COLUMN vss.failures_by_cause.sessions IS 'How many';
COMMENT ON COLUMN vss.failures_by_cause.share IS 'Of all unanswered sessions, a fraction';
COMMENT ON COLUMN vss.failures_by_cause.latest_at IS 'When the latest of them started';

COMMENT ON VIEW vss.quality_by_country_pair IS 'The last 7 days by country pair, as far as there is a MOS. Figures are those of vss.traffic.';
COMMENT ON COLUMN vss.quality_by_country_pair.country_pair IS 'As in vss.session_facts';
COMMENT ON COLUMN vss.quality_by_country_pair.attempts IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.measured IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.mos_p10 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_fair IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_poor IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.share_bad IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.packet_loss_p95 IS 'As in vss.traffic';
COMMENT ON COLUMN vss.quality_by_country_pair.jitter_ms_p95 IS 'As in vss.traffic';

COMMENT ON VIEW vss.busiest_hours IS 'The hours of the week, busiest first, over the last 28 whole days by the session''s TimeZone.';
COMMENT ON COLUMN vss.busiest_hours.weekday IS '1 is Monday, 7 Sunday';
COMMENT ON COLUMN vss.busiest_hours.hour IS '0 to 23: the hour begins then';
COMMENT ON COLUMN vss.busiest_hours.attempts_avg IS 'Sessions that start in the hour, averaged over the weeks';
COMMENT ON COLUMN vss.busiest_hours.attempts_max IS 'The most of one week';
COMMENT ON COLUMN vss.busiest_hours.minutes_avg IS 'Minutes of talk of these sessions, averaged over the weeks';

COMMENT ON VIEW vss.this_week IS 'The days of this week beside those of last week, by the session''s TimeZone; weeks begin on Monday. Today is compared with the same time a week ago.';
COMMENT ON COLUMN vss.this_week.day IS 'The day of this week';
COMMENT ON COLUMN vss.this_week.attempts IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.attempts_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.attempts_growth IS 'A fraction: 0.1 is 10 % more than a week before; null where there was none';
COMMENT ON COLUMN vss.this_week.minutes IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.minutes_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.asr IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.asr_before IS 'A week before';
COMMENT ON COLUMN vss.this_week.mos_avg IS 'As in vss.traffic';
COMMENT ON COLUMN vss.this_week.mos_avg_before IS 'A week before';

COMMENT ON TABLE vss.sessions IS 'One row a finished voice session: its latest summary, that of the delivery with the greatest (received_at, delivery_id).';
