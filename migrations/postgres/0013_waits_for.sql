-- The run before whose end a run is not begun, of runs that another precedes. Until then their `lease_until` is the last
-- instant of the year 9999, so that nobody takes them up; the transaction that ends the other puts it to 0.
ALTER TABLE run ADD COLUMN waits_for UUID;
CREATE INDEX run_waiting ON run (tenant, waits_for) WHERE waits_for IS NOT NULL;
GRANT SELECT (waits_for) ON run TO muster_system;
