//! What a paywall page is about.

use std::fmt;

use farebox_x402::PaymentRequired;

/// One unpaid request, for the page that answers it. Texts are as the route, the request and the facilitator wrote them:
/// a template of your own has to escape every one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PaywallFacts<'a> {
    /// The offer in the answer's header: resource, description, mime type, ways to pay.
    pub offer: &'a PaymentRequired,
    /// The same ways to pay for people, in the seller's order.
    pub ways: &'a [WayToPay],
    /// The request's method.
    pub method: &'a str,
    /// The request's path, as sent.
    pub path: &'a str,
    /// The request's absolute URL under the seller's configured public URL, with its query; never made from `Host`.
    pub page_url: Option<&'a str>,
    /// No real money moves.
    pub testnet: bool,
    /// Why the last payment was refused.
    pub error: Option<&'a str>,
}

impl<'a> PaywallFacts<'a> {
    /// A GET for the offer's resource, nothing tried yet. Set the members that differ.
    #[must_use]
    pub fn new(offer: &'a PaymentRequired, ways: &'a [WayToPay]) -> Self {
        let (path, error) = (offer.resource.url.as_str(), offer.error.as_deref());
        Self { offer, ways, method: "GET", path, page_url: None, testnet: false, error }
    }

    /// What is sold.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.offer.resource.description.as_deref().filter(|text| !text.trim().is_empty())
    }

    /// What the paid answer will be.
    #[must_use]
    pub fn mime_type(&self) -> Option<&'a str> {
        self.offer.resource.mime_type.as_deref().filter(|text| !text.trim().is_empty())
    }
}

/// One way to pay, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayToPay {
    /// `$0.01`, `5 credits`, `250 atomic units`; for [`Means::Token`] with `up_to`, the most it may be.
    pub price: String,
    /// What it is paid with.
    pub means: Means,
}

/// What one way to pay is paid with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Means {
    /// Credits of a plan.
    Credits {
        /// The plan's id.
        plan_id: String,
    },
    /// The test rail: a header pays.
    TestRail,
    /// A token on a chain.
    Token {
        /// `USDC`, or the token's address where it has no known name.
        symbol: String,
        /// `Base Sepolia`, or the CAIP-2 name.
        chain: String,
        /// CAIP-2, `eip155:84532`.
        network: String,
        /// The token's address.
        asset: String,
        /// Who is paid.
        pay_to: String,
        /// What was used is paid, up to the price.
        up_to: bool,
    },
    /// A scheme this gate knows by name only.
    Other {
        /// The scheme's name.
        scheme: String,
        /// Where it pays.
        network: String,
    },
}

impl Means {
    /// What follows the price: `of plan 7`, `in USDC on Base Sepolia`.
    pub(super) fn unit(&self) -> String {
        match self {
            Self::Credits { plan_id } => format!("of plan {plan_id}"),
            Self::TestRail => "on the test rail".to_owned(),
            Self::Token { symbol, chain, .. } => format!("in {symbol} on {chain}"),
            Self::Other { scheme, network } => format!("by {scheme} on {network}"),
        }
    }

    /// True for a price that is a limit.
    pub(super) const fn is_limit(&self) -> bool {
        matches!(self, Self::Token { up_to: true, .. })
    }
}

/// `$0.01 in USDC on Base Sepolia`, `5 credits of plan 7`.
impl fmt::Display for WayToPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_most = if self.means.is_limit() { "up to " } else { "" };
        write!(f, "{at_most}{} {}", self.price, self.means.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_pay_reads_as_people_say_it() {
        let credits = WayToPay { price: "5 credits".to_owned(), means: Means::Credits { plan_id: "7".to_owned() } };
        assert_eq!(credits.to_string(), "5 credits of plan 7");
        let token = WayToPay {
            price: "$0.10".to_owned(),
            means: Means::Token {
                symbol: "USDC".to_owned(),
                chain: "Base Sepolia".to_owned(),
                network: "eip155:84532".to_owned(),
                asset: "0x1".to_owned(),
                pay_to: "0x2".to_owned(),
                up_to: true,
            },
        };
        assert_eq!(token.to_string(), "up to $0.10 in USDC on Base Sepolia");
    }
}
