//! Writes the reference page: `cargo run -p farebox-telemetry --example reference > docs/reference/telemetry.md`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(farebox_telemetry::reference().as_bytes())
}
