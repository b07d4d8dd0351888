//! Whether a receipt is about the payment that was made.

use farebox_types::AtomicAmount;
use farebox_x402::{Receipt, assets::same_address, networks};

use crate::{Authorization, fare::Fare};

/// Why a receipt is not believed.
pub(crate) type Doubt = &'static str;

/// A receipt, unless it is about somebody else's payment.
pub(crate) fn believed(receipt: Receipt, authorization: &Authorization) -> Result<Receipt, Doubt> {
    match (authorization.fare(), authorization.payer()) {
        (Some(fare), Some(payer)) => check(&receipt, fare, payer).map(|()| receipt),
        _ => Ok(receipt),
    }
}

fn check(receipt: &Receipt, fare: &Fare, payer: &str) -> Result<(), Doubt> {
    let network = &receipt.network;
    if !network.is_empty() && networks::resolve(network).is_none_or(|network| network != fare.network) {
        return Err("it names another network");
    }
    if receipt.payer.as_ref().is_some_and(|named| !named.is_empty() && !same_address(named, payer)) {
        return Err("it names another payer");
    }
    let Some(amount) = receipt.amount.as_ref().filter(|amount| !amount.is_empty()) else { return Ok(()) };
    match amount.parse::<AtomicAmount>() {
        Ok(amount) if amount > fare.amount => Err("it names more than was authorized"),
        Ok(amount) if receipt.success && !fare.is_upto() && amount != fare.amount => Err("it names another amount"),
        Ok(_) => Ok(()),
        Err(_) => Err("its amount is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fare::tests::fare;

    const PAYER: &str = "0xAbCdef0000000000000000000000000000000001";

    #[test]
    fn a_receipt_must_be_about_this_payment() {
        let exact = fare(10_000);
        let upto = Fare { scheme: "upto".into(), ..exact.clone() };
        let receipt = |network: &str, payer: &str, amount: &str| Receipt {
            success: true,
            network: network.into(),
            payer: Some(payer.into()),
            amount: Some(amount.into()),
            ..Receipt::default()
        };
        for (receipt, exactly, up_to) in [
            (Receipt { success: true, ..Receipt::default() }, true, true),
            (receipt("eip155:84532", &PAYER.to_lowercase(), "10000"), true, true),
            (receipt("base-sepolia", PAYER, ""), true, true),
            (receipt("", "", "9999"), false, true),
            (receipt("", "", "10001"), false, false),
            (receipt("", "", "1e4"), false, false),
            (receipt("eip155:8453", PAYER, "10000"), false, false),
            (receipt("base", PAYER, "10000"), false, false),
            (receipt("mars", PAYER, "10000"), false, false),
            (receipt("eip155:84532", "0xabcdef0000000000000000000000000000000002", "10000"), false, false),
        ] {
            assert_eq!(check(&receipt, &exact, PAYER).is_ok(), exactly, "{receipt:?}");
            assert_eq!(check(&receipt, &upto, PAYER).is_ok(), up_to, "{receipt:?}");
        }
    }
}
