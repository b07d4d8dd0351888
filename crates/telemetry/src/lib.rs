//! Names of spans and fields, the same in every crate, and what to do to an identifier before it is logged.
//!
//! No SDK and no dependencies: the names are the contract, whoever subscribes decides what becomes of them.

pub mod field;
pub mod outcome;
pub mod paylera;
mod redact;
pub mod server;
pub mod span;

pub use redact::{Redacted, redact};
