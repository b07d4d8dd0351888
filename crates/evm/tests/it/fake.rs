//! A node that answers what a test wants, over real HTTP.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolValue, sol};
use farebox_evm::chain::{Chain, ChainConfig};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::world::{CHAIN, World, address, fresh_wallet, post};

sol! {
    struct Finding {
        uint256 codeSize;
        uint256 flags;
        uint256 balance;
        uint256 allowance;
        bytes reverted;
    }
}

/// What a node says to one request.
#[derive(Clone)]
pub(crate) enum Reply {
    Json(Value),
    /// A status and a body.
    Http(u16, String),
    /// What another node says to this request.
    Of(String, Value),
    /// Less than it promised.
    Cut,
    /// Zeros, for ever.
    Endless,
    /// Nothing.
    Silence,
}

pub(crate) struct Node {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answers = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

impl Node {
    /// Answers each request after `pause`.
    pub(crate) async fn start(pause: Duration, answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, all): (Answers, _) = (Arc::new(answer), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                tokio::spawn(async move {
                    // A client that leaves early is what some tests are about.
                    let _ = serve(stream, pause, &answer, &all).await;
                });
            }
        });
        Self { url, asked, task }
    }

    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// People on a chain that this node speaks for. Impatient.
    pub(crate) fn world(&self, others: &[&Self]) -> World {
        let (signer, payer) = (fresh_wallet(), fresh_wallet());
        let urls = std::iter::once(self).chain(others.iter().copied()).map(|node| node.url.clone()).collect();
        let mut config = ChainConfig::new(CHAIN, urls, vec![signer.address()]);
        config.timeout = Duration::from_secs(2);
        let chain = Chain::new(config).unwrap();
        World { url: self.url.clone(), chain, signer, payer, seller: address(&fresh_wallet()) }
    }
}

async fn serve(
    mut stream: TcpStream,
    pause: Duration,
    answer: &Answers,
    all: &Mutex<Vec<Value>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let request = loop {
        let mut chunk = [0; 4_096];
        let read = stream.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        let Some(body) = bytes.get(head + 4..head + 4 + length) else { continue };
        break serde_json::from_slice::<Value>(body).unwrap();
    };
    all.lock().unwrap().push(request.clone());
    tokio::time::sleep(pause).await;
    match answer(&request) {
        Reply::Json(value) => respond(&mut stream, 200, &value.to_string(), 0).await,
        Reply::Http(status, body) => respond(&mut stream, status, &body, 0).await,
        Reply::Of(url, request) => {
            let answer = post(&url, &request).await;
            respond(&mut stream, 200, &answer.to_string(), 0).await
        }
        Reply::Cut => respond(&mut stream, 200, "{\"jsonrpc\":", 1_000).await,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[").await?;
            loop {
                stream.write_all(&[b'0'; 65_536]).await?;
            }
        }
        Reply::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
    }
}

async fn respond(stream: &mut TcpStream, status: u16, body: &str, promised: usize) -> std::io::Result<()> {
    let length = body.len() + promised;
    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await
}

/// Answers every call of a request, alone or in a batch.
pub(crate) fn each(request: &Value, answer: impl Fn(&str, &Value) -> Result<Value, Value>) -> Reply {
    let one = |call: &Value| match answer(call["method"].as_str().unwrap(), &call["params"]) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
    };
    Reply::Json(request.as_array().map_or_else(|| one(request), |calls| calls.iter().map(one).collect()))
}

/// How many payments a call asks about; `None` for any other call.
pub(crate) fn items(method: &str, params: &Value) -> Option<usize> {
    let code = include_str!("../../contracts/artifacts/Probe.creation.hex").trim();
    let data = params[0]["data"].as_str().filter(|_| method == "eth_call")?;
    let parameters = data.strip_prefix("0x")?.strip_prefix(code)?;
    // Where the items are, the gas, how many there are.
    usize::from_str_radix(&parameters[128..192], 16).ok()
}

/// A node by which every payment is good: whoever pays has no code and is rich, and whatever is simulated succeeds.
pub(crate) fn agreeable(method: &str, params: &Value) -> Result<Value, Value> {
    let call = params[0]["data"].as_str().unwrap_or_default();
    let bytes = |bytes: &[u8]| Ok(json!(format!("0x{}", hex::encode(bytes))));
    match (method, items(method, params)) {
        (_, Some(items)) => {
            let flags = U256::from(0b101_1011);
            let finding = Finding {
                codeSize: U256::ZERO,
                flags,
                balance: U256::MAX,
                allowance: U256::MAX,
                reverted: Bytes::new(),
            };
            bytes(&vec![Bytes::from(finding.abi_encode_params()); items].abi_encode())
        }
        ("eth_call", None) if call == "0x3644e515" => bytes(World::domain().separator().as_slice()),
        ("eth_call" | "eth_getCode", None) => bytes(&[1; 32]),
        ("eth_chainId", None) => Ok(json!("0x14a34")),
        _ => Err(json!({"code": -32_601, "message": "method not found"})),
    }
}
