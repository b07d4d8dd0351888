//! A paid route in ten lines. No wallet, no account:
//!
//! ```sh
//! cargo run -p test-rail
//! curl -i localhost:3000/joke                                # 402, with an offer
//! curl -i -H "payment-signature: test" localhost:3000/joke   # 200, with a receipt
//! ```

use axum::{Router, routing::get};
use farebox::Farebox;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let farebox = Farebox::test();
    let app = Router::new().route("/joke", get(joke).layer(farebox.price("1 credit")));
    let listener = tokio::net::TcpListener::bind(listen()).await?;
    axum::serve(listener, app).await
}

async fn joke() -> &'static str {
    "A passenger asks for the way out. The farebox says: exact change only.\n"
}

/// `--listen 127.0.0.1:3000`
fn listen() -> String {
    let given = std::env::args().skip_while(|word| word != "--listen").nth(1);
    given.unwrap_or_else(|| "127.0.0.1:3000".to_owned())
}
