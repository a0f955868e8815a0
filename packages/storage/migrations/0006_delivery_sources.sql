-- By itself, because a transaction that locks two tables can meet another that locks them the other way round.
ALTER TABLE vss.deliveries
  ADD COLUMN source text NOT NULL DEFAULT 'webhook',
  ADD COLUMN history jsonb,
  -- Not valid for now: to read every row would make writers wait. The next migration does so beside them.
  ADD CONSTRAINT deliveries_source_known CHECK (source IN ('webhook', 'import')) NOT VALID;

COMMENT ON COLUMN vss.deliveries.outcome IS 'stored: it made or changed the session. duplicate: the session had this content already. superseded: a newer delivery of the session decides. rejected: see reasons';
COMMENT ON COLUMN vss.deliveries.source IS 'webhook: 8x8 posted it. import: somebody brought it in from elsewhere';
COMMENT ON COLUMN vss.deliveries.history IS 'Earlier outcomes, where it was processed again; null, because no release writes it yet';
