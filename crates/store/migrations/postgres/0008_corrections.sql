-- What takes back is below zero, and what is told may be nothing.
ALTER TABLE usage_event DROP CONSTRAINT usage_event_value_check;

-- By how much an event changed what was used, where that is not simply its value.
ALTER TABLE usage_event ADD COLUMN counted BIGINT;
