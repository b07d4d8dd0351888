//! The front door: whom to ask about payments, for which plan, in which world.

use std::{fmt, sync::Arc};

use farebox_types::Mode;
use farebox_x402::Facilitator;

use crate::{
    builder::{BadGate, GateBuilder},
    gate::Gate,
    price::IntoPrice,
    route::Route,
    test_rail::TestRail,
};

/// Whom to ask about payments, for which plan, in test or live mode. Cheap to clone.
///
/// ```
/// use axum::{Router, routing::get};
/// use farebox_gate::Farebox;
///
/// let farebox = Farebox::test();
/// let app: Router = Router::new().route("/joke", get(|| async { "…" }).layer(farebox.price("1 credit")));
/// ```
#[derive(Clone)]
pub struct Farebox {
    facilitator: Arc<dyn Facilitator>,
    chain: Option<Arc<dyn Facilitator>>,
    mode: Mode,
    plan_id: String,
}

impl Farebox {
    /// Development: no wallet, no account; `curl -H "payment-signature: test"` pays. See [`TestRail`].
    #[must_use]
    pub fn test() -> Self {
        Self::with(Arc::new(TestRail::new()), Mode::Test).plan(TestRail::PLAN)
    }

    /// Credits kept by a backend reached over HTTP, in live mode unless [`mode`](Self::mode) says otherwise.
    ///
    /// # Errors
    /// [`BadConfig`](farebox_x402::client::BadConfig) for an address or a key that cannot be used; nothing is sent.
    #[cfg(feature = "client")]
    pub fn credits(
        backend_url: &str,
        seller_key: farebox_types::Secret,
    ) -> Result<Self, farebox_x402::client::BadConfig> {
        let client = farebox_x402::client::CreditsClient::new(backend_url, seller_key)?;
        Ok(Self::with(Arc::new(client), Mode::Live))
    }

    /// Any facilitator.
    #[must_use]
    pub fn with(facilitator: Arc<dyn Facilitator>, mode: Mode) -> Self {
        Self { facilitator, chain: None, mode, plan_id: String::new() }
    }

    /// Payments on a chain are taken too, checked and settled by this facilitator; routes name them with
    /// [`Route::exact`], [`Route::upto`] and [`Route::or`].
    #[must_use]
    pub fn chain(self, facilitator: Arc<dyn Facilitator>) -> Self {
        Self { chain: Some(facilitator), ..self }
    }

    /// The same in another mode.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The plan whose credits pay, a decimal uint256.
    #[must_use]
    pub fn plan(self, plan_id: impl Into<String>) -> Self {
        Self { plan_id: plan_id.into(), ..self }
    }

    /// A layer that charges this price for every request that reaches it: `get(handler).layer(farebox.price("1 credit"))`.
    ///
    /// # Panics
    /// When the router is built, if this is not a price or no plan was named; [`charge`](Self::charge) returns that
    /// as an error instead.
    #[must_use]
    #[track_caller]
    pub fn price(&self, price: impl IntoPrice) -> Gate {
        match self.charge(self.route(price)) {
            Ok(gate) => gate,
            #[expect(clippy::panic, reason = "a price is constant text; a server with a wrong one must not start")]
            Err(error) => panic!("cannot charge this price: {error}"),
        }
    }

    /// A layer that charges for every request that reaches it as `route` says.
    ///
    /// # Errors
    /// [`BadGate`] if the route cannot be charged as written.
    pub fn charge(&self, route: Route) -> Result<Gate, BadGate> {
        self.gate().build_for_every_request(route)
    }

    /// A route of this plan, for a gate with a table of routes.
    #[must_use]
    pub fn route(&self, price: impl IntoPrice) -> Route {
        Route::credits(&*self.plan_id).price(price)
    }

    /// A gate with a table of routes:
    /// `farebox.gate().route("POST /ask", farebox.route("1 credit")).build()?`.
    pub fn gate(&self) -> GateBuilder {
        let gate = Gate::builder().facilitator(Arc::clone(&self.facilitator)).mode(self.mode);
        match &self.chain {
            Some(chain) => gate.chain(Arc::clone(chain)),
            None => gate,
        }
    }
}

impl fmt::Debug for Farebox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farebox").field("mode", &self.mode).field("plan_id", &self.plan_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_farebox_charges_in_test_mode_only() {
        assert!(Farebox::test().charge(Farebox::test().route(1)).is_ok());
        let live = Farebox::test().mode(Mode::Live);
        let error = live.charge(live.route(1)).unwrap_err().to_string();
        assert_eq!(error, "route `every request`: the test rail moves no money, so it works in test mode only");
    }

    #[test]
    #[should_panic(expected = "`a credit` is not a price: write `1 credit` or `5 credits`")]
    fn a_price_that_is_none_stops_the_server_from_starting() {
        let _ = Farebox::test().price("a credit");
    }

    #[test]
    fn a_farebox_without_a_plan_says_so() {
        let farebox = Farebox::with(Arc::new(TestRail::new()), Mode::Test);
        assert!(farebox.charge(farebox.route(1)).unwrap_err().to_string().contains("no plan"));
    }

    #[test]
    fn a_gate_needs_routes_and_a_facilitator() {
        assert_eq!(Farebox::test().gate().build().err(), Some(BadGate::NoRoutes));
        assert_eq!(Gate::builder().route("GET /", Route::credits("7")).build().err(), Some(BadGate::NoFacilitator));
    }

    #[test]
    fn a_wrong_key_is_named_with_what_to_write_instead() {
        let farebox = Farebox::test();
        let error = farebox.gate().route("post /ask", farebox.route(1)).build().unwrap_err();
        assert_eq!(error.to_string(), "route `post /ask`: methods are in upper case: write `POST /ask`");
    }

    #[test]
    fn a_wrong_price_in_a_table_is_an_error_not_a_panic() {
        let farebox = Farebox::test();
        let error = farebox.gate().route("POST /ask", farebox.route("free")).build().unwrap_err();
        assert_eq!(error.to_string(), "route `POST /ask`: `free` is not a price: write `1 credit` or `5 credits`");
    }
}
