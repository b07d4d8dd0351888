-- What a gate keeps of payments that can pay once. state 'running': a handler runs for it until lease_until at most; 'open':
-- its answer is here, nobody knows yet whether it is paid; 'closed': it is. The answer is sealed by the gate.
CREATE TABLE gate_answer (
    tenant UUID NOT NULL,
    key BYTEA NOT NULL CHECK (length(key) = 32),
    run BIGINT NOT NULL,
    proof BYTEA NOT NULL,
    request BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'open', 'closed')),
    lease_until BIGINT NOT NULL,
    replay BIGINT NOT NULL,
    remember BIGINT NOT NULL,
    replay_until BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    request_id TEXT,
    amount TEXT,
    answer BYTEA,
    receipt TEXT,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX gate_answer_by_charge ON gate_answer (tenant, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX gate_answer_forget ON gate_answer (tenant, forget_at);
