//! The gate itself: a tower layer.

use std::{fmt, sync::Arc};

use farebox_x402::Facilitator;
use http::{Method, Request};
use tower::Layer;

use crate::{builder::GateBuilder, fare::Fare, fare::Quote, key::Verb, service::Gated, table::Table};

/// Charges for requests before they reach the service it is layered on. Cheap to clone.
///
/// ```
/// # use std::sync::Arc;
/// use farebox_gate::{Gate, Route, TestRail};
/// # use farebox_types::Mode;
///
/// let gate = Gate::builder()
///     .facilitator(Arc::new(TestRail::new()))
///     .mode(Mode::Test)
///     .route("POST /ask", Route::credits(TestRail::PLAN).price("1 credit"))
///     .route("GET /users/:id", Route::credits(TestRail::PLAN).price("5 credits"))
///     .build()?;
/// println!("{}", gate.execution_plan());
/// # Ok::<(), farebox_gate::BadGate>(())
/// ```
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    facilitator: Arc<dyn Facilitator>,
    charges: Charges,
}

enum Charges {
    Routes(Box<Table>),
    EveryRequest(Arc<Fare>),
}

impl Gate {
    /// A gate to be: name a facilitator, routes and prices.
    pub const fn builder() -> GateBuilder {
        GateBuilder::new()
    }

    /// What happens to a paid request on each route, one line a route. Also logged when the gate is built.
    #[must_use]
    pub fn execution_plan(&self) -> String {
        self.lines().join("\n")
    }

    pub(crate) fn with_table(facilitator: Arc<dyn Facilitator>, table: Table) -> Self {
        Self::announced(Inner { facilitator, charges: Charges::Routes(Box::new(table)) })
    }

    pub(crate) fn with_fare(facilitator: Arc<dyn Facilitator>, fare: Fare) -> Self {
        Self::announced(Inner { facilitator, charges: Charges::EveryRequest(Arc::new(fare)) })
    }

    fn announced(inner: Inner) -> Self {
        let gate = Self { inner: Arc::new(inner) };
        for line in gate.lines() {
            tracing::info!("charging {line}");
        }
        if gate.inner.facilitator.test_only() {
            tracing::info!("the test rail moves no money: pay with the header `payment-signature: test`");
        }
        gate
    }

    fn lines(&self) -> Vec<String> {
        match &self.inner.charges {
            Charges::Routes(table) => table.fares().map(ToString::to_string).collect(),
            Charges::EveryRequest(fare) => vec![fare.to_string()],
        }
    }

    pub(crate) fn facilitator(&self) -> &Arc<dyn Facilitator> {
        &self.inner.facilitator
    }

    /// What a request has to pay; `None` if it is free.
    pub(crate) fn fare<B>(&self, request: &Request<B>) -> Option<(Arc<Fare>, Quote)> {
        // The path as the client sent it: a router nested in another sees only its own part.
        let (path, original) = (request.uri().path(), original_path(request));
        let sent = original.unwrap_or(path);
        let (verb, fare) = match &self.inner.charges {
            Charges::EveryRequest(fare) => (verb_of(request.method()), fare),
            Charges::Routes(table) => {
                let other = original.filter(|original| *original != path);
                let (verb, fare) = table.find(request.method(), [Some(path), other])?;
                (verb.as_str(), fare)
            }
        };
        Some((Arc::clone(fare), fare.quote(verb, sent)))
    }
}

fn verb_of(method: &Method) -> &str {
    Verb::of(method).map_or(method.as_str(), |verb| verb.as_str())
}

#[cfg(feature = "axum")]
fn original_path<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<axum::extract::OriginalUri>().map(|uri| uri.0.path())
}

#[cfg(not(feature = "axum"))]
const fn original_path<B>(_: &Request<B>) -> Option<&str> {
    None
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated::new(inner, self.clone())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}
