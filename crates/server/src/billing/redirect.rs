//! Where a checkout may return to.

use axum::http::Uri;
use farebox_api::ProblemCode;
use farebox_store::billing::Settings;
use farebox_types::Mode;

use super::{BillingSettings, RedirectPolicy, edge::Denial};

/// What providers put the checkout's id in the place of.
pub(super) const PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";

/// An absolute https URL (http for this machine, in test mode) of a domain that may be returned to. `server` has its
/// policy and domains; a merchant that is strict has its own.
pub(super) fn allowed(text: &str, mode: Mode, server: &BillingSettings, settings: &Settings) -> Result<(), Denial> {
    let refused = |why: &str| Denial::new(ProblemCode::RedirectDomainNotAllowed, format!("{why}: {:.200}", text));
    let plain =
        text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['\\', '"', '<', '>']);
    let uri: Option<Uri> = text.replace(PLACEHOLDER, "x").parse().ok().filter(|_| plain);
    let uri = uri.ok_or_else(|| refused("not a URL"))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let host = authority
        .map(|authority| authority.host().to_ascii_lowercase())
        .ok_or_else(|| refused("not an absolute URL"))?;
    let local = mode == Mode::Test && matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if local => return Ok(()),
        _ => return Err(refused("only https can be returned to")),
    }
    let own = settings.strict_redirects.then_some(settings.redirect_domains.as_slice());
    let listed = |list: &[String]| list.iter().any(|domain| is_within(&host, domain));
    let domains = &server.redirect_domains;
    let anywhere = match server.redirect_policy {
        RedirectPolicy::Lenient => true,
        RedirectPolicy::StrictWhenLive => mode == Mode::Test,
        RedirectPolicy::Strict => false,
    };
    let open = domains.is_empty() && (anywhere || own.is_some());
    if (open || listed(domains)) && own.is_none_or(listed) {
        Ok(())
    } else {
        Err(refused("the domain may not be returned to"))
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.') && !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(text: &str, mode: Mode, domains: &[&str]) -> bool {
        under(RedirectPolicy::Lenient, text, mode, domains)
    }

    fn under(redirect_policy: RedirectPolicy, text: &str, mode: Mode, domains: &[&str]) -> bool {
        let redirect_domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let server = BillingSettings { redirect_policy, redirect_domains, ..BillingSettings::default() };
        allowed(text, mode, &server, &Settings::unset(uuid::Uuid::nil())).is_ok()
    }

    #[test]
    fn a_strict_server_without_a_list_is_returned_to_from_nowhere() {
        let url = "https://anywhere.example/";
        let strict = |mode| under(RedirectPolicy::Strict, url, mode, &[]);
        let when_live = |mode| under(RedirectPolicy::StrictWhenLive, url, mode, &[]);
        assert_eq!([strict(Mode::Test), strict(Mode::Live)], [false, false]);
        assert_eq!([when_live(Mode::Test), when_live(Mode::Live)], [true, false]);
        assert!(under(RedirectPolicy::Strict, url, Mode::Live, &["anywhere.example"]));
        let own = Settings {
            strict_redirects: true,
            redirect_domains: vec!["anywhere.example".to_owned()],
            ..Settings::unset(uuid::Uuid::nil())
        };
        let server = BillingSettings { redirect_policy: RedirectPolicy::Strict, ..BillingSettings::default() };
        assert!(allowed(url, Mode::Live, &server, &own).is_ok(), "a merchant's own list is one");
    }

    #[test]
    fn only_listed_domains_and_those_below_them_are_returned_to() {
        let list = ["acme.com"];
        assert!(may("https://acme.com/ok?session={CHECKOUT_SESSION_ID}", Mode::Live, &list));
        assert!(may("https://app.acme.com/", Mode::Live, &list));
        for url in ["https://evilacme.com/", "https://acme.com.evil.org/", "https://acme.com@evil.org/", "//acme.com/"]
        {
            assert!(!may(url, Mode::Live, &list), "{url}");
        }
    }

    #[test]
    fn without_a_list_any_https_is_returned_to_and_nothing_else() {
        assert!(may("https://anywhere.example/", Mode::Live, &[]));
        assert!(may("http://localhost:3000/done", Mode::Test, &[]) && !may("http://localhost:3000/", Mode::Live, &[]));
        for url in ["javascript:alert(1)", "http://acme.com/", "data:text/html,x", "", "/relative", "https://a b/"] {
            assert!(!may(url, Mode::Test, &[]), "{url}");
        }
    }
}
