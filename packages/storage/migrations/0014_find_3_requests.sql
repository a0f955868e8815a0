-- Many sessions have none. The order of bytes is the cheapest one, and all that a search for a whole id needs.
CREATE INDEX sessions_client_request_id_idx ON vss.sessions (client_request_id text_pattern_ops)
WHERE client_request_id IS NOT NULL;
