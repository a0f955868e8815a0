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
