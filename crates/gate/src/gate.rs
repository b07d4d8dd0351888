//! The gate itself: a tower layer.

use std::{fmt, sync::Arc};

use http::{Method, Request};
use tower::Layer;

use crate::{builder::GateBuilder, fare::Fare, key::Verb, rails::Rails, service::Gated, table::Table};

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
    rails: Rails,
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

    pub(crate) fn with_table(rails: Rails, table: Table) -> Self {
        Self::announced(Inner { rails, charges: Charges::Routes(Box::new(table)) })
    }

    pub(crate) fn with_fare(rails: Rails, fare: Fare) -> Self {
        Self::announced(Inner { rails, charges: Charges::EveryRequest(Arc::new(fare)) })
    }

    fn announced(inner: Inner) -> Self {
        let gate = Self { inner: Arc::new(inner) };
        for line in gate.lines() {
            tracing::info!("charging {line}");
        }
        if gate.inner.rails.are_for_tests() {
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

    pub(crate) fn rails(&self) -> &Rails {
        &self.inner.rails
    }

    /// What a request has to pay; `None` if it is free.
    pub(crate) fn charge<'a, B>(&'a self, request: &'a Request<B>) -> Option<Charge<'a>> {
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
        Some(Charge { fare, verb, path: sent })
    }
}

/// What one request has to pay.
pub(crate) struct Charge<'a> {
    pub(crate) fare: &'a Arc<Fare>,
    pub(crate) verb: &'a str,
    /// As the client sent it.
    pub(crate) path: &'a str,
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
