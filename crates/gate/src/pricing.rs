//! Prices that depend on the request.

use std::{fmt, pin::Pin, sync::Arc};

use farebox_types::Quantity;
use farebox_x402::price::Price as ChainPrice;

use crate::{
    asked::Asked,
    price::{IntoChainPrice, IntoPrice, Price},
    work::caught,
};

/// What a function of the request may answer as its price in credits: any whole number, `"5 credits"`, a [`Quantity`], a
/// [`Price`], or a `Result` of one. Nothing, a fraction, and what is negative or absurd is an error: 500, uncharged.
pub trait Priced {
    /// The price, or what is wrong with it, for the log.
    ///
    /// # Errors
    /// For people.
    fn priced(self) -> Result<Price, String>;
}

macro_rules! priced {
    ($($number:ty),*) => {$(
        impl Priced for $number {
            fn priced(self) -> Result<Price, String> {
                let units = u64::try_from(self).map_err(|_| format!("{self} credits is not a price"))?;
                Quantity::from_units(units).ok_or_else(|| format!("{units} credits is above any price"))?.priced()
            }
        }
    )*};
}

priced!(u32, u64, usize, i32, i64);

impl Priced for Quantity {
    fn priced(self) -> Result<Price, String> {
        Price::new(self).map_err(|bad| bad.to_string())
    }
}

impl Priced for Price {
    fn priced(self) -> Result<Price, String> {
        Ok(self)
    }
}

impl Priced for &str {
    fn priced(self) -> Result<Price, String> {
        self.into_price().map_err(|bad| bad.to_string())
    }
}

impl Priced for String {
    fn priced(self) -> Result<Price, String> {
        self.as_str().priced()
    }
}

impl<P: Priced, E: fmt::Display> Priced for Result<P, E> {
    fn priced(self) -> Result<Price, String> {
        self.map_err(|error| error.to_string()).and_then(P::priced)
    }
}

type Answer<P> = Pin<Box<dyn Future<Output = Result<P, String>> + Send>>;

/// A seller's function from a request to its price.
pub(crate) struct PriceFn<P> {
    ask: Arc<dyn Fn(Asked) -> Answer<P> + Send + Sync>,
}

impl<P> PriceFn<P> {
    fn new<F: Future<Output = Result<P, String>> + Send + 'static>(
        ask: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { ask: Arc::new(move |asked| Box::pin(ask(asked))) }
    }

    /// The price, once. What went wrong is for the log: it never reaches a payer.
    pub(crate) async fn ask(&self, asked: Asked) -> Result<P, String> {
        let panicked = || "the price function panicked".to_owned();
        caught(async move { (self.ask)(asked).await }).await.ok_or_else(panicked)?
    }
}

pub(crate) fn credits<F, P>(price: impl Fn(Asked) -> F + Send + Sync + 'static) -> PriceFn<Price>
where
    F: Future<Output = P> + Send + 'static,
    P: Priced,
{
    PriceFn::new(move |asked| {
        let price = price(asked);
        async move { price.await.priced() }
    })
}

pub(crate) fn chain<F, P, E>(price: impl Fn(Asked) -> F + Send + Sync + 'static) -> PriceFn<ChainPrice>
where
    F: Future<Output = Result<P, E>> + Send + 'static,
    P: IntoChainPrice,
    E: fmt::Display,
{
    PriceFn::new(move |asked| {
        let price = price(asked);
        async move {
            let price = price.await.map_err(|error| error.to_string())?;
            price.into_chain_price().map_err(|bad| bad.to_string())
        }
    })
}

impl<P> Clone for PriceFn<P> {
    fn clone(&self) -> Self {
        Self { ask: Arc::clone(&self.ask) }
    }
}

impl<P> fmt::Debug for PriceFn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PriceFn")
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn whole_positive_numbers_are_prices_and_nothing_else_is() {
        assert_eq!(5.priced(), "5 credits".priced());
        assert_eq!(Ok::<_, String>(7_u64).priced(), 7_i64.priced());
        for bad in [0.priced(), (-3).priced(), u64::MAX.priced(), "free".priced(), Err::<u32, _>("no table").priced()] {
            assert!(bad.is_err());
        }
    }

    #[tokio::test]
    async fn a_function_is_asked_with_the_request_and_may_panic() {
        let asked = || Asked::of(&Request::new(()), bytes::Bytes::from_static(b"[3]"));
        let price = credits(|asked: Asked| async move { asked.json::<Vec<u32>>().map(|all| all[0]) });
        assert_eq!(price.ask(asked()).await, 3.priced());
        let panics = credits(|asked: Asked| async move { asked.json::<Vec<u32>>().map(|all| all[1]) });
        assert_eq!(panics.ask(asked()).await, Err("the price function panicked".to_owned()));
    }
}
