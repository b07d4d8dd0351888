//! Which addresses events may be posted to. A merchant names a host; what it leads to is looked at when the connection is made,
//! and the connection is made to what was looked at.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec::IntoIter,
};

use farebox_types::Mode;
use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

/// Where webhooks may be posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookTargets {
    /// Merchants in live mode: public addresses over TLS. In test mode also this machine and private networks.
    #[default]
    PublicWhenLive,
    /// Public addresses over TLS for everybody.
    Public,
    /// Private networks and plain HTTP for everybody: whoever can make an endpoint can reach what this machine reaches.
    Any,
}

/// What one delivery may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    Public,
    Any,
}

impl WebhookTargets {
    /// What a merchant in this mode may reach.
    pub(crate) const fn reach(self, mode: Mode) -> Reach {
        match (self, mode) {
            (Self::Any, _) | (Self::PublicWhenLive, Mode::Test) => Reach::Any,
            (Self::Public, _) | (Self::PublicWhenLive, Mode::Live) => Reach::Public,
        }
    }
}

impl Reach {
    /// Link-local addresses, where clouds keep their machines' credentials, are never reached.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        let address = plain(address);
        match self {
            Self::Public => is_public(address),
            Self::Any => !is_link_local(address) && !address.is_multicast() && !address.is_unspecified(),
        }
    }
}

/// An IPv4 address however it is wrapped.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let [a, b, c, d, e, f, g, h] = six.segments();
    let inner = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(one, two, three, four))
    };
    match (a, b, c, d, e, f) {
        // Mapped, compatible, NAT64, 6to4.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => inner(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => inner(g, h),
        (0x2002, ..) => inner(b, c),
        _ => address,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => is_public_v6(six),
    }
}

/// By IANA's registry of special addresses.
fn is_public_v4(four: Ipv4Addr) -> bool {
    let [a, b, c, _] = four.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    );
    !special
}

/// Global unicast is 2000::/3; of it, what is set aside for protocols and documents is not.
fn is_public_v6(six: Ipv6Addr) -> bool {
    let [a, b, ..] = six.segments();
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !special
}

/// Every address that a name leads to is one that this must not reach.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be reached")]
pub(super) struct Unreachable;

/// Looks names up and passes on what may be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup(pub(super) Reach);

impl Service<Name> for Lookup {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() { Err(io::Error::other(Unreachable)) } else { Ok(allowed.into_iter()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_is_what_the_internet_routes() {
        for good in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(Reach::Public.allows(address(good)), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(!Reach::Public.allows(address(bad)), "{bad}");
        }
    }

    #[test]
    fn whatever_is_allowed_nobody_reads_a_clouds_metadata() {
        for good in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.7", "fd00::1", "1.1.1.1"] {
            assert!(Reach::Any.allows(address(good)), "{good}");
        }
        for bad in
            ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(!Reach::Any.allows(address(bad)), "{bad}");
        }
    }

    #[test]
    fn live_merchants_reach_the_public_only_unless_they_are_told_otherwise() {
        use WebhookTargets as T;
        let table = [(T::PublicWhenLive, Reach::Any, Reach::Public), (T::Public, Reach::Public, Reach::Public)];
        for (targets, test, live) in table.into_iter().chain([(T::Any, Reach::Any, Reach::Any)]) {
            assert_eq!((targets.reach(Mode::Test), targets.reach(Mode::Live)), (test, live), "{targets:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let found = Lookup(Reach::Public).call("localhost".parse().unwrap()).await;
        assert!(found.unwrap_err().get_ref().unwrap().is::<Unreachable>());
        assert!(Lookup(Reach::Any).call("localhost".parse().unwrap()).await.unwrap().next().is_some());
    }
}
