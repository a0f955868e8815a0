-- In place of sessions_started_at_idx, which a later file drops. The sub-account costs no index of its own.
CREATE INDEX sessions_started_at_sub_account_idx ON vss.sessions (started_at, sub_account_id);

-- Many sessions have none. The order of bytes is the cheapest one, and all that a search for a whole id needs.
CREATE INDEX sessions_client_request_id_idx ON vss.sessions (client_request_id text_pattern_ops)
WHERE client_request_id IS NOT NULL;
