//! Names of spans, metrics and fields, the same in every crate, and what to do to an identifier before it is logged.
//!
//! No SDK and no dependencies: the names are the contract, whoever subscribes decides what becomes of them.
//! `docs/reference/telemetry.md` is written from them by [`reference()`].

pub mod field;
pub mod http;
mod names;
pub mod outcome;
pub mod paylera;
mod redact;
mod reference;
pub mod server;
pub mod span;

pub use redact::{Redacted, redact};
pub use reference::reference;
