-- Retention finds old sessions by it. It takes some kilobytes, and is built in the time that one reading takes.
CREATE INDEX sessions_received_at_idx ON vss.sessions USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
