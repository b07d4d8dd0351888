-- pays_for: the one thing of our own that a payment on a chain pays for, in the commit of its intent; a payment with another
-- word here, or none, does not pay for it. given_at: when that was given.
ALTER TABLE settlement ADD COLUMN pays_for TEXT;
ALTER TABLE settlement ADD COLUMN given_at BIGINT;

CREATE INDEX settlement_owed ON settlement (tenant, key)
    WHERE state = 'settled' AND pays_for IS NOT NULL AND given_at IS NULL;
