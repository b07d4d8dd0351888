//! What a fare offers at the moment, and the offer for one request.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use farebox_x402::{Offer, PaymentRequired, Resource, VERSION, header, offer_v1};
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::way::Way;

/// The ways to pay that are offered at the moment, complete with what their facilitators want said.
pub(crate) struct Menu {
    resource: Resource,
    public_url: Option<Arc<str>>,
    ways: Arc<[Way]>,
    extensions: Map<String, Value>,
    /// For the path seen first, which most fares see only.
    first: OnceLock<Quote>,
}

/// An offer for one method and path, its header and its body.
#[derive(Clone)]
pub(crate) struct Quote {
    verb: Arc<str>,
    path: Arc<str>,
    pub(crate) offer: Arc<Offer>,
    pub(crate) header: HeaderValue,
    /// The offer for clients of version 1; empty where nothing on offer has a name in it.
    pub(crate) body: Bytes,
    /// In the order of the offer.
    pub(crate) ways: Arc<[Way]>,
}

/// What an unpaid request is told, for people.
const UNPAID: &str = "Payment required: send a payment in PAYMENT-SIGNATURE, or in X-PAYMENT.";

impl Menu {
    pub(crate) fn new(
        resource: Resource,
        public_url: Option<Arc<str>>,
        ways: Arc<[Way]>,
        extensions: Map<String, Value>,
    ) -> Self {
        Self { resource, public_url, ways, extensions, first: OnceLock::new() }
    }

    /// The offer for a request; written once for the path that is seen first.
    pub(crate) fn quote(&self, verb: &str, path: &str) -> Quote {
        let first = self.first.get_or_init(|| self.write(verb, path));
        let same = *first.path == *path && *first.verb == *verb;
        if same { first.clone() } else { self.write(verb, path) }
    }

    fn write(&self, verb: &str, path: &str) -> Quote {
        let on_chain = self.ways.iter().any(|way| way.chain().is_some());
        let url = format!("{}{path}", self.public_url.as_deref().unwrap_or_default());
        let offer = PaymentRequired {
            x402_version: VERSION,
            t402_version: on_chain.then_some(VERSION),
            error: None,
            resource: Resource { url, ..self.resource.clone() },
            accepts: self.ways.iter().map(|way| way.accept(verb)).collect(),
            extensions: self.extensions.clone(),
        };
        let body = offer_v1::write(&offer, UNPAID, None).unwrap_or_default().into();
        let offer = Offer::new(offer);
        let header = header::encode(&offer.json());
        let (verb, path, ways) = (verb.into(), path.into(), Arc::clone(&self.ways));
        Quote { verb, path, offer: Arc::new(offer), header, body, ways }
    }
}

impl Quote {
    /// The same offer, saying why the last payment was refused.
    pub(crate) fn header_saying(&self, why: &str) -> HeaderValue {
        header::encode(&PaymentRequired { error: Some(why.to_owned()), ..PaymentRequired::clone(&self.offer) })
    }

    /// The method it is for.
    #[cfg(feature = "paywall")]
    pub(crate) fn verb(&self) -> &str {
        &self.verb
    }

    /// The path it is for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// True if a payment has to be read before anybody can say who checks it.
    pub(crate) fn is_on_chain(&self) -> bool {
        self.offer.t402_version.is_some()
    }
}
