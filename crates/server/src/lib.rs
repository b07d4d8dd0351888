//! Farebox's HTTP services: the credits backend.
//!
//! [`router`] serves a [`Backend`] over HTTP; the same `Backend` is a [`farebox_x402::Facilitator`] in process.
//! [`worker::run`] does what time asks for. One [`Keyring`], derived from one secret, signs keys and tokens.

mod backend;
pub mod billing;
mod collect;
mod credits;
mod delivery;
pub mod facilitator;
mod health;
mod http;
mod keys;
pub mod payments;
mod refusal;
mod webhooks;
pub mod worker;

pub use self::{
    backend::Backend,
    delivery::WebhookTargets,
    http::router,
    keys::{
        BadScope, Keyring, NewSecret, Scope, Scopes, TokenTerms, Unsealable, check_api_token, claimed_api_token,
        inbound_secrets, issue_api_key, issue_api_token, new_api_key, new_api_token, new_inbound_secret,
        replace_inbound_secret, revoke_api_key, revoke_api_token,
    },
};
