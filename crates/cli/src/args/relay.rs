//! Flags of the relay.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};

use super::address;
use crate::commands::relay::Network;

#[derive(Args)]
pub(crate) struct RelayArgs {
    /// Address to listen on [default: 127.0.0.1:3003].
    #[arg(long, value_name = "ADDRESS", env = "FAREBOX_LISTEN", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// The billing API [default: by the prefix of PAYLERA_API_TOKEN].
    #[arg(long, value_name = "URL", env = "PAYLERA_UPSTREAM_URL")]
    pub(crate) upstream_url: Option<String>,
    /// Where callers' identities come from.
    #[arg(long, value_name = "HOW")]
    pub(crate) identity: IdentityArg,
    /// Path that the routes stand under.
    #[arg(long, value_name = "PATH", default_value = "/api/paylera", value_parser = prefix)]
    pub(crate) prefix: String,
    /// Whether a caller with an e-mail and no id gets a customer at their first request.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(crate) auto_create: bool,
    /// With --identity headers: a network whose hosts set the identity headers, 10.0.0.0/8; may be repeated [default:
    /// loopback].
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    pub(crate) trusted_proxies: Vec<Network>,
    #[command(flatten)]
    pub(crate) jwt: JwtArgs,
    /// Another origin whose pages may change something, https://app.example.com; may be repeated. Also needed behind a proxy
    /// that changes the Host header.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allow_origins: Vec<String>,
    /// A feature that browsers may record usage of; may be repeated [default: all].
    #[arg(long = "track-only", value_name = "CODE")]
    pub(crate) track_only: Vec<String>,
    /// Answer the same check of the same customer from memory for this long, at most a second [default: never].
    #[arg(long, value_name = "TIME", value_parser = brief)]
    pub(crate) check_cache: Option<Duration>,
    /// Insist on a shared PAYLERA_RELAY_SECRET and on secure cookies, also with a test token; a live one always does.
    #[arg(long)]
    pub(crate) production: bool,
    /// Stop when standard input ends: with whoever started this.
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

/// How a session's token is checked and read, with --identity jwt.
#[derive(Args)]
pub(crate) struct JwtArgs {
    /// File that holds the HS256 secret; PAYLERA_JWT_SECRET holds the secret itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwt_secret_file: Option<PathBuf>,
    /// File that holds public keys as a JWK set, instead of a secret.
    #[arg(long, value_name = "FILE", conflicts_with = "jwt_secret_file")]
    pub(crate) jwks_file: Option<PathBuf>,
    /// Cookie that carries the token [default: the header Authorization: Bearer].
    #[arg(long, value_name = "NAME")]
    pub(crate) jwt_cookie: Option<String>,
    /// Audience that tokens must be for [default: any].
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) jwt_audience: Option<String>,
    /// Issuer that tokens must be from [default: any].
    #[arg(long, value_name = "ISSUER")]
    pub(crate) jwt_issuer: Option<String>,
    /// Which claim says what, customer_id=sub; may be repeated. Members: customer_id, email, name, currency, tenant_id,
    /// subscription_id [default: the claim of the same name].
    #[arg(long = "claim", value_name = "MEMBER=CLAIM", value_parser = claim)]
    pub(crate) claims: Vec<(Member, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdentityArg {
    /// Headers that an authenticating proxy sets: X-Paylera-Customer-Id, -Customer-Email, -Customer-Name, -Customer-Currency,
    /// X-Paylera-Tenant-Id.
    Headers,
    /// A signed session token.
    Jwt,
}

/// A member of a caller's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    CustomerId,
    Email,
    Name,
    Currency,
    TenantId,
    SubscriptionId,
}

impl Member {
    pub(crate) const ALL: [Self; 6] =
        [Self::CustomerId, Self::Email, Self::Name, Self::Currency, Self::TenantId, Self::SubscriptionId];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::Email => "email",
            Self::Name => "name",
            Self::Currency => "currency",
            Self::TenantId => "tenant_id",
            Self::SubscriptionId => "subscription_id",
        }
    }
}

fn claim(text: &str) -> Result<(Member, String), &'static str> {
    const RULE: &str = "write MEMBER=CLAIM, for example customer_id=sub";
    let (member, claim) = text.split_once('=').ok_or(RULE)?;
    let member = Member::ALL.into_iter().find(|known| known.name() == member.trim());
    let member = member.ok_or("the members are customer_id, email, name, currency, tenant_id and subscription_id")?;
    let claim = claim.trim();
    if claim.is_empty() { Err(RULE) } else { Ok((member, claim.to_owned())) }
}

/// `/api/paylera`: where plain segments follow each other.
fn prefix(text: &str) -> Result<String, &'static str> {
    let plain = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    let path = text.strip_suffix('/').unwrap_or(text);
    let good = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) && !path.contains("..");
    if good { Ok(path.to_owned()) } else { Err("write a path of letters and digits, for example /api/paylera") }
}

/// `250ms` or `1s`, up to a second.
fn brief(text: &str) -> Result<Duration, &'static str> {
    let help = "write a time of at most a second: 250ms, 1s";
    let millis: u64 = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().map_err(|_| help)?,
        (None, Some(number)) => number.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000)).ok_or(help)?,
        (None, None) => return Err(help),
    };
    if (1..=1000).contains(&millis) { Ok(Duration::from_millis(millis)) } else { Err(help) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plain_path() {
        assert_eq!(prefix("/api/paylera"), Ok("/api/paylera".to_owned()));
        assert_eq!(prefix("/billing/"), Ok("/billing".to_owned()));
        for odd in ["", "/", "api", "//a", "/a//b", "/{x}", "/a b", "/a/../b", "/a?b"] {
            assert!(prefix(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_time_is_brief() {
        assert_eq!(brief("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(brief("1s"), Ok(Duration::from_secs(1)));
        for odd in ["", "0ms", "2s", "1001ms", "1", "1m", "-1s", "18446744073709551615s"] {
            assert!(brief(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_claim_is_mapped_to_a_member() {
        assert_eq!(claim("customer_id=sub"), Ok((Member::CustomerId, "sub".to_owned())));
        assert_eq!(claim("email=https://acme/email"), Ok((Member::Email, "https://acme/email".to_owned())));
        for odd in ["sub", "customer=sub", "email=", "=x"] {
            assert!(claim(odd).is_err(), "{odd}");
        }
    }
}
