-- The default is stable, not volatile: rows from before get the id of this transaction without being rewritten, and are
-- one change. A row that is not named otherwise gets the id of its own.
ALTER TABLE vss.sessions
  ADD COLUMN change_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  ADD COLUMN anomaly_details jsonb;

COMMENT ON COLUMN vss.sessions.change_xid IS 'The transaction that wrote this content, as of pg_current_xact_id(): it changes with revision';
COMMENT ON COLUMN vss.sessions.anomaly_details IS 'Where each anomaly was found; null, because no release writes it yet';

-- A worker of the release before may go on writing during an upgrade. It counts revisions, but knows no change_xid.
CREATE FUNCTION vss.mark_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  NEW.change_xid := pg_current_xact_id();
  RETURN NEW;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.mark_change() FROM PUBLIC;
COMMENT ON FUNCTION vss.mark_change() IS 'Gives a session whose revision changed the change_xid that its writer did not give it.';

CREATE TRIGGER sessions_mark_change BEFORE UPDATE ON vss.sessions
FOR EACH ROW
WHEN (NEW.revision <> OLD.revision AND NEW.change_xid = OLD.change_xid)
EXECUTE FUNCTION vss.mark_change();

COMMENT ON COLUMN vss.sessions.started_at IS 'payload.startTime; where that cannot be read, the legs'' first time, else endTime';
COMMENT ON COLUMN vss.sessions.ended_at IS 'payload.endTime; where that cannot be read, the legs'' last time, else startTime';
COMMENT ON COLUMN vss.sessions.callee IS 'The destination of the callee''s leg where that is OUTBOUND, else that of any OUTBOUND leg; as sent';
COMMENT ON COLUMN vss.sessions.answered IS 'Computed: whether the callee''s leg was connected at a time that can be true. That leg is the second or the only one; with more than two it is one of the OUTBOUND legs after the first: the one connected for longest, else the first of them';
COMMENT ON COLUMN vss.sessions.talk_seconds IS 'Computed, seconds: while the first leg and at least one other were connected, or the only leg was; 0 when that never was; null when the end of a connected leg is unknown';
COMMENT ON COLUMN vss.sessions.revision IS '1 when first stored, one more whenever a newer delivery with other content replaced the row';
COMMENT ON COLUMN vss.sessions.body_sha256 IS 'SHA-256 of the body of that delivery';
