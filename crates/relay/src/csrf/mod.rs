//! Against forged requests: double-submit tokens that are signed, and the browser's own word on where a request is from.

mod cookie;
mod expires;
mod guard;
mod options;
mod origin;
mod token;

pub(crate) use guard::Guard;
pub use options::{BadCsrf, Csrf, SameSite};
pub(crate) use origin::Origins;
pub use token::NoRandomness;

/// The header that carries the token.
pub const CSRF_HEADER: &str = "paylera-csrf-token";
/// The cookie that carries it a second time.
pub const CSRF_COOKIE: &str = "paylera_csrf";
