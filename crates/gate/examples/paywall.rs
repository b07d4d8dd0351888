//! The paywall page by itself, to look at: `cargo run -p farebox-gate --features paywall --example paywall`, then open
//! <http://127.0.0.1:3000/forecast> in a browser.

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use farebox_gate::{Means, Paywall, PaywallFacts, WayToPay};
use http::StatusCode;
use serde_json::json;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen()).await?;
    let paywall = Paywall::new().app_name("Weather, honestly").logo(LOGO).support("mailto:help@weather.example");
    axum::serve(listener, Router::new().fallback(page).with_state(paywall)).await
}

async fn page(State(paywall): State<Paywall>, request: Request) -> Response {
    let path = request.uri().path();
    let (description, ways) = sold(path);
    let resource = json!({"url": path, "description": description, "mimeType": "application/json"});
    let Ok(offer) = serde_json::from_value(json!({"x402Version": 2, "resource": resource, "accepts": []})) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let url = format!("https://weather.example{}", request.uri());
    let mut facts = PaywallFacts::new(&offer, &ways);
    facts.testnet = path != "/live";
    facts.page_url = Some(url.as_str()).filter(|_| path != "/nowhere");
    facts.error = (path == "/refused").then_some("insufficient_funds: the wallet holds less than the price");
    if path == "/hostile" {
        facts.error = Some(HOSTILE);
        facts.path = HOSTILE;
    }
    let page = match path {
        "/white" => paywall.accent("#ffffff"),
        "/yellow" => paywall.accent("#ffd400"),
        _ => paywall,
    };
    (StatusCode::PAYMENT_REQUIRED, page.page(&facts)).into_response()
}

fn sold(path: &str) -> (Option<String>, Vec<WayToPay>) {
    let credits = WayToPay { price: "5 credits".to_owned(), means: Means::Credits { plan_id: PLAN.to_owned() } };
    let forecast = Some("Tomorrow’s weather for one place, hour by hour".to_owned());
    match path {
        "/hostile" => (Some(HOSTILE.to_owned()), vec![hostile(), credits]),
        "/joke" => (None, vec![WayToPay { price: "1 credit".to_owned(), means: Means::TestRail }]),
        "/generate" => (Some("As many words as you like".to_owned()), vec![usdc("$0.10", true), credits]),
        "/nowhere" => (forecast, vec![credits]),
        "/live" => (forecast, vec![usdc("$0.01", false)]),
        _ => (forecast, vec![usdc("$0.01", false), credits]),
    }
}

fn usdc(price: &str, up_to: bool) -> WayToPay {
    let [symbol, chain, network, asset, pay_to] = [
        "USDC",
        "Base Sepolia",
        "eip155:84532",
        "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
    ]
    .map(str::to_owned);
    WayToPay { price: price.to_owned(), means: Means::Token { symbol, chain, network, asset, pay_to, up_to } }
}

/// A way to pay in which every text tries to leave its place.
fn hostile() -> WayToPay {
    let text = || HOSTILE.to_owned();
    let [symbol, chain, network, asset, pay_to] = [text(), text(), text(), text(), text()];
    WayToPay { price: text(), means: Means::Token { symbol, chain, network, asset, pay_to, up_to: false } }
}

const HOSTILE: &str = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \
                       '\"\u{202e}txet desrever\u{200b} {{ 7 * 7 }} /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

const PLAN: &str = "40583529740317463085467312394751349857239847523984750923847509238475";

/// A sun.
const LOGO: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMi\
                    AzMiI+PHJlY3Qgd2lkdGg9IjMyIiBoZWlnaHQ9IjMyIiByeD0iOCIgZmlsbD0iIzEyMmI0YSIvPjxjaXJjbGUgY3g9IjE2IiBjeT0i\
                    MTYiIHI9IjciIGZpbGw9IiNmZmM4M2QiLz48L3N2Zz4=";

/// `--listen 127.0.0.1:3000`
fn listen() -> String {
    let given = std::env::args().skip_while(|word| word != "--listen").nth(1);
    given.unwrap_or_else(|| "127.0.0.1:3000".to_owned())
}
