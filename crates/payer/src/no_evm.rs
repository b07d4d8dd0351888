//! Without feature `evm` there is nobody who signs.

use farebox_types::Timestamp;
use farebox_x402::{PaymentPayload, Requirements};

use crate::{PayError, budget::Denied, challenge::Challenge, wire::Wire};

#[derive(Clone)]
pub(crate) enum Signer {}

pub(crate) enum Terms {}

pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) payment: PaymentPayload,
    pub(crate) payer: String,
    pub(crate) valid_until: Timestamp,
}

impl Terms {
    pub(crate) const fn read(_: &Requirements) -> Result<Self, Denied> {
        Err(Denied::NoMeans("wallet (feature `evm`)"))
    }
}

impl Signer {
    #[expect(clippy::unused_async, reason = "as with the feature")]
    pub(crate) async fn sign(
        &self,
        _: &Wire,
        _: &Challenge,
        _: &Requirements,
        _: &Terms,
        _: Timestamp,
    ) -> Result<Signed, PayError> {
        match *self {}
    }
}
