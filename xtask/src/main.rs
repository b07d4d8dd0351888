//! What the repository checks about itself with an `if`: `cargo xtask tidy`. `./x check` runs it.

mod tidy;

use std::{
    io::{self, Write},
    process::ExitCode,
};

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("tidy"), None) => tidy::run(),
        _ => {
            writeln!(io::stderr(), "usage: cargo xtask tidy")?;
            Ok(ExitCode::from(2))
        }
    }
}
