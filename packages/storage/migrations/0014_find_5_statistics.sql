-- Without statistics of an index's expression the planner takes every number for a frequent one. Autovacuum would make
-- them only after a tenth of the legs have changed. Others may read and write meanwhile.
ANALYZE vss.call_legs;

-- By itself at the end, because readers wait too. sessions_started_at_sub_account_idx answers the same queries.
DROP INDEX vss.sessions_started_at_idx;
