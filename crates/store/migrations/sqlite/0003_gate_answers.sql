-- What a gate keeps of payments that can pay once. state 'running': a handler runs for it until lease_until at most; 'open':
-- its answer is here, nobody knows yet whether it is paid; 'closed': it is. The answer is sealed by the gate.
CREATE TABLE gate_answer (
    tenant BLOB NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    run INTEGER NOT NULL,
    proof BLOB NOT NULL,
    request BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'open', 'closed')),
    lease_until INTEGER NOT NULL,
    replay INTEGER NOT NULL,
    remember INTEGER NOT NULL,
    replay_until INTEGER NOT NULL,
    forget_at INTEGER NOT NULL,
    request_id TEXT,
    amount TEXT,
    answer BLOB,
    receipt TEXT,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX gate_answer_by_charge ON gate_answer (tenant, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX gate_answer_forget ON gate_answer (tenant, forget_at);
