//! Amounts, compared with an independent decimal library.

use rust_decimal::Decimal;

use super::*;

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

/// What the independent library makes of it: whole minor units, or nothing.
fn independently(text: &str, exponent: u8) -> Option<i64> {
    let decimal =
        if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
    let minor = decimal.ok()?.checked_mul(Decimal::from(10_i64.pow(exponent.into())))?;
    if minor.fract().is_zero() {
        i64::try_from(minor.trunc().mantissa() / 10_i128.pow(minor.trunc().scale())).ok()
    } else {
        None
    }
}

/// Two hundred texts: whole numbers, places, exponents, edges and nonsense.
fn inputs() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for whole in ["0", "1", "9", "49", "100", "12345", "99999999", "9007199254740993", "92233720368547758"] {
        for places in
            ["", ".0", ".1", ".00", ".01", ".5", ".50", ".07", ".99", ".001", ".999", ".000", ".0000001", ".3000"]
        {
            texts.push(format!("{whole}{places}"));
        }
    }
    for power in ["e0", "e1", "e2", "E3", "e-1", "e-2", "e-3", "e+2"] {
        for mantissa in ["1", "4.999", "0.01", "1200", "0", "7.5"] {
            texts.push(format!("{mantissa}{power}"));
        }
    }
    for sign in ["-1", "-0.01", "-49.99", "-0", "-1.005"] {
        texts.push(sign.to_owned());
    }
    for odd in [
        "92233720368547758.07",
        "92233720368547758.08",
        "0.1",
        "0.2",
        "0.30",
        "1.10",
        "2.675",
        "1.005",
        "1e17",
        "1e16",
        "19.99",
        "0.29",
        "1.15",
        "8.41",
        "4.35",
        "1000000.01",
        "0.57",
        "0.58",
        "33.33",
        "66.67",
        "1.13",
    ] {
        texts.push(odd.to_owned());
    }
    texts
}

#[test]
fn two_hundred_decimals_are_read_exactly_or_refused_as_an_independent_library_says() {
    let texts = inputs();
    assert!(texts.len() >= 200, "{}", texts.len());
    let mut accepted = 0;
    for code in ["USD", "KRW", "KWD"] {
        let currency = currency(code);
        for text in &texts {
            let ours = Money::parse(text, currency).ok().map(|money| money.minor);
            assert_eq!(ours, independently(text, currency.exponent()), "{text} {code}");
            accepted += usize::from(ours.is_some());
        }
    }
    assert!(accepted > 200, "{accepted}");
}

#[test]
fn what_is_not_a_json_number_is_no_amount() {
    for text in [
        "", "-", ".5", "5.", "01", "1,00", "1_000", "+1", " 1", "1 ", "NaN", "inf", "0x10", "1e", "1e+", "1.2.3",
        "--1", "\u{661}",
    ] {
        assert_eq!(Money::parse(text, currency("USD")), Err(BadMoney::Shape), "{text}");
    }
    assert_eq!(Money::parse("1.001", currency("USD")), Err(BadMoney::Places));
    assert_eq!(Money::parse("0.5", currency("KRW")), Err(BadMoney::Places));
    assert_eq!(Money::parse("1e99999", currency("USD")), Err(BadMoney::Large));
    assert_eq!(Money::parse("1e-99999", currency("USD")), Err(BadMoney::Places));
}

#[test]
fn an_amount_is_written_with_its_currencys_places_and_reads_back() {
    for (minor, code, text) in
        [(4999, "USD", "49.99"), (5, "USD", "0.05"), (100, "KRW", "100"), (1500, "KWD", "1.500"), (-7, "USD", "-0.07")]
    {
        let money = Money { minor, currency: currency(code) };
        assert_eq!(money.to_string(), text);
        assert_eq!(Money::parse(text, money.currency), Ok(money));
    }
}

#[test]
fn currencies_are_known_in_either_case_and_no_others() {
    assert!(iso::CURRENCIES.is_sorted());
    assert_eq!(currency("usd").code(), "USD");
    for text in ["", "US", "USDT", "XXX", "ZZZ", "\u{e9}\u{e9}"] {
        assert_eq!(text.parse::<Currency>(), Err(BadCurrency), "{text}");
    }
}
