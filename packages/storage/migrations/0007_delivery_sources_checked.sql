-- It reads the ledger, and lets others read and write it meanwhile.
ALTER TABLE vss.deliveries VALIDATE CONSTRAINT deliveries_source_known;
