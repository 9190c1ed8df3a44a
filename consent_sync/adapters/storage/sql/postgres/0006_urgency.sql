-- works with: 2

-- How urgent a lane is: 0 opt-out, 1 opt-in, 2 the rest. What an older program lets wait counts as
-- opt-out, and so does what waited before this.
ALTER TABLE consent_sync.lane ADD COLUMN urgency smallint NOT NULL DEFAULT 0;

CREATE INDEX lane_urgent ON consent_sync.lane (urgency, next_at, place);
DROP INDEX consent_sync.lane_due;
