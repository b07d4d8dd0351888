-- What card providers sign their webhooks with, sealed. While one is replaced, the one before it holds until it expires.
CREATE TABLE webhook_secret (
    tenant UUID NOT NULL,
    provider TEXT NOT NULL,
    id UUID NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant, provider, id)
);
