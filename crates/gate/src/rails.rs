//! Whom to ask about which way to pay.

use std::sync::Arc;

use farebox_x402::{Accept, Facilitator};

/// Facilitators by what is paid with. A test rail takes every payment where nobody else is named.
#[derive(Clone, Default)]
pub(crate) struct Rails {
    pub(crate) credits: Option<Arc<dyn Facilitator>>,
    pub(crate) chain: Option<Arc<dyn Facilitator>>,
}

impl Rails {
    pub(crate) fn for_credits(&self) -> Option<&Arc<dyn Facilitator>> {
        self.credits.as_ref()
    }

    pub(crate) fn for_chain(&self) -> Option<&Arc<dyn Facilitator>> {
        self.chain.as_ref().or_else(|| self.credits.as_ref().filter(|rail| rail.test_only()))
    }

    pub(crate) fn for_accept(&self, accept: &Accept) -> Option<&Arc<dyn Facilitator>> {
        match accept {
            Accept::Credits(_) => self.for_credits(),
            Accept::Chain(_) => self.for_chain(),
            Accept::Other(_) => None,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.credits.is_none() && self.chain.is_none()
    }

    pub(crate) fn are_for_tests(&self) -> bool {
        self.credits.iter().chain(&self.chain).any(|rail| rail.test_only())
    }
}
