//! What an offer on an EVM chain asks to be signed.

use farebox_evm::{
    contracts::{EXACT_PROXY, UPTO_PROXY},
    primitives::{Address, U256},
    typed::Domain,
};
use farebox_x402::{EXACT, Requirements, UPTO, assets, networks};

use crate::budget::Denied;

/// An offer that this payer can sign.
pub(crate) struct Terms {
    pub(super) chain: u64,
    pub(super) asset: Address,
    pub(super) pay_to: Address,
    pub(super) amount: U256,
    pub(super) way: Way,
    /// The token's own domain, where it is known.
    pub(super) domain: Option<Domain>,
}

/// How the token is moved.
pub(super) enum Way {
    Transfer(Domain),
    Permit2 { spender: Address, facilitator: Option<Address> },
}

impl Terms {
    /// Reads an offer.
    pub(crate) fn read(offer: &Requirements) -> Result<Self, Denied> {
        let address = |text: &str, what| text.parse::<farebox_types::Address>().map_err(|_| Denied::Malformed(what));
        let here = |address: farebox_types::Address| Address::from(*address.bytes());
        let chain =
            networks::evm_chain_id(&offer.network).ok_or(Denied::Malformed("the network is not an EVM chain"))?;
        let asset = here(address(&offer.asset, "the token's address is malformed")?);
        let pay_to = here(address(&offer.pay_to, "the payee's address is malformed")?);
        if offer.amount.is_zero() || offer.max_timeout_seconds == 0 {
            return Err(Denied::Malformed("the amount or the time to pay is nothing"));
        }
        let domain = domain(offer, chain, asset);
        let way = match (offer.scheme.as_str(), offer.extra_text("assetTransferMethod")) {
            (EXACT, None | Some("eip3009")) => {
                Way::Transfer(domain.ok_or(Denied::Malformed("the token's EIP-712 name and version are missing"))?)
            }
            (EXACT, Some("permit2")) => Way::Permit2 { spender: EXACT_PROXY, facilitator: None },
            (UPTO, None | Some("permit2")) => {
                let facilitator = offer.extra_text("facilitatorAddress").unwrap_or_default();
                let facilitator = address(facilitator, "the facilitator's address is missing or malformed")?;
                Way::Permit2 { spender: UPTO_PROXY, facilitator: Some(here(facilitator)) }
            }
            (EXACT | UPTO, _) => return Err(Denied::Malformed("the token is moved in a way that is not known")),
            (scheme, _) => return Err(Denied::Scheme(scheme.to_owned())),
        };
        Ok(Self { chain, asset, pay_to, amount: offer.amount.units(), way, domain })
    }
}

/// As the offer says, else as the token is known. A wrong name makes a signature that no token takes, and harms nobody.
fn domain(offer: &Requirements, chain: u64, asset: Address) -> Option<Domain> {
    let (name, version) = match (offer.extra_text("name"), offer.extra_text("version")) {
        (Some(name), Some(version)) => (name, version),
        _ => {
            let known = assets::find(&offer.network, &offer.asset)?;
            (known.name, known.version)
        }
    };
    Some(Domain::token(name, version, chain, asset))
}
