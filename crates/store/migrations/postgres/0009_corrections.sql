-- What takes back is below zero, and what is told may be nothing.
ALTER TABLE usage_event DROP CONSTRAINT usage_event_value_check;

-- By how much an event changed what was used, where that is not simply its value.
ALTER TABLE usage_event ADD COLUMN counted BIGINT;

-- What the clock has done is forgotten like answers: each step leads from a revision that is no more.
DROP INDEX operation_by_age;
CREATE INDEX operation_by_age ON operation (created_at) WHERE scope IN ('v1', 'clock');
