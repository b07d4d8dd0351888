//! Relay and typed client against a billing server of our own, `farebox serve`.

mod journey;
mod page;
mod rotation;
mod routes;
mod secrets;
mod shop;
mod surface;
mod together;

pub(crate) use page::{Page, http};
pub(crate) use shop::Shop;
