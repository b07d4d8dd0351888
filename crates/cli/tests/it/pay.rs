//! `farebox pay` from a wallet, at a seller that asks for a cent.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use farebox_x402::{PaymentPayload, header};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The second key of every development chain.
const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const PAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// Takes any payment for `/paid`, and never answers one for `/slow` but the first.
#[derive(Clone, Default)]
struct Seller {
    nonces: Arc<Mutex<Vec<String>>>,
}

async fn start() -> (SocketAddr, Seller) {
    let seller = Seller::default();
    let app = Router::new().fallback(sell).with_state(seller.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seller)
}

async fn sell(State(seller): State<Seller>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(payment) = headers.get(header::PAYMENT_SIGNATURE) else {
        let accept = json!({"scheme": "exact", "network": "eip155:84532", "amount": "10000", "payTo": PAY_TO,
            "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "maxTimeoutSeconds": 60,
            "extra": {"name": "USDC", "version": "2"}});
        let offer = json!({"x402Version": 2, "resource": {"url": "/paid"}, "accepts": [accept]});
        return (StatusCode::PAYMENT_REQUIRED, [(header::PAYMENT_REQUIRED, header::encode(&offer))]).into_response();
    };
    let payload = PaymentPayload::from_header(payment.as_bytes()).unwrap();
    let object: Value = serde_json::from_str(payload.payload.get()).unwrap();
    let is_first = {
        let mut nonces = seller.nonces.lock().unwrap();
        nonces.push(object["authorization"]["nonce"].as_str().unwrap().to_owned());
        nonces.len() == 1
    };
    if uri.path() == "/slow" && is_first {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let receipt = json!({"success": true, "transaction": "0xfeed", "network": "eip155:84532", "payer": PAYER});
    ([(header::PAYMENT_RESPONSE, header::encode(&receipt))], "paid content").into_response()
}

/// The command, with a state folder of its own and no variables of the caller's.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.arg("pay").args(args).current_dir(folder).env("XDG_STATE_HOME", folder.join("state"));
    for name in ["FAREBOX_API_KEY", "FAREBOX_WALLET_KEY", "FAREBOX_CONFIG"] {
        command.env_remove(name);
    }
    command
}

async fn pay(folder: &TempDir, args: &[&str]) -> Output {
    let mut command = command(folder.path(), args);
    command.env("FAREBOX_WALLET_KEY", KEY);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_wallet_pays_and_the_receipt_is_printed() {
    let ((address, seller), folder) = (start().await, tempfile::tempdir().unwrap());
    let url = format!("http://{address}/paid");
    let dry = pay(&folder, &[&url, "--dry-run"]).await;
    assert_eq!(text(&dry.stdout), format!("would pay 0.01 USDC on Base Sepolia to {PAY_TO}\n"));
    assert!(dry.status.success() && seller.nonces.lock().unwrap().is_empty());

    let paid = pay(&folder, &[&url, "--max", "$0.01"]).await;
    assert!(paid.status.success(), "{}", text(&paid.stderr));
    assert_eq!(text(&paid.stdout), "paid content\n");
    let receipt = format!("200, paid 0.01 USDC on Base Sepolia to {PAY_TO}, transaction 0xfeed");
    assert!(text(&paid.stderr).contains(&receipt), "{}", text(&paid.stderr));

    let paid = pay(&folder, &[&url, "--json"]).await;
    let object: Value = serde_json::from_slice(&paid.stdout).unwrap();
    assert_eq!((&object["status"], &object["receipt"]["transaction"]), (&json!(200), &json!("0xfeed")));
    assert_eq!((&object["fare"]["amount"], &object["body"]), (&json!("10000"), &json!("paid content")));
    let nonces = seller.nonces.lock().unwrap().clone();
    assert!(nonces.len() == 2 && nonces[0] != nonces[1]);

    let journal = std::fs::read_to_string(folder.path().join("state/farebox/payer.jsonl")).unwrap();
    assert!(journal.contains("answered") && !journal.contains(KEY));
}

#[tokio::test]
async fn a_limit_says_by_how_much_and_nothing_is_signed() {
    let ((address, seller), folder) = (start().await, tempfile::tempdir().unwrap());
    let url = format!("http://{address}/paid");
    for (args, why) in [
        (["--max", "$0.009"], "$0.01 is $0.001 over the $0.009 allowed for one payment"),
        (["--max-per-day", "0"], "$0.01 is $0.01 over the $0 left for today"),
        (["--network", "base"], "network eip155:84532 is not in the budget"),
        (["--payee", PAYER], "is not in the budget"),
        (["--max", "cheap"], "--max cheap: not a price"),
        (["--rpc-url", "base"], "--rpc-url is a network and a URL"),
    ] {
        let refused = pay(&folder, &[&[url.as_str()], &args[..]].concat()).await;
        assert!(!refused.status.success() && text(&refused.stderr).contains(why), "{}", text(&refused.stderr));
    }
    assert!(seller.nonces.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_payment_that_was_killed_is_gone_on_with() {
    for resume in [false, true] {
        let ((address, seller), folder) = (start().await, tempfile::tempdir().unwrap());
        let (url, key) = (format!("http://{address}/slow"), folder.path().join("wallet.key"));
        std::fs::write(&key, format!("0x{KEY}\n")).unwrap();
        let args = ["--wallet-key-file", "wallet.key"];
        let mut first = command(folder.path(), &[&[url.as_str()], &args[..]].concat());
        let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while seller.nonces.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        first.kill().unwrap();
        first.wait().unwrap();

        let again = pay(&folder, &[if resume { "--resume" } else { &url }]).await;
        assert!(again.status.success(), "{}", text(&again.stderr));
        let said = text(&again.stdout) + &text(&again.stderr);
        assert!(said.contains("transaction 0xfeed"), "{said}");
        let nonces = seller.nonces.lock().unwrap().clone();
        assert!(nonces.len() == 2 && nonces[0] == nonces[1], "one authorization: {nonces:?}");
        let nothing = pay(&folder, &["--resume"]).await;
        assert_eq!(text(&nothing.stdout), "no payment is open\n");
    }
}

#[tokio::test]
async fn without_anything_to_pay_with_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut bare = command(folder.path(), &["http://127.0.0.1:1/paid"]);
    let refused = bare.output().unwrap();
    assert!(!refused.status.success());
    let said = text(&refused.stderr);
    assert!(said.contains("FAREBOX_API_KEY") && said.contains("--wallet-key-file"), "{said}");
    let refused = bare.env("FAREBOX_WALLET_KEY", "no key").output().unwrap();
    let said = text(&refused.stderr);
    assert!(said.contains("64 hex digits") && !said.contains("no key"), "{said}");
}
