-- The server whose transaction ids the rows have. A cursor means nothing elsewhere.
CREATE TABLE vss.feed (
  is_only boolean NOT NULL DEFAULT true,
  feed_id uuid NOT NULL,
  system_identifier bigint NOT NULL,
  timeline integer NOT NULL,
  CONSTRAINT feed_pkey PRIMARY KEY (is_only),
  CONSTRAINT feed_is_only CHECK (is_only)
);

COMMENT ON TABLE vss.feed IS 'One row: the change feed, and the server whose transaction ids it goes by.';
COMMENT ON COLUMN vss.feed.is_only IS 'True: there is one row';
COMMENT ON COLUMN vss.feed.feed_id IS 'Stands in each cursor; another one after vss.feed_restart()';
COMMENT ON COLUMN vss.feed.system_identifier IS 'The server''s, as of pg_control_system(): pg_upgrade and a restore elsewhere change it';
COMMENT ON COLUMN vss.feed.timeline IS 'The server''s timeline: a failover and a recovery to a point in time change it';

CREATE TABLE vss.consumers (
  name text NOT NULL,
  cursor text NOT NULL,
  committed_at timestamptz NOT NULL,
  CONSTRAINT consumers_pkey PRIMARY KEY (name)
);

COMMENT ON TABLE vss.consumers IS 'One row a consumer of vss.changes: how far it has come. Written by vss.commit().';
COMMENT ON COLUMN vss.consumers.name IS 'Chosen by the consumer';
COMMENT ON COLUMN vss.consumers.cursor IS 'The last change that it has dealt with';
COMMENT ON COLUMN vss.consumers.committed_at IS 'When it said so';

CREATE FUNCTION vss.server_identity(OUT system_identifier bigint, OUT timeline integer)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT
    (SELECT system_identifier FROM pg_control_system()),
    -- The control file has a new timeline only after the next checkpoint. A standby has no other source.
    CASE
      WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END
$function$;
REVOKE EXECUTE ON FUNCTION vss.server_identity() FROM PUBLIC;
COMMENT ON FUNCTION vss.server_identity() IS 'The server''s system identifier and its present timeline.';

INSERT INTO vss.feed (feed_id, system_identifier, timeline)
SELECT gen_random_uuid(), system_identifier, timeline FROM vss.server_identity();

CREATE FUNCTION vss.check_transaction_ids()
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  newest xid8 := (SELECT change_xid FROM vss.sessions ORDER BY change_xid DESC, session_id DESC LIMIT 1);
BEGIN
  -- The caller's own transaction may have changed a session.
  IF newest >= pg_snapshot_xmax(pg_current_snapshot()) AND newest IS DISTINCT FROM pg_current_xact_id_if_assigned() THEN
    RAISE EXCEPTION 'the transaction ids of vss.sessions are ahead of this server''s, because the rows were restored from another: the owner of schema vss must run "vss feed restart", which is SELECT vss.feed_restart()'
      USING ERRCODE = 'VF003';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_transaction_ids() FROM PUBLIC;
COMMENT ON FUNCTION vss.check_transaction_ids() IS 'Fails (VF003) when a row has a transaction id that this server has not reached yet: the feed would never show it.';

CREATE FUNCTION vss.check_feed()
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
  IF (feed.system_identifier, feed.timeline) IS DISTINCT FROM (server.system_identifier, server.timeline) THEN
    RAISE EXCEPTION 'the change feed was begun on another server or timeline (%/%, and this is %/%): the owner of schema vss must run "vss feed continue" (SELECT vss.feed_continue()) after pg_upgrade or a failover that lost nothing, else "vss feed restart" (SELECT vss.feed_restart())',
      coalesce(feed.system_identifier::text, 'none'), coalesce(feed.timeline::text, 'none'), server.system_identifier, server.timeline
      USING ERRCODE = 'VF002';
  END IF;
  PERFORM vss.check_transaction_ids();
  RETURN feed.feed_id;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.check_feed() FROM PUBLIC;
COMMENT ON FUNCTION vss.check_feed() IS 'The feed''s id. Fails (VF002, VF003) when the transaction ids in the rows are not those of this server.';

CREATE FUNCTION vss.read_cursor(cursor text, OUT feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  parts text[] := regexp_match(cursor, '^1\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{20})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
BEGIN
  IF parts IS NULL OR parts[2]::numeric > 18446744073709551615 THEN
    RAISE EXCEPTION '"%" is no cursor of vss.changes: give one as it was returned, or NULL to read from the beginning', left(cursor, 120)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  feed_id := parts[1];
  -- Postgres 15 takes a leading zero for octal.
  change_xid := parts[2]::numeric::text;
  session_id := parts[3];
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.read_cursor(text) FROM PUBLIC;
COMMENT ON FUNCTION vss.read_cursor(text) IS 'The parts of a cursor. Fails (22023) when it is none.';

CREATE FUNCTION vss.check_cursor(cursor text, feed_id uuid, OUT change_xid xid8, OUT session_id uuid)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.read_cursor(cursor);
  IF place.feed_id <> feed_id THEN
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
REVOKE EXECUTE ON FUNCTION vss.check_cursor(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION vss.check_cursor(text, uuid) IS 'The place of a cursor in that feed. Fails (22023, VF001, VF003) when it has none there.';

-- STABLE, so that it and the statement that joins the rows see one snapshot. A VOLATILE function takes a later one: it
-- would show changes that the join does not see, and the reader would pass them.
CREATE FUNCTION vss.changes(after text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS TABLE (cursor text, kind text, session_id uuid, revision integer, changed_at timestamptz)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
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
    concat('1.', feed_id, '.', lpad(changed.change_xid::text, 20, '0'), '.', changed.session_id),
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
REVOKE EXECUTE ON FUNCTION vss.changes(text, integer) FROM PUBLIC;
COMMENT ON FUNCTION vss.changes(text, integer) IS 'The changes after a cursor (NULL: from the beginning), oldest first: the session that changed, with its present revision. kind is session. Join vss.sessions and vss.call_legs in the same statement. The order of the cursors, as texts, is the order of the changes.';

CREATE FUNCTION vss.commit(consumer text, cursor text, back boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
-- A reader may write nothing itself.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feed_id uuid := vss.check_feed();
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
  PERFORM vss.check_cursor(cursor, feed_id);
  INSERT INTO vss.consumers AS known (name, cursor, committed_at) VALUES (consumer, commit.cursor, now())
  ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, committed_at = excluded.committed_at
  WHERE back
    OR (vss.read_cursor(known.cursor)).feed_id <> feed_id
    OR known.cursor COLLATE "C" <= excluded.cursor COLLATE "C";
  IF NOT FOUND THEN
    RAISE EXCEPTION 'consumer "%" is further than cursor "%" already, so perhaps two processes use this name: to go back on purpose, give back => true', consumer, cursor
      USING ERRCODE = 'VF004';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.commit(text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION vss.commit(text, text, boolean) IS 'Remembers that a consumer has dealt with every change up to a cursor; its first commit makes the consumer. Goes back only with back => true, and then NULL forgets the consumer. Fails with 22023, VF001, VF002, VF003, and with VF004 when the consumer is further already.';

CREATE FUNCTION vss.feed_continue()
RETURNS uuid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  continued uuid;
BEGIN
  PERFORM vss.check_transaction_ids();
  PERFORM vss.check_cursor(consumers.cursor, feed.feed_id)
  FROM vss.consumers, vss.feed WHERE (vss.read_cursor(consumers.cursor)).feed_id = feed.feed_id;
  UPDATE vss.feed SET (system_identifier, timeline) = (SELECT system_identifier, timeline FROM vss.server_identity())
  RETURNING feed_id INTO continued;
  IF continued IS NULL THEN
    RAISE EXCEPTION 'there is no feed to continue: run "vss feed restart", which is SELECT vss.feed_restart()' USING ERRCODE = 'VF002';
  END IF;
  RETURN continued;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_continue() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_continue() IS 'Lets cursors go on after pg_upgrade, which keeps transaction ids. Returns the feed''s id. Fails (VF003) when a row or a consumer is ahead of this server.';

CREATE FUNCTION vss.feed_restart()
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
  SET feed_id = excluded.feed_id, system_identifier = excluded.system_identifier, timeline = excluded.timeline;
  RETURN begun;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_restart() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_restart() IS 'Begins a new feed, after a restore from a backup or a failover that lost transactions: every session comes once more, and earlier cursors are refused. Returns the new feed''s id. Nobody can use vss.sessions meanwhile: about a second for a million.';

CREATE FUNCTION vss.feed_holder(
  OUT barrier xid8, OUT holder text, OUT pid integer, OUT prepared_name text, OUT database_name text,
  OUT application_name text, OUT since timestamptz
)
LANGUAGE plpgsql
-- Only pg_read_all_stats sees since when another's transaction is open: the owner has it where roles.sql may grant it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  barrier := pg_snapshot_xmin(pg_current_snapshot());
  IF pg_is_in_recovery() THEN
    holder := 'unknown';
    RETURN;
  END IF;
  SELECT 'prepared transaction', gid, database, prepared
  INTO holder, prepared_name, database_name, since
  FROM pg_prepared_xacts WHERE transaction = barrier::xid;
  IF FOUND THEN
    RETURN;
  END IF;
  -- A transaction that writes has a lock on its own id, and everybody sees locks.
  SELECT 'connection', pg_locks.pid, datname, pg_stat_activity.application_name, xact_start
  INTO holder, feed_holder.pid, database_name, feed_holder.application_name, since
  FROM pg_locks LEFT JOIN pg_stat_activity ON pg_stat_activity.pid = pg_locks.pid
  WHERE locktype = 'transactionid' AND transactionid = barrier::xid AND mode = 'ExclusiveLock' AND granted;
  IF NOT FOUND THEN
    holder := 'nobody';
  END IF;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.feed_holder() FROM PUBLIC;
COMMENT ON FUNCTION vss.feed_holder() IS 'The oldest transaction of the whole server that has written and not ended: vss.changes shows nothing newer.';

CREATE VIEW vss.feed_status AS
SELECT barrier, holder, clock_timestamp() - since AS age, since, pid, prepared_name, database_name, application_name
FROM vss.feed_holder();

COMMENT ON VIEW vss.feed_status IS 'One row: the transaction that vss.changes waits for. Any transaction of the server that has written counts, in any database.';
COMMENT ON COLUMN vss.feed_status.barrier IS 'vss.changes shows changes of transactions before this id';
COMMENT ON COLUMN vss.feed_status.holder IS 'connection, prepared transaction, or nobody; unknown on a standby, which waits for its primary';
COMMENT ON COLUMN vss.feed_status.age IS 'How long it has been open; null for nobody, and where the owner of schema vss is not in pg_read_all_stats';
COMMENT ON COLUMN vss.feed_status.since IS 'When the transaction began, or was prepared; null as age is';
COMMENT ON COLUMN vss.feed_status.pid IS 'The connection''s process id, for pg_terminate_backend()';
COMMENT ON COLUMN vss.feed_status.prepared_name IS 'The prepared transaction''s name, for COMMIT PREPARED or ROLLBACK PREPARED';
COMMENT ON COLUMN vss.feed_status.database_name IS 'The database it writes to';
COMMENT ON COLUMN vss.feed_status.application_name IS 'The connection''s application_name';

CREATE FUNCTION vss.oldest_unread(cursor text, OUT state text, OUT changed_at timestamptz)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM vss.read_cursor(cursor);
  IF place.feed_id IS DISTINCT FROM (SELECT feed.feed_id FROM vss.feed) THEN
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
REVOKE EXECUTE ON FUNCTION vss.oldest_unread(text) FROM PUBLIC;
COMMENT ON FUNCTION vss.oldest_unread(text) IS 'When the first change after a cursor was made, also one that vss.changes does not show yet.';

CREATE VIEW vss.consumer_lag AS
SELECT name, cursor, committed_at, state, changed_at AS oldest_unread_at,
  CASE state WHEN 'behind' THEN clock_timestamp() - changed_at WHEN 'up to date' THEN interval '0' END AS lag
FROM vss.consumers CROSS JOIN LATERAL vss.oldest_unread(cursor);

COMMENT ON VIEW vss.consumer_lag IS 'One row a consumer: how far it is behind. Changes are not counted, because a count would read them all.';
COMMENT ON COLUMN vss.consumer_lag.name IS 'Chosen by the consumer';
COMMENT ON COLUMN vss.consumer_lag.cursor IS 'The last change that it has dealt with';
COMMENT ON COLUMN vss.consumer_lag.committed_at IS 'When it said so';
COMMENT ON COLUMN vss.consumer_lag.state IS 'up to date, behind, or other feed: its cursor is from before a restart, and it must read from the beginning';
COMMENT ON COLUMN vss.consumer_lag.oldest_unread_at IS 'When the first change was made that it has not dealt with; null without one, and for another feed';
COMMENT ON COLUMN vss.consumer_lag.lag IS 'The age of that change; 0 without one, null for another feed';
