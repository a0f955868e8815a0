CREATE TABLE vss.watermark (
  is_only boolean NOT NULL DEFAULT true,
  complete_until timestamptz,
  reason text NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT watermark_pkey PRIMARY KEY (is_only),
  CONSTRAINT watermark_is_only CHECK (is_only)
);

COMMENT ON TABLE vss.watermark IS 'One row: every delivery received before complete_until and acknowledged is in the tables, stored or rejected.';
COMMENT ON COLUMN vss.watermark.is_only IS 'True: there is one row';
COMMENT ON COLUMN vss.watermark.complete_until IS 'Compared with received_at; it never goes back; null until an ingest has told how far it is';
COMMENT ON COLUMN vss.watermark.reason IS 'The cause that holds it back, in words: a queue, a spool, an ingest, Redis';
COMMENT ON COLUMN vss.watermark.updated_at IS 'When a worker looked last: each second while one runs';

INSERT INTO vss.watermark (complete_until, reason, updated_at) VALUES (NULL, 'no worker has looked yet', '-infinity');

CREATE TABLE vss.ingests (
  ingest_id text NOT NULL,
  place text NOT NULL,
  has_spool boolean NOT NULL,
  complete_until timestamptz NOT NULL,
  told_at timestamptz NOT NULL,
  CONSTRAINT ingests_pkey PRIMARY KEY (ingest_id)
);

COMMENT ON TABLE vss.ingests IS 'One row for each ingest that runs, or ended with deliveries in its spool: how far it is. Copied from Redis each second, so that what Redis forgets is remembered.';
COMMENT ON COLUMN vss.ingests.ingest_id IS 'The id of its spool''s folder; without a spool that of its process';
COMMENT ON COLUMN vss.ingests.place IS 'Its host, and its spool''s folder there';
COMMENT ON COLUMN vss.ingests.has_spool IS 'Whether it has a spool, so that deliveries may wait there when it has ended';
COMMENT ON COLUMN vss.ingests.complete_until IS 'All that it received before this is in the queue or in the tables';
COMMENT ON COLUMN vss.ingests.told_at IS 'When it said so, by the clock of Redis';
