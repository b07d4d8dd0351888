//! `window.x402`: the offer, where the official browser clients look for it.

use farebox_x402::PaymentRequired;
use serde::Serialize;
use serde_json::value::RawValue;

use super::facts::PaywallFacts;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Window<'a> {
    payment_required: &'a PaymentRequired,
    /// A number, as they want it; ours never was a float.
    amount: Box<RawValue>,
    display_amount: &'a str,
    testnet: bool,
    app_name: &'a str,
    app_logo: &'a str,
    current_url: &'a str,
}

/// The script that sets `window.x402`. Nothing in it can end the script or open a comment.
pub(super) fn script(facts: &PaywallFacts<'_>, app_name: &str, app_logo: &str) -> String {
    let price = facts.ways.first().map_or("0", |way| &way.price);
    let window = Window {
        payment_required: facts.offer,
        amount: number(price),
        display_amount: price,
        testnet: facts.testnet,
        app_name,
        app_logo,
        current_url: facts.page_url.unwrap_or(facts.path),
    };
    let json = serde_json::to_string(&window).unwrap_or_else(|_| "null".to_owned());
    format!("window.x402 = {};", escaped(&json))
}

/// Between quotes everywhere, because JSON has these signs nowhere else.
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for sign in json.chars() {
        match sign {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => safe.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => safe.push(sign),
        }
    }
    safe
}

/// The number a price starts with, `0.01` of `$0.01`.
fn number(price: &str) -> Box<RawValue> {
    let digits = price.trim_start_matches(|sign: char| !sign.is_ascii_digit());
    let end = digits.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(digits.len());
    let text = digits.get(..end).unwrap_or_default();
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_a_number_without_passing_through_a_float() {
        for (price, expected) in [
            ("$0.01", "0.01"),
            ("5 credits", "5"),
            ("up to $10", "10"),
            ("0.100000000000000000001 X", "0.100000000000000000001"),
            ("free", "null"),
            ("1.2.3", "null"),
            ("007", "null"),
        ] {
            assert_eq!(number(price).get(), expected, "{price}");
        }
    }

    #[test]
    fn nothing_ends_the_script() {
        let json = r#"{"a":"</script><!--&amp;"}"#;
        let safe = escaped(json);
        assert!(!safe.contains(['<', '>', '&']), "{safe}");
        let value: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(value["a"], "</script><!--&amp;");
        assert_eq!(escaped("\u{2028}\u{2029}"), "\\u2028\\u2029");
    }
}
