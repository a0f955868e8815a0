-- It is run by whoever reads vss.rejected: what names mean in it must not be for other roles to say. A function
-- convert_from(bytea, text) in a schema on the reader's search path would be a better match than Postgres' own.
CREATE OR REPLACE FUNCTION vss.utf8_text(bytes bytea)
RETURNS text
LANGUAGE plpgsql
STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION vss.grant_to_roles()
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
      -- Earlier releases let it read all columns.
      REVOKE SELECT ON vss.deliveries FROM vss_writer;
      GRANT INSERT ON vss.deliveries TO vss_writer;
      -- The key, for ON CONFLICT: it adds to the ledger, and has no use for what is in there.
      GRANT SELECT (received_at, delivery_id) ON vss.deliveries TO vss_writer;
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
