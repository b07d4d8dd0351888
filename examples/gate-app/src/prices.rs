//! Prices that depend on the request.

use farebox::gate::Asked;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wanted {
    #[serde(default = "usual")]
    max_tokens: u64,
}

const fn usual() -> u64 {
    100
}

/// One credit for each 100 tokens, at least one.
pub(crate) fn by_tokens(asked: &Asked) -> Result<u64, serde_json::Error> {
    let Wanted { max_tokens } = asked.json()?;
    Ok((max_tokens / 100).max(1))
}

/// Five credits for those in a hurry.
pub(crate) fn by_priority(asked: &Asked) -> u32 {
    if asked.header("priority") == Some("high") { 5 } else { 1 }
}

/// No price at all.
pub(crate) fn broken(_: &Asked) -> Result<u32, &'static str> {
    Err("the price table is missing")
}
