-- A role for each kind of work, so that each program can do only what it is for:
--
--   vss_migrator   owns schema vss; for migrations
--   vss_writer     for workers: reads and writes sessions and call legs, only adds to the ledger, changes no table
--   vss_reader     for reports and vss status: reads sessions, call legs, and the ledger without the bodies
--   vss_support    for whoever looks into single deliveries: reads the bodies too
--   vss_operator   for reprocessing and retention: reads all, replaces and deletes sessions, corrects outcomes
--   vss_analyst    for figures and counts, and sessions without phone numbers
--
-- Run it in the pipeline's database, before the first migration or at any time after
-- it, as often as you like. A superuser may run it, and so may a role that may create
-- roles and schemas there and owns everything in schema vss.
-- Nobody can log in with a password until each role is given one. See
-- docs/deploying.md, which also says exactly what each may do.
--
-- migrate grants the privileges, each time it is run: those of a release are what its
-- tables need. (Default privileges could not: they would hand out the bodies with
-- every new partition.)

BEGIN;
-- Objects in other schemas must not decide what the names below mean.
SET LOCAL search_path = pg_catalog, pg_temp;
-- Workers would queue behind a lock that this waits for: it rather fails, to be run again.
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
  -- Only a superuser can hand things to a role that it is no member of.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    GRANT vss_migrator TO CURRENT_USER;
  END IF;
END
$$;

-- vss.feed_status then says since when a transaction of another role holds the change feed back.
DO $$
BEGIN
  GRANT pg_read_all_stats TO vss_migrator;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'vss_migrator is not in pg_read_all_stats, which % may not grant: vss.feed_status will not say since when', current_user;
END
$$;

CREATE SCHEMA IF NOT EXISTS vss AUTHORIZATION vss_migrator;

-- Takes over objects that another role made. Indexes and sequences go with their tables.
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

-- From here on it runs as the owner: a superuser should not run functions of another role.
SET LOCAL ROLE vss_migrator;

-- Grants that other hands gave these go, such as the right to bodies.
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
