//! Ids that are computed, not looked up.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The first 16 bytes of SHA-256 over length-prefixed parts, as a version 8 UUID.
pub(super) fn derive(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
