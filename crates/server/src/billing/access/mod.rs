//! Tokens and the audit trail.

mod audit;
mod create_token;
mod list_tokens;
mod revoke_token;

pub(super) use audit::audit;
pub(super) use create_token::create_token;
pub(super) use list_tokens::list_tokens;
pub(super) use revoke_token::revoke_token;
