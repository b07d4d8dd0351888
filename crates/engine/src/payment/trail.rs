//! A payment's trail: each entry tied by hash to the one before it, the last one's hash kept with the payment.

use sha2::{Digest, Sha256};

use super::{Payment, TrailEntry};

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

/// What the first entry says of a payment: its amount, and a hash over what was agreed, so that a changed row is found.
#[must_use]
pub fn terms(row: &Payment) -> String {
    let mut hash = Sha256::new();
    hash.update(row.money.minor.to_be_bytes());
    for text in [row.money.currency.code(), &row.customer_id, &row.provider, &row.details.method] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update([u8::from(row.details.manual_capture)]);
    let terms = hash.finalize().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
    format!("{{\"amount_minor\":{},\"currency\":\"{}\",\"terms\":\"{terms}\"}}", row.money.minor, row.money.currency)
}
