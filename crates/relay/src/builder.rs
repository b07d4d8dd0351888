//! From options to a relay that stands, or to what is wrong with them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use farebox_client::Client;
use farebox_types::{Clock, Mode, SystemClock};

use crate::{
    csrf::{BadCsrf, Csrf, Guard, Origins},
    identity::{ByFunction, Identify, IdentifyFn},
    memory::{LONGEST, Memory},
    relay::{Inner, Relay},
    route::{Access, RelayRoute},
    upstream::Upstream,
};

/// Collects what a [`Relay`] needs. Nothing is checked before [`build`](Self::build).
#[must_use]
pub struct RelayBuilder {
    client: Client,
    identify: Option<Box<dyn Identify>>,
    auto_create: bool,
    csrf: Csrf,
    origins: Vec<String>,
    access: Vec<(RelayRoute, Access)>,
    trackable: Option<BTreeSet<String>>,
    check_cache: Option<Duration>,
    production: Option<bool>,
    clock: Arc<dyn Clock>,
}

/// A relay that cannot stand: an error at start-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRelay {
    /// Nobody would have a customer.
    #[error("the relay does not know how to identify callers: add `.identify(…)`")]
    NoIdentify,
    /// The tokens cannot be made as wanted.
    #[error(transparent)]
    Csrf(#[from] BadCsrf),
    /// Not a page's origin.
    #[error("`{0}` is no origin: write scheme://host[:port], for example https://app.example.com")]
    Origin(String),
    /// Checks are kept for no time, or for too long.
    #[error("answers to checks may be kept for at most a second")]
    CheckCache,
    /// Its answer is one customer's own.
    #[error("{0:?} needs a caller and cannot be public")]
    Public(RelayRoute),
}

impl RelayBuilder {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            identify: None,
            auto_create: false,
            csrf: Csrf::of_this_process(),
            origins: Vec::new(),
            access: Vec::new(),
            trackable: None,
            check_cache: None,
            production: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// How to find out who is calling: an `async fn`, or a closure that takes what it needs from the head and returns a
    /// future.
    ///
    /// ```
    /// use axum::http::request::Parts;
    /// use farebox_relay::{CustomerIdentity, Identified, RelayBuilder};
    ///
    /// #[derive(Clone)]
    /// struct User {
    ///     email: String,
    /// }
    ///
    /// async fn identify(head: &Parts) -> Identified {
    ///     let user = head.extensions.get::<User>();
    ///     Ok(user.map(|user| CustomerIdentity::email(&user.email)))
    /// }
    ///
    /// fn with_users(relay: RelayBuilder) -> RelayBuilder {
    ///     relay.identify(identify)
    /// }
    /// ```
    pub fn identify(self, identify: impl for<'a> IdentifyFn<'a>) -> Self {
        self.identify_with(ByFunction(identify))
    }

    /// The same, for a type of its own.
    pub fn identify_with(mut self, identify: impl Identify) -> Self {
        self.identify = Some(Box::new(identify));
        self
    }

    /// Whether a caller with an e-mail and no id gets a customer at their first request. Off unless said. The requests of
    /// one e-mail meet in one customer, on all instances.
    pub const fn auto_create_customer(mut self, auto_create: bool) -> Self {
        self.auto_create = auto_create;
        self
    }

    /// How forged requests are told apart; tokens of this process alone unless said, which production refuses.
    pub fn csrf(mut self, csrf: Csrf) -> Self {
        self.csrf = csrf;
        self
    }

    /// Another origin whose pages may change something here, beside the host that is asked: `https://app.example.com`.
    /// Needed as well behind a proxy that changes `Host`. Requests that browsers call cross-site are refused all the same.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Who may call a route; the last word on one counts.
    pub fn access(mut self, route: RelayRoute, access: Access) -> Self {
        self.access.push((route, access));
        self
    }

    /// The only features that a browser may record usage of. Without a list it may record more usage of any feature, but
    /// never less.
    pub fn track_only<Code: Into<String>>(mut self, features: impl IntoIterator<Item = Code>) -> Self {
        self.trackable = Some(features.into_iter().map(Into::into).collect());
        self
    }

    /// Answers the same check of the same customer from memory for this long, at most a second; off unless said. A write of the
    /// customer's through this relay forgets what is kept; usage recorded elsewhere shows when the time is up.
    pub const fn check_cache(mut self, lasts: Duration) -> Self {
        self.check_cache = Some(lasts);
        self
    }

    /// Whether this is production: a shared secret is needed, cookies are `Secure`. Unless said, it is when the client's
    /// token is a live one.
    pub const fn production(mut self, production: bool) -> Self {
        self.production = Some(production);
        self
    }

    /// Where the ages of tokens are measured.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A relay, ready to be mounted.
    ///
    /// # Errors
    /// [`BadRelay`] for the first option that cannot work.
    pub fn build(self) -> Result<Relay, BadRelay> {
        let identify = self.identify.ok_or(BadRelay::NoIdentify)?;
        let open = |(route, access): &(RelayRoute, Access)| *access == Access::Public && !route.can_be_public();
        if let Some((route, _)) = self.access.iter().find(|chosen| open(chosen)) {
            return Err(BadRelay::Public(*route));
        }
        if self.check_cache.is_some_and(|lasts| lasts.is_zero() || lasts > LONGEST) {
            return Err(BadRelay::CheckCache);
        }
        let origins = Origins::new(&self.origins).map_err(|odd| BadRelay::Origin(odd.clone()))?;
        let production = self.production.unwrap_or(self.client.mode() == Some(Mode::Live));
        let guard = Guard::new(&self.csrf, production, self.clock)?;
        Ok(Relay(Arc::new(Inner {
            mode: self.client.mode(),
            upstream: Upstream::new(self.client),
            identify,
            auto_create: self.auto_create,
            guard,
            origins,
            access: self.access,
            trackable: self.trackable,
            memory: self.check_cache.map(Memory::new),
        })))
    }
}
