//! The HTTP edge: routes, extractors, layers, and the one place where a refusal or a fault becomes an answer.

mod extract;
pub(crate) mod layers;
mod problem;
mod router;

pub(crate) use extract::{Body, Name, Raw, Segments, Seller, Window};
pub(crate) use layers::identified;
pub(crate) use problem::{Problem, code};
pub use router::router;
