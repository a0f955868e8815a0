CREATE FUNCTION vss.grant_to_roles()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role_name text;
BEGIN
  -- Roles belong to the whole server: only those are meant that have been let into this database's schema.
  FOR role_name IN
    SELECT rolname FROM pg_roles
    WHERE rolname IN ('vss_writer', 'vss_reader') AND has_schema_privilege(oid, 'vss', 'USAGE')
  LOOP
    -- Nothing is granted on the ledger's partitions: who goes by way of vss.deliveries needs nothing there.
    IF role_name = 'vss_writer' THEN
      GRANT SELECT, INSERT, UPDATE ON vss.sessions TO vss_writer;
      GRANT SELECT, INSERT, DELETE ON vss.call_legs TO vss_writer;
      GRANT SELECT, INSERT ON vss.deliveries TO vss_writer;
      GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions(integer) TO vss_writer;
    ELSE
      GRANT SELECT ON vss.sessions, vss.call_legs TO vss_reader;
      -- All but the bodies: whatever anyone posted, and more than a report needs.
      GRANT SELECT (
        delivery_id, received_at, source_ip, body_sha256, session_id, outcome, reasons, processed_at, pipeline_version
      ) ON vss.deliveries TO vss_reader;
      GRANT SELECT (delivery_id, received_at, source_ip, reasons, session_id) ON vss.rejected TO vss_reader;
    END IF;
  END LOOP;
END
$function$;
REVOKE EXECUTE ON FUNCTION vss.grant_to_roles() FROM PUBLIC;
COMMENT ON FUNCTION vss.grant_to_roles() IS 'Gives the roles vss_writer and vss_reader of deploy/postgres/roles.sql what they need, where they have been let into the schema. Called after every migration: one that adds a table replaces this function.';
