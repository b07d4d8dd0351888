//! What sellers tell about the requests they serve, and requests that only pretend.

mod simulate;
mod track;

pub(crate) use simulate::{finish, start};
pub(crate) use track::track;
