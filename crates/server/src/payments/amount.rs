//! Amounts on the wire: the number or the string exactly as written, or minor units.

use farebox_types::{BadMoney, Currency, Money};
use serde_json::value::RawValue;

use crate::refusal::Refusal;

/// What `amount` and `amount_minor` say together; one of them is enough, both must agree.
pub(super) fn money(
    amount: Option<&RawValue>,
    minor: Option<i64>,
    currency: Currency,
    ceiling: i64,
) -> Result<Option<Money>, Refusal> {
    let read = amount.map(|raw| decimal(raw, currency)).transpose()?;
    let money = match (read, minor) {
        (Some(read), Some(minor)) if read.minor != minor => {
            return Err(Refusal::number("amount_minor", "the same as amount, in minor units"));
        }
        (Some(read), _) => read,
        (None, Some(minor)) => Money { minor, currency },
        (None, None) => return Ok(None),
    };
    if money.minor <= 0 {
        return Err(Refusal::number("amount", "above 0"));
    }
    if money.minor > ceiling {
        return Err(Refusal::number("amount", "at most what this server's ceiling allows"));
    }
    Ok(Some(money))
}

fn decimal(raw: &RawValue, currency: Currency) -> Result<Money, Refusal> {
    let text = raw.get();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Money::parse(quoted.unwrap_or(text), currency).map_err(|bad| {
        Refusal::number(
            "amount",
            match bad {
                BadMoney::Shape => "a decimal number such as 49.99, as a number or a string",
                BadMoney::Places => "without more decimal places than its currency has",
                BadMoney::Large => "smaller",
            },
        )
    })
}
