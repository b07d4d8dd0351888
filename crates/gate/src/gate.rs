//! The gate itself: a tower layer.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Method, Request};
use tower::Layer;

use crate::{
    answers::AnswerStore, builder::GateBuilder, fare::Fare, hooks::Hooks, key::Verb, rails::Rails, service::Gated,
    table::Table,
};

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
    desk: Desk,
    charges: Charges,
}

/// What every route of a gate shares.
pub(crate) struct Desk {
    pub(crate) rails: Rails,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) answers: Arc<dyn AnswerStore>,
    /// Where receipts can be asked for, and that as clients know it.
    pub(crate) receipts: Option<Receipts>,
    #[cfg(feature = "paywall")]
    pub(crate) paywall: Option<crate::paywall::Paywall>,
}

/// Under which path receipts are, `/paid/receipts/`, and the same with the server's own address before it.
pub(crate) struct Receipts {
    pub(crate) path: Box<str>,
    pub(crate) url: Box<str>,
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

    pub(crate) fn with_table(desk: Desk, table: Table) -> Self {
        Self::announced(Inner { desk, charges: Charges::Routes(Box::new(table)) })
    }

    pub(crate) fn with_fare(desk: Desk, fare: Fare) -> Self {
        Self::announced(Inner { desk, charges: Charges::EveryRequest(Arc::new(fare)) })
    }

    fn announced(inner: Inner) -> Self {
        let gate = Self { inner: Arc::new(inner) };
        for line in gate.lines() {
            tracing::info!("charging {line}");
        }
        if gate.rails().are_for_tests() {
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
        &self.inner.desk.rails
    }

    pub(crate) fn hooks(&self) -> Option<&Arc<dyn Hooks>> {
        self.inner.desk.hooks.as_ref()
    }

    pub(crate) fn answers(&self) -> &Arc<dyn AnswerStore> {
        &self.inner.desk.answers
    }

    #[cfg(feature = "paywall")]
    pub(crate) fn paywall(&self) -> Option<&crate::paywall::Paywall> {
        self.inner.desk.paywall.as_ref()
    }

    /// Where the receipt of a charge can be asked for.
    pub(crate) fn receipt_of(&self, request_id: &str) -> Option<HeaderValue> {
        let Receipts { url, .. } = self.inner.desk.receipts.as_ref()?;
        HeaderValue::try_from(format!("{url}{request_id}")).ok()
    }

    /// The charge whose receipt a request asks for.
    pub(crate) fn receipt_asked<B>(&self, request: &Request<B>) -> Option<String> {
        let Receipts { path, .. } = self.inner.desk.receipts.as_ref()?;
        let asked = original_path(request).unwrap_or_else(|| request.uri().path());
        let id = asked.strip_prefix(&**path).filter(|id| !id.is_empty() && !id.contains('/'))?;
        matches!(*request.method(), Method::GET | Method::HEAD).then(|| id.to_owned())
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
