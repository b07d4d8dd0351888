//! Everything that is signed: API keys, management tokens, access tokens, and the keyring they are signed with.

mod access_token;
mod api_key;
mod api_token;
mod endpoint_secret;
mod identify;
mod keyring;
mod scopes;
mod seal;
mod webhook_secret;

pub(crate) use access_token::{Permission, nonce};
pub use api_key::{issue_api_key, new_api_key, revoke_api_key};
pub use api_token::{TokenTerms, check_api_token, claimed_api_token, issue_api_token, new_api_token, revoke_api_token};
pub(crate) use endpoint_secret::{endpoint_secrets, seal_endpoint_secret};
pub(crate) use identify::Caller;
pub use keyring::Keyring;
pub use scopes::{BadScope, Scope, Scopes};
pub use seal::Unsealable;
pub use webhook_secret::{NewSecret, inbound_secrets, new_inbound_secret, replace_inbound_secret};
