-- The writer (door and processors) adds to the ledger and can never change or remove a row of it.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO groenmeter_writer;
GRANT INSERT ON source, identity, batch_log, measurement, free_text, reject, receipt_part, source_offset, leaf,
    rollup_day, rollup_hour TO groenmeter_writer;
GRANT UPDATE (revision, fingerprint) ON identity TO groenmeter_writer;
GRANT UPDATE (next) ON source_offset TO groenmeter_writer;
GRANT UPDATE (quantity, readings) ON rollup_day, rollup_hour TO groenmeter_writer;
GRANT USAGE ON SEQUENCE batch_id TO groenmeter_writer;

-- The reader (dashboards) sees amounts, never secrets, free text or raw payloads.
GRANT SELECT ON configuration, calendar_day, emission_factor, source, identity, batch_log, measurement, leaf,
    rollup_day, rollup_hour, measured_amount, effective_factor, source_offset TO groenmeter_reader;
GRANT SELECT (reject_no, batch_id, topic, kind, team, received_at, replayed_at) ON reject TO groenmeter_reader;
