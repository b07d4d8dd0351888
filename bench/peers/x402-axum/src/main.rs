//! The gate benchmark's protected route behind `x402-axum`: `x402-axum-peer FACILITATOR_URL`. Prints where it listens.

use alloy_primitives::address;
use axum::{Json, Router, routing::post};
use serde_json::json;
use x402_axum::X402Middleware;
use x402_chain_eip155::{KnownNetworkEip155, V2Eip155Exact};
use x402_types::networks::USDC;

#[tokio::main]
async fn main() {
    let facilitator = std::env::args().nth(1).expect("the facilitator's address");
    let price = V2Eip155Exact::price_tag(
        address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
        USDC::base_sepolia().parse("0.01").expect("a price"),
    );
    let paid = X402Middleware::new(&facilitator).with_price_tag(price);
    let handler = post(async || Json(json!({"ok": true, "result": "hello"}))).layer(paid);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, Router::new().route("/paid", handler)).await.expect("a server");
}
