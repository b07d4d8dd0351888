//! What an `upto` request comes to, as its handler says.

use std::str::FromStr;

use farebox_types::AtomicAmount;
use farebox_x402::{header, price::Money};
use http::{HeaderMap, HeaderName, Response};
use serde::Deserialize;

use crate::way::{ChainWay, Way};

/// What an `upto` request comes to. Put it into the answer's extensions, or send the header `Settlement-Overrides`.
///
/// ```
/// # use farebox_gate::Actual;
/// let mut answer = http::Response::new("metered");
/// answer.extensions_mut().insert(Actual::Units(500.into()));
/// # assert_eq!("37.5%".parse(), Ok(Actual::Share { hundredths: 3_750 }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actual {
    /// Atomic units of the token: `500`.
    Units(AtomicAmount),
    /// A share of the most it may be, in hundredths of a percent, rounded down: `37.5%`.
    Share {
        /// 0 to 10 000.
        hundredths: u64,
    },
    /// Money, in the route's token: `$0.0012`.
    Money(Money),
}

/// Not an amount that a handler may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the actual amount as atomic units (`500`), a share (`37.5%`) or money (`$0.0012`)")]
pub struct BadActual;

impl FromStr for Actual {
    type Err = BadActual;

    fn from_str(text: &str) -> Result<Self, BadActual> {
        if let Some(percent) = text.strip_suffix('%') {
            return hundredths(percent).map(|hundredths| Self::Share { hundredths }).ok_or(BadActual);
        }
        match text.starts_with('$') {
            true => text.parse().map(Self::Money).map_err(|_| BadActual),
            false => text.parse().map(Self::Units).map_err(|_| BadActual),
        }
    }
}

/// Percent with at most two places, 0 to 100.
fn hundredths(percent: &str) -> Option<u64> {
    let (whole, places) = percent.split_once('.').unwrap_or((percent, "0"));
    let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(places) || places.len() > 2 {
        return None;
    }
    let places: u64 = format!("{places:0<2}").parse().ok()?;
    let hundredths = whole.parse::<u64>().ok()? * 100 + places;
    (hundredths <= 10_000).then_some(hundredths)
}

const OVERRIDES: HeaderName = HeaderName::from_static(header::SETTLEMENT_OVERRIDES);

#[derive(Deserialize)]
struct Overrides {
    amount: String,
}

/// Takes what the handler reports out of its answer, so that no client sees it: `None` if it reports nothing.
pub(crate) fn take<B>(answer: &mut Response<B>) -> Option<Result<Actual, BadActual>> {
    let header = take_header(answer.headers_mut());
    answer.extensions_mut().remove::<Actual>().map(Ok).or(header)
}

/// The same, of headers or trailers.
pub(crate) fn take_header(headers: &mut HeaderMap) -> Option<Result<Actual, BadActual>> {
    let read = |value: &[u8]| serde_json::from_slice::<Overrides>(value).map_err(|_| BadActual)?.amount.parse();
    headers.remove(OVERRIDES).map(|value| read(value.as_bytes()))
}

/// What a report comes to in the way that is being paid: atomic units, or whole credits. More than was authorized cannot
/// be, so the most is.
pub(crate) fn charged(actual: &Actual, way: &Way) -> Result<AtomicAmount, BadActual> {
    let most = match way {
        Way::Credits(way) => way.price.amount().whole_units().ok_or(BadActual)?.into(),
        Way::Chain(way) => way.requirements.amount,
    };
    let amount = match actual {
        Actual::Units(units) => *units,
        Actual::Share { hundredths } => most.portion(*hundredths, 10_000).ok_or(BadActual)?,
        Actual::Money(money) => in_token(money, way.chain().ok_or(BadActual)?)?,
    };
    if amount > most {
        tracing::error!(%amount, %most, "the handler reports more than the payer authorized: the most is taken");
    }
    Ok(amount.min(most))
}

/// Money in a token of unknown decimals is no amount.
fn in_token(money: &Money, way: &ChainWay) -> Result<AtomicAmount, BadActual> {
    money.atomic(way.decimals.ok_or(BadActual)?).map_err(|_| BadActual)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use farebox_types::Mode;
    use farebox_x402::price::Price;

    use super::*;
    use crate::{rails::Rails, route::Route, test_rail::TestRail, way::Defaults};

    fn way(route: Route) -> Way {
        let rails = Rails { credits: Some(Arc::new(TestRail::new())), chain: None };
        let network = Some("base".to_owned());
        let pay_to = Some("0x209693Bc6afc0C5328bA36FaF03C514EF312287C".to_owned());
        let defaults = Defaults { mode: Mode::Test, network, pay_to };
        Way::new(route.ways.into_iter().next().unwrap(), route.timing, &rails, &defaults).unwrap()
    }

    fn upto(amount: u64) -> Way {
        way(Route::upto(Price::Atomic(amount.into())))
    }

    fn comes_to(text: &str, most: u64) -> Result<AtomicAmount, BadActual> {
        charged(&text.parse()?, &upto(most))
    }

    #[test]
    fn units_shares_and_money_are_amounts() {
        for (text, most, amount) in [
            ("500", 10_000, 500),
            ("0", 10_000, 0),
            ("37.5%", 10_000, 3_750),
            ("33.33%", 10, 3),
            ("0%", 10, 0),
            ("100%", 10, 10),
            ("100.00%", 10, 10),
            ("$0.0012", 10_000, 1_200),
            ("$0", 10, 0),
            ("20000", 10_000, 10_000),
        ] {
            assert_eq!(comes_to(text, most), Ok(amount.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", "-1", "1.5", "1e3", "100.01%", "101%", "5.123%", "%", ".5%", "5.%", "0.01", "$-1", "$", "٥٠"]
        {
            assert_eq!(comes_to(text, 10_000), Err(BadActual), "{text}");
        }
        let unknown = Price::Token { amount: 9.into(), asset: "0x1".to_owned(), extra: serde_json::Map::new() };
        assert_eq!(charged(&"$1".parse().unwrap(), &way(Route::upto(unknown))), Err(BadActual));
        assert_eq!(charged(&"$1".parse().unwrap(), &way(Route::credits("7").price(9))), Err(BadActual));
    }

    #[test]
    fn credits_are_reported_in_whole_ones() {
        let credits = |text: &str| charged(&text.parse().unwrap(), &way(Route::credits("7").price(40).metered()));
        assert_eq!((credits("3"), credits("25%"), credits("99")), (Ok(3.into()), Ok(10.into()), Ok(40.into())));
    }

    #[test]
    fn a_report_is_taken_out_of_the_answer() {
        let mut answer = Response::builder().header("settlement-overrides", r#"{"amount":"500"}"#).body(()).unwrap();
        assert_eq!(take(&mut answer), Some(Ok(Actual::Units(500.into()))));
        assert!(answer.headers().is_empty());
        assert_eq!(take(&mut answer), None);
        answer.extensions_mut().insert(Actual::Share { hundredths: 1 });
        assert_eq!(take(&mut answer), Some(Ok(Actual::Share { hundredths: 1 })));
        for bad in ["500", "{}", r#"{"amount":500}"#, "{"] {
            let mut answer = Response::builder().header("settlement-overrides", bad).body(()).unwrap();
            assert_eq!(take(&mut answer), Some(Err(BadActual)), "{bad}");
        }
    }
}
