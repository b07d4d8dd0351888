//! A chain of tests, and people on it with fresh keys.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, sol};
use farebox_evm::{
    Payment, Signature, Wallet,
    chain::{Chain, ChainConfig, Good, Look, Sent},
    contracts::{EXACT_PROXY, UPTO_PROXY},
    eip3009_payload, permit2_payload,
    typed::{Domain, Permit2Transfer, TransferAuthorization, Witness},
};
use farebox_types::{AtomicAmount, Clock, Secret, SystemClock, Timestamp};
use farebox_x402::{Refusal, Requirements};
use serde_json::{Value, json};

pub(crate) const CHAIN: u64 = 84_532;
pub(crate) const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(crate) const FACTORY: Address = alloy_primitives::address!("FaC7000000000000000000000000000000000001");

sol! {
    function mint(address to, uint256 value);
    function approve(address spender, uint256 value);
    function balanceOf(address owner) returns (uint256);
    function create(address owner, bytes32 salt);
    function predict(address owner, bytes32 salt) returns (address);
}

/// The chain, a facilitator's signer with gas, and a payer with a hundred dollars.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) chain: Chain,
    pub(crate) signer: Wallet,
    pub(crate) payer: Wallet,
    pub(crate) seller: Address,
}

pub(crate) fn fresh_wallet() -> Wallet {
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    Wallet::new(&Secret::new(hex::encode(key))).unwrap()
}

pub(crate) fn address(wallet: &Wallet) -> Address {
    Address::new(*wallet.address().bytes())
}

pub(crate) fn random_word() -> B256 {
    let mut word = [0; 32];
    getrandom::fill(&mut word).unwrap();
    word.into()
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

impl World {
    /// `None` without a chain to test on.
    #[expect(clippy::disallowed_methods, reason = "tests take their chain from the environment")]
    pub(crate) async fn new() -> Option<Self> {
        let Ok(url) = std::env::var("FAREBOX_TEST_ANVIL") else {
            println!("skipped: FAREBOX_TEST_ANVIL is not set");
            return None;
        };
        let (signer, payer) = (fresh_wallet(), fresh_wallet());
        let mut config = ChainConfig::new(CHAIN, vec![url.clone()], vec![signer.address()]);
        config.factories.insert(farebox_types::Address::from_bytes(FACTORY.into_array()));
        let chain = Chain::new(config).unwrap();
        let world = Self { url, chain, signer, payer, seller: address(&fresh_wallet()) };
        world.gas_for(&world.signer).await;
        world.mint(address(&world.payer), 100_000_000).await;
        Some(world)
    }

    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.url, method, params).await
    }

    pub(crate) async fn gas_for(&self, wallet: &Wallet) {
        self.rpc("anvil_setBalance", json!([wallet.address().to_string(), "0xde0b6b3a7640000"])).await;
    }

    pub(crate) async fn send_as(&self, from: Address, to: &str, data: Vec<u8>) {
        self.rpc("anvil_setBalance", json!([from, "0xde0b6b3a7640000"])).await;
        self.rpc("anvil_impersonateAccount", json!([from])).await;
        let call = json!({"from": from, "to": to, "data": format!("0x{}", hex::encode(data))});
        let hash = self.rpc("eth_sendTransaction", json!([call])).await;
        while self.rpc("eth_getTransactionReceipt", json!([hash])).await.is_null() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn mint(&self, to: Address, value: u64) {
        // An account that is to be deployed must not have sent anything before.
        self.send_as(address(&self.payer), USDC, mintCall { to, value: U256::from(value) }.abi_encode()).await;
    }

    pub(crate) async fn balance(&self, owner: Address) -> U256 {
        self.view(USDC, balanceOfCall { owner }.abi_encode()).await
    }

    pub(crate) async fn view(&self, to: &str, data: Vec<u8>) -> U256 {
        let call = json!({"to": to, "data": format!("0x{}", hex::encode(data))});
        let word = self.rpc("eth_call", json!([call, "latest"])).await;
        word.as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn requirements(&self, scheme: &str, amount: u64) -> Requirements {
        serde_json::from_value(json!({
            "scheme": scheme, "network": "eip155:84532", "amount": amount.to_string(), "asset": USDC,
            "payTo": self.seller.to_string(), "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"},
        }))
        .unwrap()
    }

    pub(crate) fn transfer(&self, amount: u64) -> TransferAuthorization {
        let seconds = u64::try_from(now().seconds()).unwrap();
        TransferAuthorization {
            from: address(&self.payer),
            to: self.seller,
            value: U256::from(amount),
            valid_after: U256::ZERO,
            valid_before: U256::from(seconds + 60),
            nonce: random_word(),
        }
    }

    pub(crate) fn domain() -> Domain {
        Domain::token("USDC", "2", CHAIN, USDC.parse().unwrap())
    }

    pub(crate) fn signed(&self, transfer: &TransferAuthorization) -> Value {
        eip3009_payload(transfer, &self.payer.sign(transfer.digest(&Self::domain())))
    }

    /// A good EIP-3009 payment.
    pub(crate) fn pay(&self, amount: u64) -> (Payment, Requirements) {
        let requirements = self.requirements("exact", amount);
        let payload = self.signed(&self.transfer(amount));
        (Payment::read(&payload, None, &requirements).unwrap(), requirements)
    }

    /// A Permit2 payment; `upto` with a facilitator.
    pub(crate) fn pay_by_permit2(&self, amount: u64, facilitator: Option<Address>) -> (Payment, Requirements) {
        let requirements = self.requirements(if facilitator.is_some() { "upto" } else { "exact" }, amount);
        let seconds = u64::try_from(now().seconds()).unwrap();
        let transfer = Permit2Transfer {
            token: USDC.parse().unwrap(),
            amount: U256::from(amount),
            spender: if facilitator.is_some() { UPTO_PROXY } else { EXACT_PROXY },
            nonce: random_word().into(),
            deadline: U256::from(seconds + 60),
            witness: Witness { to: self.seller, facilitator, valid_after: U256::ZERO },
        };
        let signature = self.payer.sign(transfer.digest(&Domain::permit2(CHAIN)));
        let payload = permit2_payload(address(&self.payer), &transfer, &signature);
        (Payment::read(&payload, None, &requirements).unwrap(), requirements)
    }

    pub(crate) async fn verify(&self, payment: &Payment, requirements: &Requirements) -> Result<Good, Refusal> {
        self.chain.verify(payment, requirements, farebox_evm::Phase::Verify, now()).await.unwrap()
    }

    pub(crate) async fn code(&self, payment: &Payment, requirements: &Requirements) -> String {
        self.verify(payment, requirements).await.unwrap_err().code
    }

    /// Settles with the next nonce, and waits for the block.
    pub(crate) async fn settle(&self, payment: &Payment, amount: u64) -> (Look, [u8; 32]) {
        let nonce = self.chain.next_nonce(self.signer.address()).await.unwrap();
        let fees = self.chain.fees().await.unwrap();
        let amount = AtomicAmount::from(amount);
        let signed = self.chain.sign_settlement(&[(payment, amount)], nonce, fees, &self.signer).unwrap();
        assert_eq!(self.chain.send(&[&signed.raw]).await.unwrap(), [Sent::Accepted]);
        (self.mined(signed.hash).await, signed.hash)
    }

    /// Waits until a block has the transaction.
    pub(crate) async fn mined(&self, hash: [u8; 32]) -> Look {
        for _ in 0..200 {
            let look = self.chain.look(&[hash], &[self.signer.address()]).await.unwrap();
            if look.receipts.contains_key(&hash) {
                return look;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no block took the transaction");
    }
}

/// The signature of somebody else than `payment`'s payer, in its place.
pub(crate) fn resigned(payload: &Value, signature: &Signature) -> Value {
    let mut payload = payload.clone();
    payload["signature"] = format!("0x{}", hex::encode(signature.bytes())).into();
    payload
}

pub(crate) async fn rpc(url: &str, method: &str, params: Value) -> Value {
    let answer = post(url, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await;
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

pub(crate) async fn post(url: &str, request: &Value) -> Value {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let body = request.to_string();
    let host = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
