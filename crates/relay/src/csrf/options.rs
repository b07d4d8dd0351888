//! How the merchant wants tokens to be made.

use std::time::Duration;

use farebox_types::Secret;

use super::token::{Keys, NoRandomness};

/// A shorter secret can be guessed.
const SECRET_BYTES: usize = 32;
/// A token lives no longer than this, the protocol says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// CSRF protection of the relay: signed double-submit tokens.
///
/// Instances behind one load balancer share one secret, or they refuse each other's tokens.
///
/// ```
/// use farebox_relay::{Csrf, SameSite};
/// use farebox_types::Secret;
///
/// let secret = Secret::new("an example secret of 32 bytes or more".into());
/// let csrf = Csrf::signed(secret).same_site(SameSite::Strict).lifetime(std::time::Duration::from_secs(3600));
/// ```
#[must_use]
pub struct Csrf {
    pub(super) key: Key,
    pub(super) previous: Option<Secret>,
    pub(super) cookie_path: String,
    pub(super) secure: Option<bool>,
    pub(super) same_site: SameSite,
    pub(super) lifetime: Duration,
}

pub(super) enum Key {
    Shared(Secret),
    OfThisProcess,
    Off,
}

/// The cookie's `SameSite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Sent when a link leads here from elsewhere: the default.
    #[default]
    Lax,
    /// Never sent with a request from elsewhere.
    Strict,
    /// Sent always; browsers then insist on `Secure`.
    None,
}

/// Why the tokens cannot be made as wanted: an error at start-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCsrf {
    /// Every instance would refuse what the others sign, and a restart everything.
    #[error(
        "in production the relay needs a secret that all instances share: set PAYLERA_RELAY_SECRET (openssl rand -base64 32)"
    )]
    NoSecret,
    /// It could be guessed.
    #[error("the relay secret has fewer than 32 bytes: make one with `openssl rand -base64 32`")]
    ShortSecret,
    /// The path would break the cookie.
    #[error("the cookie's path must begin with / and hold visible ASCII without ; or ,")]
    CookiePath,
    /// Browsers drop such a cookie.
    #[error("SameSite=None needs a secure cookie")]
    SameSite,
    /// The protocol ends every token after a day.
    #[error("a token lives from one second to 24 hours")]
    Lifetime,
    /// Nothing to make a key of.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl Csrf {
    /// Tokens signed with `PAYLERA_RELAY_SECRET`, as it is.
    pub const fn signed(secret: Secret) -> Self {
        Self::with(Key::Shared(secret))
    }

    /// Tokens signed with a key of this process alone: for one instance in development, refused in production.
    pub const fn of_this_process() -> Self {
        Self::with(Key::OfThisProcess)
    }

    /// No token is asked for. Something else must protect the routes: origins are still checked, and that is all.
    pub const fn off() -> Self {
        Self::with(Key::Off)
    }

    const fn with(key: Key) -> Self {
        let lifetime = LONGEST;
        Self { key, previous: None, cookie_path: String::new(), secure: None, same_site: SameSite::Lax, lifetime }
    }

    /// The secret before this one (`PAYLERA_RELAY_SECRET_PREVIOUS`): its tokens are still good, new ones are not made.
    pub fn previous(mut self, secret: Secret) -> Self {
        self.previous = Some(secret);
        self
    }

    /// The cookie's `Path`; `/api/paylera` unless said. It must cover the prefix that the relay is mounted at.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie_path = path.into();
        self
    }

    /// Whether the cookie is `Secure`; in production unless said.
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = Some(secure);
        self
    }

    /// The cookie's `SameSite`; `Lax` unless said.
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// How long a token is good, in whole seconds; a day unless said, and at most.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The keys, and `false` if nobody checks what they sign.
    pub(super) fn keys(&self, production: bool) -> Result<(Keys, bool), BadCsrf> {
        let secrets = [Some(&self.key).and_then(Key::secret), self.previous.as_ref()];
        for secret in secrets.into_iter().flatten().filter(|secret| secret.expose().len() < SECRET_BYTES) {
            if production || secret.expose().is_empty() {
                return Err(BadCsrf::ShortSecret);
            }
            tracing::warn!("the relay secret has fewer than 32 bytes: in production it is refused");
        }
        match &self.key {
            Key::Shared(secret) => Ok((Keys::new(secret, self.previous.as_ref()), true)),
            Key::OfThisProcess if production => Err(BadCsrf::NoSecret),
            Key::OfThisProcess => {
                tracing::warn!("no PAYLERA_RELAY_SECRET: tokens are good for this process only");
                Ok((Keys::random()?, true))
            }
            Key::Off => {
                tracing::warn!("the relay's CSRF protection is off: something else must protect its routes");
                Ok((Keys::random()?, false))
            }
        }
    }

    /// What stands in every cookie behind its value.
    pub(super) fn attributes(&self, production: bool) -> Result<String, BadCsrf> {
        let path = if self.cookie_path.is_empty() { "/api/paylera" } else { &self.cookie_path };
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',');
        if !path.starts_with('/') || !plain {
            return Err(BadCsrf::CookiePath);
        }
        let secure = self.secure.unwrap_or(production);
        if self.same_site == SameSite::None && !secure {
            return Err(BadCsrf::SameSite);
        }
        let same_site = match self.same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        };
        let seconds = self.seconds()?;
        let secure = if secure { "; Secure" } else { "" };
        Ok(format!("; Path={path}; SameSite={same_site}; Max-Age={seconds}{secure}"))
    }

    pub(super) fn seconds(&self) -> Result<i64, BadCsrf> {
        let seconds = i64::try_from(self.lifetime.as_secs()).map_err(|_| BadCsrf::Lifetime)?;
        if seconds > 0 && self.lifetime <= LONGEST { Ok(seconds) } else { Err(BadCsrf::Lifetime) }
    }
}

impl Key {
    const fn secret(&self) -> Option<&Secret> {
        if let Self::Shared(secret) = self { Some(secret) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(length: usize) -> Secret {
        Secret::new("s".repeat(length))
    }

    #[test]
    fn production_wants_a_shared_secret_of_32_bytes() {
        let refused = |csrf: Csrf| csrf.keys(true).err();
        assert_eq!(refused(Csrf::signed(secret(32))), None);
        assert_eq!(refused(Csrf::signed(secret(31))), Some(BadCsrf::ShortSecret));
        assert_eq!(refused(Csrf::signed(secret(32)).previous(secret(31))), Some(BadCsrf::ShortSecret));
        assert_eq!(refused(Csrf::of_this_process()), Some(BadCsrf::NoSecret));
        assert_eq!(refused(Csrf::off()), None);
    }

    #[test]
    fn development_takes_what_there_is() {
        assert!(Csrf::of_this_process().keys(false).is_ok());
        assert!(Csrf::signed(secret(5)).keys(false).is_ok());
        assert_eq!(Csrf::signed(secret(0)).keys(false).err(), Some(BadCsrf::ShortSecret));
    }

    #[test]
    fn the_cookie_is_never_hidden_from_scripts_and_secure_in_production() {
        let csrf = Csrf::signed(secret(32));
        assert_eq!(csrf.attributes(false).unwrap(), "; Path=/api/paylera; SameSite=Lax; Max-Age=86400");
        assert_eq!(csrf.attributes(true).unwrap(), "; Path=/api/paylera; SameSite=Lax; Max-Age=86400; Secure");
        let csrf = Csrf::signed(secret(32)).cookie_path("/").same_site(SameSite::Strict).secure(true);
        let csrf = csrf.lifetime(Duration::from_secs(60));
        assert_eq!(csrf.attributes(false).unwrap(), "; Path=/; SameSite=Strict; Max-Age=60; Secure");
    }

    #[test]
    fn options_that_cannot_work_are_refused() {
        let csrf = || Csrf::signed(secret(32));
        for path in ["api", "/a;b", "/a b", "/ä", "/a\r\nb"] {
            assert_eq!(csrf().cookie_path(path).attributes(false), Err(BadCsrf::CookiePath), "{path}");
        }
        assert_eq!(csrf().same_site(SameSite::None).attributes(false), Err(BadCsrf::SameSite));
        assert!(csrf().same_site(SameSite::None).attributes(true).is_ok());
        for seconds in [0, 86_401] {
            let csrf = csrf().lifetime(Duration::from_secs(seconds));
            assert_eq!(csrf.attributes(false), Err(BadCsrf::Lifetime));
        }
    }
}
