-- After a failover the server may have lost its last transactions, and gives their ids to others. A cursor of before may
-- then be ahead of changes that its reader has not seen. The barrier of the last heartbeat that survived says how far
-- back is far enough: the write-ahead log is kept up to a point, and every transaction before the barrier had ended, and
-- so was in the log, before the heartbeat was. A transaction that began before the heartbeat and ended after it is not
-- before the barrier. Ids before the barrier are in use, and no server gives them again.
ALTER TABLE vss.feed
  ADD COLUMN barrier xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
  ADD COLUMN beaten_at timestamptz NOT NULL DEFAULT now();

COMMENT ON COLUMN vss.feed.feed_id IS 'Stands in each cursor; another one after vss.feed_restart(), and after a failover';
COMMENT ON COLUMN vss.feed.barrier IS 'As of the last heartbeat: where this row survives, every transaction before this id has survived';
COMMENT ON COLUMN vss.feed.beaten_at IS 'When the last heartbeat was. There is none while no session changes';

CREATE TABLE vss.feed_ancestors (
  feed_id uuid NOT NULL,
  goes_back_to xid8 NOT NULL,
  continued_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT feed_ancestors_pkey PRIMARY KEY (feed_id)
);

COMMENT ON TABLE vss.feed_ancestors IS 'One row a failover since vss.feed_restart(): the feed of before, whose cursors are good up to a point.';
COMMENT ON COLUMN vss.feed_ancestors.feed_id IS 'Stands in the cursors of before';
COMMENT ON COLUMN vss.feed_ancestors.goes_back_to IS 'A cursor further than this transaction is read as the place before it';
COMMENT ON COLUMN vss.feed_ancestors.continued_at IS 'When the next feed took its place';

CREATE OR REPLACE FUNCTION vss.check_feed()
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feed vss.feed;
  server record;
BEGIN
  SELECT * INTO feed FROM vss.feed;
  SELECT * INTO server FROM vss.server_identity();
  -- A server never goes back to an earlier timeline. A standby learns its own one late, at a restartpoint.
  IF feed.system_identifier IS DISTINCT FROM server.system_identifier
    OR feed.timeline > server.timeline AND NOT pg_is_in_recovery()
  THEN
    RAISE EXCEPTION 'the change feed was begun on another server (%/%, and this is %/%): the owner of schema vss must run "vss feed continue" (SELECT vss.feed_continue()) after pg_upgrade, or "vss feed restart" (SELECT vss.feed_restart()) after a restore from a dump',
      coalesce(feed.system_identifier::text, 'none'), coalesce(feed.timeline::text, 'none'), server.system_identifier, server.timeline
      USING ERRCODE = 'VF002';
  END IF;
  IF feed.timeline < server.timeline THEN
    RAISE EXCEPTION 'the server is on timeline % since a failover or a recovery, and the change feed still on %: a worker that runs mends this within seconds, so read again; without a worker the owner of schema vss must run "vss feed continue" (SELECT vss.feed_continue())',
      server.timeline, feed.timeline
      USING ERRCODE = 'VF005';
  END IF;
  PERFORM vss.check_transaction_ids();
  RETURN feed.feed_id;
END
$function$;

-- As before, but by a pattern without captures, which takes a tenth of the time.
CREATE OR REPLACE FUNCTION vss.read_cursor(cursor text, OUT feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  is_cursor boolean := CASE
    WHEN cursor ~ '^1\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{20}\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      THEN substr(cursor, 40, 20)::numeric <= 18446744073709551615
    ELSE false
  END;
BEGIN
  IF NOT is_cursor THEN
    RAISE EXCEPTION '"%" is no cursor of vss.changes: give one as it was returned, or NULL to read from the beginning', left(cursor, 120)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  feed_id := substr(cursor, 3, 36);
  -- Postgres 15 takes a leading zero for octal.
  change_xid := substr(cursor, 40, 20)::numeric::text;
  session_id := substr(cursor, 61, 36);
END
$function$;

CREATE FUNCTION vss.present_place(cursor text, feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
  bound xid8;
BEGIN
  SELECT * INTO place FROM vss.read_cursor(cursor);
  IF place.feed_id IS DISTINCT FROM present_place.feed_id THEN
    SELECT goes_back_to INTO bound FROM vss.feed_ancestors AS ancestor WHERE ancestor.feed_id = place.feed_id;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    IF place.change_xid >= bound THEN
      change_xid := (bound::text::numeric - 1)::text;
      session_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      RETURN;
    END IF;
  END IF;
  change_xid := place.change_xid;
  session_id := place.session_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.present_place(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION vss.present_place(text, uuid) IS 'The place of a cursor in that feed, which is the present one. A cursor of before a failover goes back to what survived. Null for a cursor of another feed.';

CREATE OR REPLACE FUNCTION vss.check_cursor(cursor text, feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.present_place(cursor, feed_id);
  IF place.change_xid IS NULL THEN
    RAISE EXCEPTION 'cursor "%" is of another feed than this one (%), because the feed was restarted or the cursor comes from another database: read from the beginning, with NULL', cursor, feed_id
      USING ERRCODE = 'VF001';
  END IF;
  -- A standby may be behind a cursor that its primary gave.
  IF place.change_xid >= pg_snapshot_xmax(pg_current_snapshot()) AND NOT pg_is_in_recovery() THEN
    RAISE EXCEPTION 'cursor "%" is ahead of this server''s transaction ids. If the server has lost transactions, the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()', cursor
      USING ERRCODE = 'VF003';
  END IF;
  change_xid := place.change_xid;
  session_id := place.session_id;
END
$function$;

-- As before, but a cursor's fixed beginning is made once a page. That is a quarter of the time of a long page.
CREATE OR REPLACE FUNCTION vss.changes(after text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS TABLE (cursor text, kind text, session_id uuid, revision integer, changed_at timestamptz)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
  beginning text := concat('1.', feed_id, '.');
  after_xid xid8 := '0';
  after_session uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'max_rows is %: give 1 to 100000', coalesce(max_rows::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF after IS NOT NULL THEN
    SELECT place.change_xid, place.session_id INTO after_xid, after_session FROM vss.check_cursor(after, feed_id) AS place;
  END IF;
  RETURN QUERY
  SELECT
    -- Each part has a fixed width, so that the order of the texts is the order of the changes.
    beginning || lpad(changed.change_xid::text, 20, '0') || '.' || changed.session_id,
    'session'::text,
    changed.session_id,
    changed.revision,
    changed.processed_at
  FROM vss.sessions AS changed
  WHERE (changed.change_xid, changed.session_id) > (after_xid, after_session)
    -- An older transaction that is still open could add rows before those that it left behind.
    AND changed.change_xid < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY changed.change_xid, changed.session_id
  LIMIT max_rows;
END
$function$;

CREATE OR REPLACE FUNCTION vss.commit(consumer text, cursor text, back boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
-- A reader may write nothing itself.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
  place record;
  in_feed text;
BEGIN
  IF consumer IS NULL OR length(consumer) NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'a consumer''s name has 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF cursor IS NULL AND back THEN
    DELETE FROM vss.consumers WHERE name = consumer;
    RETURN;
  END IF;
  IF cursor IS NULL THEN
    RAISE EXCEPTION 'the cursor is NULL: give one that vss.changes returned; NULL with back => true forgets the consumer'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO place FROM vss.check_cursor(cursor, feed_id);
  in_feed := concat('1.', feed_id, '.', lpad(place.change_xid::text, 20, '0'), '.', place.session_id);
  INSERT INTO vss.consumers AS known (name, cursor, committed_at) VALUES (consumer, in_feed, now())
  ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, committed_at = excluded.committed_at
  -- A place in another feed is null, and no hindrance.
  WHERE back OR (
    SELECT (before.change_xid, before.session_id) > (place.change_xid, place.session_id)
    FROM vss.present_place(known.cursor, feed_id) AS before
  ) IS NOT TRUE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'consumer "%" is further than cursor "%" already, so perhaps two processes use this name: to go back on purpose, give back => true', consumer, cursor
      USING ERRCODE = 'VF004';
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION vss.feed_continue()
RETURNS uuid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  known vss.feed;
  server record;
  continued uuid := gen_random_uuid();
BEGIN
  SELECT * INTO known FROM vss.feed FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no feed to continue: run "vss feed restart", which is SELECT vss.feed_restart()' USING ERRCODE = 'VF002';
  END IF;
  SELECT * INTO server FROM vss.server_identity();
  PERFORM vss.check_transaction_ids();
  IF known.barrier > pg_snapshot_xmax(pg_current_snapshot()) THEN
    RAISE EXCEPTION 'the last heartbeat of the feed is ahead of this server''s transaction ids, because it was restored from another: the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()'
      USING ERRCODE = 'VF003';
  END IF;
  IF known.system_identifier <> server.system_identifier THEN
    PERFORM vss.check_cursor(consumers.cursor, known.feed_id)
    FROM vss.consumers, vss.present_place(consumers.cursor, known.feed_id) AS place WHERE place.change_xid IS NOT NULL;
    UPDATE vss.feed SET system_identifier = server.system_identifier, timeline = server.timeline;
    RETURN known.feed_id;
  END IF;
  IF known.timeline = server.timeline THEN
    RETURN known.feed_id;
  END IF;
  -- It never rises: a later barrier is of a server that had what was before the earlier one.
  UPDATE vss.feed_ancestors SET goes_back_to = known.barrier WHERE goes_back_to > known.barrier;
  INSERT INTO vss.feed_ancestors (feed_id, goes_back_to) VALUES (known.feed_id, known.barrier);
  UPDATE vss.feed
  SET feed_id = continued, timeline = server.timeline, barrier = pg_snapshot_xmin(pg_current_snapshot()), beaten_at = now();
  RETURN continued;
END
$function$;
COMMENT ON FUNCTION vss.feed_continue() IS 'After pg_upgrade, which keeps transaction ids, lets cursors go on as they are. After a failover or a recovery to a point in time begins a feed in which they go back to the last heartbeat that survived; vss.feed_heartbeat() does that by itself. Returns the feed''s id. Fails (VF003) when a row, a consumer or the heartbeat is ahead of this server.';

CREATE FUNCTION vss.feed_heartbeat()
RETURNS text
LANGUAGE plpgsql
-- A worker may change no feed itself.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $function$
DECLARE
  known vss.feed;
  server record;
  -- In the order of the index: with a comparison alone Postgres may read the whole table.
  newest xid8 := (SELECT change_xid FROM vss.sessions ORDER BY change_xid DESC, session_id DESC LIMIT 1);
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN 'standby';
  END IF;
  SELECT * INTO known FROM vss.feed;
  SELECT * INTO server FROM vss.server_identity();
  IF known.timeline < server.timeline THEN
    -- Another worker may have been quicker.
    SELECT * INTO known FROM vss.feed FOR UPDATE;
  END IF;
  IF known.system_identifier IS DISTINCT FROM server.system_identifier OR known.timeline > server.timeline THEN
    RETURN 'other server';
  END IF;
  IF known.timeline < server.timeline THEN
    BEGIN
      PERFORM vss.feed_continue();
      RETURN 'continued';
    EXCEPTION WHEN SQLSTATE 'VF003' THEN
      RETURN 'ahead';
    END;
  END IF;
  -- No cursor is further than the last change, so that none would go back.
  IF (newest >= known.barrier) IS NOT TRUE THEN
    RETURN 'quiet';
  END IF;
  UPDATE vss.feed SET barrier = pg_snapshot_xmin(pg_current_snapshot()), beaten_at = clock_timestamp()
  WHERE feed.barrier < pg_snapshot_xmin(pg_current_snapshot());
  RETURN CASE WHEN FOUND THEN 'beat' ELSE 'held' END;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_heartbeat() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_heartbeat() IS 'To be called once a second, in a transaction of its own: after a failover cursors go back to the last heartbeat that survived. Returns beat; quiet: no session has changed since; held: an older transaction is open; continued: a failover has been, and cursors have gone back; standby; other server or ahead: the owner of schema vss must decide.';

CREATE OR REPLACE FUNCTION vss.feed_restart()
RETURNS uuid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- Readers and writers queue behind this: it rather fails, to be run again.
SET lock_timeout = '10s'
AS $function$
DECLARE
  begun uuid := gen_random_uuid();
BEGIN
  -- A column made anew gives every row the id of this transaction, and rewrites none.
  DROP TRIGGER sessions_mark_change ON vss.sessions;
  ALTER TABLE vss.sessions DROP COLUMN change_xid;
  ALTER TABLE vss.sessions ADD COLUMN change_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
  COMMENT ON COLUMN vss.sessions.change_xid IS 'The transaction that wrote this content, as of pg_current_xact_id(): it changes with revision';
  CREATE INDEX sessions_change_idx ON vss.sessions (change_xid, session_id);
  CREATE TRIGGER sessions_mark_change BEFORE UPDATE ON vss.sessions
  FOR EACH ROW
  WHEN (NEW.revision <> OLD.revision AND NEW.change_xid = OLD.change_xid)
  EXECUTE FUNCTION vss.mark_change();

  INSERT INTO vss.feed (feed_id, system_identifier, timeline)
  SELECT begun, system_identifier, timeline FROM vss.server_identity()
  ON CONFLICT (is_only) DO UPDATE
  SET feed_id = excluded.feed_id, system_identifier = excluded.system_identifier, timeline = excluded.timeline,
    barrier = excluded.barrier, beaten_at = excluded.beaten_at;
  DELETE FROM vss.feed_ancestors;
  RETURN begun;
END
$function$;

CREATE OR REPLACE FUNCTION vss.oldest_unread(cursor text, OUT state text, OUT changed_at timestamptz)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.present_place(cursor, (SELECT feed.feed_id FROM vss.feed));
  IF place.change_xid IS NULL THEN
    state := 'other feed';
    RETURN;
  END IF;
  SELECT 'behind', processed_at INTO state, changed_at
  FROM vss.sessions AS changed
  WHERE (changed.change_xid, changed.session_id) > (place.change_xid, place.session_id)
  ORDER BY changed.change_xid, changed.session_id
  LIMIT 1;
  IF NOT FOUND THEN
    state := 'up to date';
  END IF;
END
$function$;

COMMENT ON FUNCTION vss.commit(text, text, boolean) IS 'Remembers that a consumer has dealt with every change up to a cursor; its first commit makes the consumer. Goes back only with back => true, and then NULL forgets the consumer. Fails with 22023, VF001, VF002, VF003 and VF005, and with VF004 when the consumer is further already.';
COMMENT ON FUNCTION vss.check_feed() IS 'The feed''s id. Fails (VF002, VF003, VF005) when the transaction ids in the rows are not those of this server.';
