COMMENT ON COLUMN vss.deliveries.history IS 'Earlier verdicts, the first one first, where it was judged again: [{outcome, reasons, pipeline_version, processed_at}]; null when it was judged once';
