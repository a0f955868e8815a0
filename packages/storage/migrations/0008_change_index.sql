-- Writers wait while it is built: 0.6 to 1.2 s for a million sessions. CONCURRENTLY cannot be in a transaction, would wait
-- for every open transaction of the database, and leaves an invalid index behind when it fails.
CREATE INDEX sessions_change_idx ON vss.sessions (change_xid, session_id);
