-- By itself, because a transaction that locks two tables can meet another that locks them the other way round.
--
-- Bodies that are in the ledger stay there: to copy them would take hours and twice their space, and to drop the column
-- would leave their bytes in the files. They go with their rows, or when retention lets go of their day.
ALTER TABLE vss.deliveries DROP CONSTRAINT deliveries_body_with_sha256;

COMMENT ON COLUMN vss.deliveries.body IS 'The request body, where a release wrote it that did not have vss.bodies; else null. vss.rejected finds it in either place';
COMMENT ON COLUMN vss.deliveries.body_sha256 IS 'SHA-256 of the body; null only when the batch it travelled in could not be decoded';
