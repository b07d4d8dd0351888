//! The page that browsers get, as bytes. What a browser makes of it is tried in `conformance/browser`.

use base64::{Engine, prelude::BASE64_STANDARD};
use farebox_gate::{Means, OwnPage, Paywall, PaywallFacts, WayToPay};
use farebox_x402::PaymentRequired;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn offer(resource: &Value) -> PaymentRequired {
    serde_json::from_value(json!({"x402Version": 2, "resource": resource, "accepts": []})).unwrap()
}

fn forecast() -> PaymentRequired {
    offer(&json!({"url": "/forecast", "description": "Tomorrow’s weather", "mimeType": "application/json"}))
}

fn usdc(price: &str, up_to: bool) -> WayToPay {
    let [symbol, chain, network, asset, pay_to] =
        ["USDC", "Base Sepolia", "eip155:84532", "0x036CbD53", "0x209693Bc"].map(str::to_owned);
    WayToPay { price: price.to_owned(), means: Means::Token { symbol, chain, network, asset, pay_to, up_to } }
}

fn credits() -> WayToPay {
    WayToPay { price: "5 credits".to_owned(), means: Means::Credits { plan_id: "7".to_owned() } }
}

/// The facts of a request that differs from a first GET.
fn but<'a>(mut facts: PaywallFacts<'a>, change: impl FnOnce(&mut PaywallFacts<'a>)) -> PaywallFacts<'a> {
    change(&mut facts);
    facts
}

fn html(paywall: &Paywall, facts: &PaywallFacts<'_>) -> String {
    String::from_utf8(paywall.page(facts).1.into()).unwrap()
}

fn policy(headers: &HeaderMap) -> &str {
    headers["content-security-policy"].to_str().unwrap()
}

/// What stands between each `<name>` and its end.
fn inside<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    html.split(&start).skip(1).map(|rest| rest.split_once(&end).unwrap().0).collect()
}

fn window(html: &str) -> Value {
    let script = inside(html, "script")[0];
    let json = script.strip_prefix("window.x402 = ").and_then(|rest| rest.strip_suffix(';'));
    serde_json::from_str(json.unwrap()).unwrap()
}

#[test]
fn the_page_says_what_is_sold_for_how_much_and_how_to_pay() {
    let (offer, ways) = (forecast(), [usdc("$0.01", false), credits()]);
    let mut facts = PaywallFacts::new(&offer, &ways);
    facts.page_url = Some("https://weather.example/forecast?place=Oslo");
    facts.testnet = true;
    let html = html(&Paywall::new().app_name("Weather").support("/help"), &facts);
    for words in [
        "<h1 id=\"what\" dir=\"auto\">Tomorrow’s weather</h1>",
        "<bdi class=\"path\">/forecast</bdi>",
        "application/json",
        "<bdi>$0.01</bdi>",
        "in USDC on Base Sepolia",
        "<bdi>5 credits</bdi>",
        "of plan 7",
        "Test mode: no real money moves",
        "<dt>Paid to</dt><dd><bdi>0x209693Bc</bdi></dd>",
        "Do not send the money by hand",
        "farebox pay &#39;<span>https://weather.example/forecast?place=Oslo</span>&#39;",
        "@x402/fetch",
        "{ network: &#34;eip155:84532&#34;, client }",
        "<svg class=\"qr\"",
        "<a href=\"/help\"",
    ] {
        assert!(html.contains(words), "{words} is missing");
    }
    assert!(!html.contains("role=\"alert\""));
    // A wallet would take either for an order to send money.
    assert!(!html.contains("ethereum:") && !html.contains("/transfer"));
}

#[test]
fn a_limit_is_called_a_limit() {
    let (offer, ways) = (forecast(), [usdc("$0.10", true)]);
    let html = html(&Paywall::new(), &PaywallFacts::new(&offer, &ways));
    assert!(html.contains("at most, in USDC on Base Sepolia"));
    assert!(html.contains("up to <bdi>$0.10</bdi>"));
}

#[test]
fn why_the_last_payment_failed_is_on_top() {
    let (offer, ways) = (forecast(), [credits()]);
    let facts = but(PaywallFacts::new(&offer, &ways), |facts| facts.error = Some("insufficient_funds"));
    let html = html(&Paywall::new(), &facts);
    let (before, after) = html.split_once("role=\"alert\"").unwrap();
    assert!(after.contains("<bdi>insufficient_funds</bdi>") && after.contains("<h1") && !before.contains("<h1"));
}

#[test]
fn the_code_is_left_out_where_opening_the_address_would_not_help() {
    let (offer, ways, plan_only) = (forecast(), [usdc("$0.01", false)], [credits()]);
    let url = Some("https://weather.example/forecast");
    let long = format!("https://weather.example/{}", "a".repeat(400));
    let shows = |ways: &[WayToPay], url, method| {
        let facts = but(PaywallFacts::new(&offer, ways), |facts| (facts.page_url, facts.method) = (url, method));
        html(&Paywall::new(), &facts).contains("<svg class=\"qr\"")
    };
    assert!(shows(&ways, url, "GET"));
    assert!(!shows(&ways, None, "GET"), "no public URL");
    assert!(!shows(&ways, url, "POST"), "not a GET");
    assert!(!shows(&plan_only, url, "GET"), "no wallet pays");
    assert!(!shows(&ways, Some(&long), "GET"), "too long");
}

#[test]
fn the_policy_names_every_style_and_script_by_its_hash_and_nothing_else() {
    let (offer, ways) = (forecast(), [usdc("$0.01", false)]);
    let (headers, body) = Paywall::new().accent("#7a3cff").page(&PaywallFacts::new(&offer, &ways));
    let html = str::from_utf8(&body).unwrap();
    let hashes = |name| {
        let texts = inside(html, name).into_iter();
        let hashes = texts.map(|text| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text))));
        hashes.collect::<Vec<_>>()
    };
    let (styles, scripts) = (hashes("style"), hashes("script"));
    assert_eq!((styles.len(), scripts.len()), (1, 2));
    assert_eq!(
        policy(&headers),
        format!(
            "default-src 'none'; style-src {}; script-src {} {}; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            styles[0], scripts[0], scripts[1]
        )
    );
    assert!(!html.contains(" style=") && !html.contains(" onclick") && !html.contains("javascript:"));
}

#[test]
fn the_headers_keep_the_page_out_of_caches_frames_and_referrers() {
    let (offer, ways) = (forecast(), [credits()]);
    let (headers, _) = Paywall::new().page(&PaywallFacts::new(&offer, &ways));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("vary", "Accept, User-Agent"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-language", "en"),
    ] {
        assert_eq!(headers[name], value);
    }
}

#[test]
fn a_logo_of_the_same_server_is_the_one_thing_the_page_may_load() {
    let (offer, ways) = (forecast(), [credits()]);
    let facts = PaywallFacts::new(&offer, &ways);
    let on_server = Paywall::new().logo("/logo.svg").page(&facts);
    assert!(policy(&on_server.0).contains("img-src data: 'self';"));
    let inside = Paywall::new().logo("data:image/png;base64,iVBORw0=").page(&facts);
    assert!(policy(&inside.0).contains("img-src data:;"));
    let elsewhere = Paywall::new().logo("https://cdn.example/logo.svg");
    assert!(!html(&elsewhere, &facts).contains("cdn.example"));
}

#[test]
fn browser_clients_find_the_offer_where_they_look_for_it() {
    let offer = offer(&json!({"url": "/forecast", "description": "</script><!--&"}));
    let ways = [usdc("$0.01", false)];
    let facts = but(PaywallFacts::new(&offer, &ways), |facts| facts.testnet = true);
    let html = html(&Paywall::new().app_name("Weather").logo("/logo.svg"), &facts);
    let window = window(&html);
    assert_eq!(window["paymentRequired"], serde_json::to_value(&offer).unwrap());
    assert_eq!(window["amount"].to_string(), "0.01");
    assert_eq!(window["displayAmount"], "$0.01");
    assert_eq!(window["testnet"], true);
    assert_eq!((&window["appName"], &window["appLogo"]), (&json!("Weather"), &json!("/logo.svg")));
    assert_eq!(window["currentUrl"], "/forecast");
}

#[test]
fn a_page_of_the_sellers_own_replaces_ours() {
    let (offer, ways) = (forecast(), [credits()]);
    let facts = PaywallFacts::new(&offer, &ways);
    let own = Paywall::new().template(|facts| format!("<p>{} for {}", facts.ways[0], facts.path));
    let (headers, body) = own.page(&facts);
    assert_eq!(body, "<p>5 credits of plan 7 for /forecast");
    assert!(
        policy(&headers).starts_with("default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;")
    );
    assert_eq!(
        (&headers["cache-control"], &headers["vary"]),
        (&"no-store".parse().unwrap(), &"Accept, User-Agent".parse().unwrap())
    );

    let wanted = HeaderValue::from_static("script-src 'self'");
    let with_policy = wanted.clone();
    let own = Paywall::new().template(move |_| OwnPage::from(String::new()).policy(with_policy.clone()));
    assert_eq!(own.page(&facts).0["content-security-policy"], wanted);
}

#[test]
fn a_template_that_panics_leaves_our_page() {
    let (offer, ways) = (forecast(), [credits()]);
    let own = Paywall::new().template(|facts| facts.ways[99].to_string());
    assert!(html(&own, &PaywallFacts::new(&offer, &ways)).contains("<h1"));
}

/// Every text of the page that somebody else writes.
fn hostile_page(text: &str) -> String {
    let offer = offer(&json!({"url": text, "description": text, "mimeType": text}));
    let [symbol, chain, network, asset, pay_to] = [(); 5].map(|()| text.to_owned());
    let token = Means::Token { symbol, chain, network, asset, pay_to, up_to: false };
    let ways = [
        WayToPay { price: text.to_owned(), means: token },
        WayToPay { price: text.to_owned(), means: Means::Credits { plan_id: text.to_owned() } },
        WayToPay { price: text.to_owned(), means: Means::Other { scheme: text.to_owned(), network: text.to_owned() } },
    ];
    let url = format!("https://weather.example/{text}");
    let mut facts = PaywallFacts::new(&offer, &ways);
    (facts.method, facts.path, facts.page_url, facts.error) = (text, text, Some(url.as_str()), Some(text));
    html(&Paywall::new().app_name(text), &facts)
}

/// The page without what it shows: its tags, in order.
fn tags(html: &str) -> Vec<&str> {
    let tags = html.split('<').skip(1).map(|tag| tag.split(['>', ' ', '\n']).next().unwrap());
    tags.filter(|tag| !matches!(*tag, "rect" | "path")).collect()
}

#[test]
fn hostile_texts_stay_texts() {
    let harmless = hostile_page("harmless!");
    for text in [
        "</script><script>alert(1)</script>",
        "</style></title><img src=x onerror=alert(1)>!",
        "\" autofocus onfocus=\"alert(1)!",
        "'; rm -rf ~; '!",
        "{{ 7 * 7 }}{% endif %}!",
        "javascript:alert(1)!",
        "pay \u{202e}1$\u{2066}!",
    ] {
        let html = hostile_page(text);
        assert_eq!(tags(&html), tags(&harmless), "{text}");
        let shown = html.split("<script>").next().unwrap().to_owned() + html.split("</script>").nth(1).unwrap();
        assert!(!shown.contains(['\u{202e}', '\u{2066}']), "{text}");
        assert!(!shown.contains(" onfocus=\"") && !shown.contains("';"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_changes_the_structure_of_the_page(text in "[<>&\"'/a-z\\PC\u{202a}-\u{202e}]{0,20}") {
        // A sign that no method has, so that snippets are left out of both pages, and that is never trimmed away.
        let text = format!("!{text}");
        let (html, plain) = (hostile_page(&text), hostile_page("!"));
        prop_assert_eq!(tags(&html), tags(&plain));
        prop_assert_eq!(&window(&html)["paymentRequired"]["resource"]["url"], &Value::from(text));
    }
}
