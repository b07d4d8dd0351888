//! What the user sees: text for people, or one JSON object; progress on a terminal.

#![expect(clippy::print_stderr, reason = "this is the command line's one way out")]

use std::{
    io::{ErrorKind, IsTerminal, Write, stderr, stdout},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::LevelFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    failure::{Failure, failure},
};

/// Where answers go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// A command's answer: `text` for people, `object` for programs.
    pub(crate) fn answer(&self, text: impl AsRef<str>, object: &Value) {
        if self.json {
            print(format!("{object}\n"));
        } else {
            print(format!("{}\n", text.as_ref()));
        }
    }

    /// What a command was asked for, as it is, without a line end of ours.
    pub(crate) fn raw(&self, bytes: impl AsRef<[u8]>) {
        print(bytes);
    }

    /// A line beside what a command was asked for, on standard error.
    pub(crate) fn aside(&self, text: &str) {
        eprintln!("{text}");
    }

    /// A line for people only; nothing in JSON.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            print(format!("{}\n", text.as_ref()));
        }
    }

    /// What went wrong and what to do; causes below.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        let help = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map(Failure::help);
        if self.json {
            eprintln!("{}", json!({"error": format!("{error:#}"), "help": help}));
            return;
        }
        eprintln!("error: {error:#}");
        if let Some(help) = help {
            eprintln!("help: {help}");
        }
    }

    /// A spinner, on a terminal, for work that may take over a second. Gone when dropped.
    pub(crate) fn progress(&self, what: &'static str) -> Progress {
        if self.json || !stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(Some(bar))
    }
}

/// Writes to standard output. Nobody reading on is no error; an answer that cannot be given is.
fn print(bytes: impl AsRef<[u8]>) {
    let mut out = stdout().lock();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}");
            std::process::exit(1);
        }
    }
}

/// A running spinner.
pub(crate) struct Progress(Option<ProgressBar>);

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Sends logs to standard error, as configured, and spans to `layer`.
pub(crate) fn start_log(config: &Config, layer: Option<impl Layer<Registry> + Send + Sync>) -> anyhow::Result<()> {
    let help = "a level (off, error, warn, info, debug, trace) or levels by part: FAREBOX_LOG=info,farebox_store=debug";
    if let Some(odd) = config.log.split(',').find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err()) {
        return Err(failure(format!("`{odd}` is not a log level"), help));
    }
    let filter = EnvFilter::try_new(&config.log);
    let filter = filter.map_err(|error| failure(format!("the log filter cannot be read: {error}"), help))?;
    let log = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    let log = match config.log_format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    tracing_subscriber::registry().with(layer).with(log.with_filter(filter)).init();
    Ok(())
}
