-- In place of sessions_started_at_idx, which a later file drops. The sub-account costs no index of its own.
CREATE INDEX sessions_started_at_sub_account_idx ON vss.sessions (started_at, sub_account_id);
