//! One cold write by a caller, under a name.

use farebox_store::{Change, OperationKey, Record, Recorded};
use farebox_types::IdempotencyKey;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    backend::Backend,
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

/// What to write, and how it is answered, now and when it is repeated.
pub(crate) struct Write<'a> {
    /// A fixed word.
    pub(crate) verb: &'static str,
    /// The caller's name for it, from [`name_of`].
    pub(crate) name: String,
    /// The request: another one under the same name is a conflict.
    pub(crate) request: &'a [u8],
    pub(crate) changes: Vec<Change>,
    pub(crate) answer: Value,
}

/// The caller's own key, else a name nobody else has.
pub(crate) fn name_of(key: Option<&IdempotencyKey>) -> String {
    key.map_or_else(|| format!("once:{}", Uuid::now_v7()), |key| format!("key:{key}"))
}

impl Backend {
    /// Writes, or finds that it was written before, and answers as it did then.
    pub(crate) async fn write(&self, caller: &Caller, write: Write<'_>) -> Result<Value, Failure> {
        let record = Record {
            tenant: caller.tenant,
            operation: OperationKey { scope: format!("{}/{}", write.verb, caller.account), key: write.name },
            request_hash: Sha256::digest(write.request).into(),
            changes: write.changes,
            answer: write.answer.to_string(),
            actor: caller.actor.clone(),
            at: self.now(),
        };
        match self.store().record(record).await? {
            Recorded::Fresh => Ok(write.answer),
            Recorded::Replayed(answer) => {
                Ok(serde_json::from_str(&answer).map_err(|_| impossible("a recorded answer cannot be read"))?)
            }
            Recorded::Conflict => Err(Refusal::KeyReused.into()),
            Recorded::Taken => Err(impossible("a cold write met a unique name").into()),
        }
    }
}
