//! A gate without the feature `paywall`: everybody gets JSON.

use http::Request;

use crate::{answer::Own, gate::Gate, menu::Quote};

/// Nobody.
pub(crate) enum Visitor {}

impl Visitor {
    pub(crate) const fn of<B>(_: &Gate, _: &Request<B>) -> Option<Self> {
        None
    }
}

pub(crate) const fn shown(_: &Gate, _: &Quote, _: Option<&Visitor>, answer: Own) -> Own {
    answer
}
