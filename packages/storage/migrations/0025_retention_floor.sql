-- Workers say how long rows are kept, so a stolen password of vss_writer could say a day. The owner sets a floor to that.
CREATE TABLE vss.retention_floor (
  kind text NOT NULL,
  days integer NOT NULL,
  CONSTRAINT retention_floor_pkey PRIMARY KEY (kind),
  CONSTRAINT retention_floor_kind_known CHECK (kind IN ('bodies', 'deliveries', 'sessions')),
  CONSTRAINT retention_floor_days_sensible CHECK (days BETWEEN 1 AND 36500)
);

COMMENT ON TABLE vss.retention_floor IS 'The whole days for which rows are kept at least, one row a kind, whatever a worker is set to: written by the owner of the schema alone. A kind without a row is kept for a day at least.';
COMMENT ON COLUMN vss.retention_floor.kind IS 'As in vss.retention. Rows of the ledger are kept for as long as bodies, at least';
COMMENT ON COLUMN vss.retention_floor.days IS 'Whole days after receipt';

CREATE OR REPLACE FUNCTION vss.set_retention(body_days integer, ledger_days integer, session_days integer)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
  least_body_days constant integer := (SELECT days FROM vss.retention_floor WHERE kind = 'bodies');
  least_ledger_days constant integer := (SELECT max(days) FROM vss.retention_floor WHERE kind IN ('bodies', 'deliveries'));
  least_session_days constant integer := (SELECT days FROM vss.retention_floor WHERE kind = 'sessions');
BEGIN
  IF body_days > ledger_days THEN
    RAISE EXCEPTION 'body_days must be at most ledger_days' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(5337700118081) THEN RETURN false; END IF;

  -- A body without its ledger row could not be found. greatest() passes over a null, which here would mean for ever.
  body_days := least(body_days, ledger_days);
  IF body_days IS NOT NULL THEN body_days := greatest(body_days, least_body_days); END IF;
  IF ledger_days IS NOT NULL THEN ledger_days := greatest(ledger_days, least_ledger_days); END IF;
  IF session_days IS NOT NULL THEN session_days := greatest(session_days, least_session_days); END IF;

  INSERT INTO vss.retention AS known (kind, days, kept_from)
  SELECT kind, wanted.days, date_trunc('day', now()) - make_interval(days => wanted.days)
  FROM (VALUES ('bodies', body_days), ('deliveries', ledger_days), ('sessions', session_days)) AS wanted (kind, days)
  WHERE wanted.days IS NOT NULL
  ON CONFLICT (kind) DO UPDATE SET
    days = excluded.days,
    kept_from = greatest(known.kept_from, excluded.kept_from),
    -- Each day the sweep begins anew, for rows that came late.
    swept_until = CASE WHEN excluded.kept_from > known.kept_from THEN '-infinity' ELSE known.swept_until END
  WHERE known.days IS DISTINCT FROM excluded.days OR excluded.kept_from > known.kept_from;

  UPDATE vss.retention SET days = NULL
  WHERE days IS NOT NULL
    AND CASE kind WHEN 'bodies' THEN body_days WHEN 'deliveries' THEN ledger_days ELSE session_days END IS NULL;
  RETURN true;
END
$function$;
COMMENT ON FUNCTION vss.set_retention(integer, integer, integer) IS 'Says for how many whole days bodies, ledger and sessions are kept; null: for ever. Bodies are kept no longer than their ledger rows, and nothing for less than vss.retention_floor says. False where another worker is at it.';
