//! What a checkout is called outside.

use farebox_types::{Id, Merchant, Mode};
use uuid::Uuid;

const TEST: &str = "cs_test_";
const LIVE: &str = "cs_live_";

/// It says whose the checkout is; its id cannot be guessed from another's.
pub(in crate::billing) fn name(mode: Mode, tenant: Id<Merchant>, id: Uuid) -> String {
    let prefix = if mode == Mode::Live { LIVE } else { TEST };
    format!("{prefix}{}{}", tenant.uuid().simple(), id.simple())
}

/// Whose, and which.
pub(super) fn named(name: &str) -> Option<(Id<Merchant>, Uuid)> {
    let hex = name.strip_prefix(TEST).or_else(|| name.strip_prefix(LIVE))?;
    let (tenant, id) = (hex.len() == 64 && hex.is_ascii()).then(|| hex.split_at(32))?;
    Some((Id::from_uuid(Uuid::try_parse(tenant).ok()?), Uuid::try_parse(id).ok()?))
}
