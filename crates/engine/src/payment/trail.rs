//! A payment's trail: each entry tied by hash to the one before it, the last one's hash kept with the payment.

use sha2::{Digest, Sha256};

use super::TrailEntry;

/// The hash that ties `entry` to the one whose hash is `previous`.
#[must_use]
pub fn link(previous: &[u8; 32], entry: &TrailEntry) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(entry.tenant.uuid().as_bytes());
    hash.update(entry.payment.uuid().as_bytes());
    hash.update(entry.seq.to_be_bytes());
    hash.update(entry.at.micros().to_be_bytes());
    for text in [&entry.kind, &entry.actor, &entry.before, &entry.after, &entry.detail] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}
