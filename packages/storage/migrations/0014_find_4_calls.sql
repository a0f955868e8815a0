CREATE INDEX call_legs_call_id_idx ON vss.call_legs (call_id);
