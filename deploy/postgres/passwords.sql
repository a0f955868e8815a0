-- For psql, after roles.sql: gives vss_migrator the password in
-- MIGRATE_POSTGRES_PASSWORD, vss_writer that in WORKER_POSTGRES_PASSWORD, vss_support
-- that in CONSOLE_POSTGRES_PASSWORD, and vss_operator that in
-- OPERATOR_POSTGRES_PASSWORD. A role whose variable is empty keeps its password.
-- docker-compose.yml runs it at every start.

\getenv migrator_password MIGRATE_POSTGRES_PASSWORD
\getenv writer_password WORKER_POSTGRES_PASSWORD
\getenv support_password CONSOLE_POSTGRES_PASSWORD
\getenv operator_password OPERATOR_POSTGRES_PASSWORD

-- A statement that fails is written to the server's log, and these hold passwords.
SET log_min_error_statement = panic;

SELECT format('ALTER ROLE %I PASSWORD %L', role_name, password)
FROM (VALUES ('vss_migrator', :'migrator_password'), ('vss_writer', :'writer_password'), ('vss_support', :'support_password'), ('vss_operator', :'operator_password'))
  AS given (role_name, password)
WHERE password <> '' \gexec
