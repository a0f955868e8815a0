-- The last change that is shown, and not the transaction before the barrier: after a crash Postgres may give the id of a
-- transaction that had not reached the disk to another one, and a reader that began behind it would pass that one.
CREATE FUNCTION vss.feed_end()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT concat(
    '1.', feed.feed_id,
    '.', lpad(coalesce(newest.change_xid::text, ''), 20, '0'),
    '.', coalesce(newest.session_id, '00000000-0000-0000-0000-000000000000')
  )
  FROM vss.check_feed() AS feed (feed_id)
  LEFT JOIN LATERAL (
    SELECT change_xid, session_id
    FROM vss.sessions
    WHERE change_xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY change_xid DESC, session_id DESC
    LIMIT 1
  ) AS newest ON true
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_end() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_end() IS 'The cursor of the last change that vss.changes shows now: after it come the changes from now on. In an empty feed it is a cursor before the first change. Fails (VF002, VF003, VF005) as vss.changes does.';
