//! Identities that an authenticating proxy writes into headers.

use std::{
    future::{Future, ready},
    net::SocketAddr,
    pin::Pin,
};

use axum::{extract::ConnectInfo, http::request::Parts};
use farebox_relay::{CustomerIdentity, Identified, Identify};

use super::network::Network;

/// Believes loopback, or the networks that were named, and nobody else.
pub(super) struct ByHeaders {
    pub(super) trusted: Vec<Network>,
}

impl ByHeaders {
    fn trusts(&self, head: &Parts) -> bool {
        let Some(ConnectInfo(peer)) = head.extensions.get::<ConnectInfo<SocketAddr>>() else { return false };
        let host = peer.ip();
        let named = self.trusted.iter().any(|network| network.contains(host));
        named || (self.trusted.is_empty() && host.to_canonical().is_loopback())
    }

    fn read(&self, head: &Parts) -> Option<CustomerIdentity> {
        let identity = CustomerIdentity {
            customer_id: one(head, "x-paylera-customer-id")?,
            email: one(head, "x-paylera-customer-email")?,
            name: one(head, "x-paylera-customer-name")?,
            currency: one(head, "x-paylera-customer-currency")?,
            tenant_id: one(head, "x-paylera-tenant-id")?,
            ..CustomerIdentity::default()
        };
        if identity.customer_id.is_none() && identity.email.is_none() {
            return None;
        }
        if !self.trusts(head) {
            tracing::warn!("identity headers from a host that is no trusted proxy are not believed");
            return None;
        }
        Some(identity)
    }
}

/// `None` if there are two, or no text: somebody has added one, and it is not known who. `Some(None)` if there is none.
fn one(head: &Parts, name: &str) -> Option<Option<String>> {
    let mut values = head.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Some(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none())?;
    Some(Some(text.to_owned()))
}

impl Identify for ByHeaders {
    fn identify<'a>(&'a self, head: &'a Parts) -> Pin<Box<dyn Future<Output = Identified> + Send + 'a>> {
        Box::pin(ready(Ok(self.read(head))))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn read(trusted: &[&str], peer: &str, headers: &[(&str, &str)]) -> Option<CustomerIdentity> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        head.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4000)));
        ByHeaders { trusted: trusted.iter().map(|text| text.parse().unwrap()).collect() }.read(&head)
    }

    const ANN: (&str, &str) = ("x-paylera-customer-id", "cus_ann");

    #[test]
    fn every_member_has_its_header() {
        let headers = [
            ANN,
            ("x-paylera-customer-email", "ann@example.com"),
            ("x-paylera-customer-name", "Ann Müller"),
            ("x-paylera-customer-currency", "EUR"),
            ("x-paylera-tenant-id", "acme"),
        ];
        let text = |text: &str| Some(text.to_owned());
        let expected = CustomerIdentity {
            customer_id: text("cus_ann"),
            email: text("ann@example.com"),
            name: text("Ann Müller"),
            currency: text("EUR"),
            tenant_id: text("acme"),
            ..CustomerIdentity::default()
        };
        assert!(read(&[], "127.0.0.1", &headers) == Some(expected));
    }

    #[test]
    fn loopback_is_believed_until_a_proxy_is_named() {
        let believed = |trusted: &[&str], peer| read(trusted, peer, &[ANN]).is_some();
        assert!(believed(&[], "127.0.0.1") && believed(&[], "::1") && believed(&[], "::ffff:127.0.0.1"));
        assert!(!believed(&[], "10.0.0.5"));
        assert!(believed(&["10.0.0.0/8"], "10.0.0.5"));
        assert!(!believed(&["10.0.0.0/8"], "127.0.0.1"), "a program beside us is no proxy any more");
        assert!(!believed(&["10.0.0.0/8"], "192.168.0.1"));
    }

    #[test]
    fn a_header_that_comes_twice_is_nobody() {
        assert!(read(&[], "127.0.0.1", &[ANN, ("x-paylera-customer-id", "cus_eve")]).is_none());
        assert!(read(&[], "127.0.0.1", &[]).is_none());
        assert!(read(&[], "127.0.0.1", &[("x-paylera-customer-name", "Ann")]).is_none());
    }
}
