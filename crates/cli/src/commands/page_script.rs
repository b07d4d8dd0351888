//! The card provider's own script on the checkout's page: its address, and the key that the provider made for browsers.

use farebox_server::billing::PageScript;

use crate::{
    args::{PaymentFlags, ProviderArg},
    failure::failure,
};

const STRIPE: &str = "https://js.stripe.com/v3/";
const TOSS: &str = "https://js.tosspayments.com/v2/standard";

/// The script of the chosen provider; `None` without its key, or where there is no script.
///
/// # Errors
/// The key is none for browsers, or is for other money than our own key; the address cannot be used.
pub(crate) fn page_script(flags: &PaymentFlags) -> anyhow::Result<Option<PageScript>> {
    let (flag, key, url, kinds): (_, _, _, [&[&str]; 2]) = match flags.provider {
        ProviderArg::Sim => return Ok(None),
        ProviderArg::Stripe => {
            let url = flags.stripe_script_url.as_deref().unwrap_or(STRIPE);
            ("--stripe-publishable-key", &flags.stripe_publishable_key, url, [&["pk_test_"], &["pk_live_"]])
        }
        ProviderArg::Toss => {
            let url = flags.toss_script_url.as_deref().unwrap_or(TOSS);
            ("--toss-client-key", &flags.toss_client_key, url, [&["test_ck_", "test_gck_"], &["live_ck_", "live_gck_"]])
        }
    };
    let Some(key) = key else { return Ok(None) };
    let begins = |with: &[&str]| with.iter().any(|prefix| key.starts_with(prefix));
    let [test, live] = kinds.map(begins);
    if !(test || live) || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        // It would be shown to everybody.
        let hint = format!("the provider's dashboard shows it beside the secret one; it begins with {}", kinds[0][0]);
        return Err(failure(format!("{flag} is no key for browsers"), &hint));
    }
    let secret = flags.payment_api_key.as_deref().unwrap_or_default();
    if (live && secret.contains("test_")) || (test && secret.contains("live_")) {
        return Err(failure(
            format!("{flag} and PAYMENT_API_KEY are not of one mode"),
            "give both of test or both of live",
        ));
    }
    let local = ["http://127.0.0.1:", "http://localhost:"].iter().any(|begin| url.starts_with(begin));
    let plain =
        url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\'' | b'"' | b';' | b',' | b'<' | b'@' | b'*'));
    if !plain || !(local || url.starts_with("https://")) {
        return Err(failure(
            "the script's address cannot be used",
            "give https://host/path, or http:// on this machine",
        ));
    }
    Ok(Some(PageScript { url: url.to_owned(), key: key.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(key: &str, secret: &str) -> PaymentFlags {
        PaymentFlags {
            provider: ProviderArg::Stripe,
            stripe_url: None,
            stripe_publishable_key: Some(key.to_owned()),
            stripe_script_url: None,
            toss_url: None,
            toss_client_key: None,
            toss_script_url: None,
            sim_url: None,
            sim_journal: None,
            payment_api_key: Some(secret.to_owned()),
            payments_merchant: None,
        }
    }

    #[test]
    fn a_key_for_browsers_is_taken_with_a_secret_one_of_its_mode() {
        let script = page_script(&flags("pk_test_1", "sk_test_1")).unwrap().unwrap();
        assert_eq!((script.url.as_str(), script.key.as_str()), (STRIPE, "pk_test_1"));
        for (key, secret) in
            [("sk_test_1", "sk_test_1"), ("pk_live_1", "sk_test_1"), ("pk_test_1", "rk_live_1"), ("pk_test_<", "")]
        {
            assert!(page_script(&flags(key, secret)).is_err(), "{key} {secret}");
        }
        let none = PaymentFlags { stripe_publishable_key: None, ..flags("", "sk_test_1") };
        assert!(page_script(&none).unwrap().is_none());
    }

    #[test]
    fn a_script_comes_over_tls_or_from_this_machine() {
        let from = |url: &str| {
            page_script(&PaymentFlags { stripe_script_url: Some(url.to_owned()), ..flags("pk_test_1", "") })
        };
        assert!(from("http://127.0.0.1:9/v3").is_ok());
        for bad in
            ["http://evil.example/v3", "https://a.example/; script-src *", "javascript:1", "https://u@a.example/"]
        {
            assert!(from(bad).is_err(), "{bad}");
        }
    }
}
