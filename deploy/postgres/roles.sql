-- A role for each kind of work, so that each program can do only what it is for:
--
--   vss_migrator   owns schema vss; for migrations
--   vss_writer     for workers: reads and writes sessions and call legs, only adds to the ledger, changes no table
--   vss_reader     for reports and vss status: reads sessions, call legs, and the ledger without the bodies
--   vss_support    for whoever looks into single deliveries: reads the bodies too
--   vss_operator   for reprocessing and retention: reads all, replaces and deletes sessions, corrects outcomes
--   vss_analyst    for figures, without a person's rows: may do nothing yet
--
-- Run it in the pipeline's database, as a superuser or as a role that may create roles and schemas there and owns
-- what is in schema vss already. Before the first migration or at any time after it, and as often as you like.
-- Nobody can log in with a password until each role is given one. See docs/deploying.md, which also says what exactly
-- each may do.
--
-- The privileges themselves are granted by migrate, each time it is run: those of a release are what its tables need.
-- (Default privileges could not: they would hand out the bodies with every new partition.)

BEGIN;
-- Whoever made objects in other schemas must not decide what the names below mean.
SET LOCAL search_path = pg_catalog, pg_temp;
-- Rather fail, and be run again, than let the workers queue behind a lock that this waits for.
SET LOCAL lock_timeout = '10s';

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY[
    'vss_migrator', 'vss_writer', 'vss_reader', 'vss_support', 'vss_operator', 'vss_analyst'
  ] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', role_name);
    END IF;
  END LOOP;
  -- Without being a superuser, one can hand things only to a role that one is a member of.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    GRANT vss_migrator TO CURRENT_USER;
  END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS vss AUTHORIZATION vss_migrator;

-- What another role made earlier. Indexes, and the sequences of columns, go with their tables.
DO $$
DECLARE
  statement text;
BEGIN
  FOR statement IN
    SELECT 'ALTER SCHEMA vss OWNER TO vss_migrator' FROM pg_namespace
    WHERE nspname = 'vss' AND nspowner <> 'vss_migrator'::regrole
    UNION ALL
    SELECT format('ALTER TABLE %s OWNER TO vss_migrator', oid::regclass) FROM pg_class
    WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> 'vss_migrator'::regrole
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO vss_migrator', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'vss'::regnamespace AND proowner <> 'vss_migrator'::regrole
  LOOP
    EXECUTE statement;
  END LOOP;
END
$$;

-- From here on as the owner: a superuser should not run the functions of a role that is none.
SET LOCAL ROLE vss_migrator;

-- What these were given by other hands goes, the right to bodies for one.
REVOKE ALL ON SCHEMA vss FROM vss_writer, vss_reader, vss_support, vss_operator, vss_analyst;
REVOKE ALL ON ALL TABLES IN SCHEMA vss FROM vss_writer, vss_reader, vss_support, vss_operator, vss_analyst;
REVOKE ALL ON ALL ROUTINES IN SCHEMA vss FROM vss_writer, vss_reader, vss_support, vss_operator, vss_analyst;
GRANT USAGE ON SCHEMA vss TO vss_writer, vss_reader, vss_support, vss_operator, vss_analyst;

-- Before the first migration there is nothing to grant yet: it will.
DO $$
BEGIN
  IF to_regprocedure('vss.grant_to_roles()') IS NOT NULL THEN
    PERFORM vss.grant_to_roles();
  END IF;
END
$$;

COMMIT;
