//! What PostgreSQL's errors mean for a write, and for the connection it came over.

use std::time::Duration;

use crate::{Fault, Retry};

/// A row that cannot be read; the statement that met it fails with this.
pub(super) fn corrupt(table: &str, detail: impl std::fmt::Display) -> sqlx::Error {
    unreadable(Fault::corrupt(table, detail))
}

pub(super) fn unreadable(fault: Fault) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(fault))
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        of(&error)
    }
}

/// A statement's error. Nothing of its transaction is written.
pub(super) fn of(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(cause) => {
            let code = cause.code().unwrap_or_default();
            Fault { what: format!("postgres: {} ({code}){}", cause.message(), advice(&code)), retry: retry(&code) }
        }
        sqlx::Error::PoolClosed => Fault::closed(),
        sqlx::Error::PoolTimedOut => again("postgres: no connection came free in time"),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
            again(format!("postgres: {error}"))
        }
        sqlx::Error::Decode(cause) => match cause.downcast_ref::<Fault>() {
            Some(fault) => fault.clone(),
            None => Fault::never(format!("postgres: {error}")),
        },
        _ => Fault::never(format!("postgres: {error}")),
    }
}

/// `statement_completion_unknown`, the one code of class 40 that promises no roll-back.
const UNKNOWN_COMPLETION: &str = "40003";

/// An error in answer to COMMIT. Unless the server says that it rolled back, nobody knows.
pub(super) fn at_commit(error: &sqlx::Error) -> Fault {
    let says = |code: String| (code.starts_with("40") && code != UNKNOWN_COMPLETION) || code.starts_with("23");
    let rolled_back = code(error).is_some_and(says);
    let fault = of(error);
    if rolled_back { fault } else { Fault { retry: Retry::Unknown, ..fault } }
}

/// Whether a unique key was taken: by a row that was not there when this transaction looked.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "23505")
}

/// Whether the connection can go on. One that leads to a server that stops or may not write, or that holds plans from
/// before a migration, cannot.
pub(super) fn survives(error: &sqlx::Error) -> bool {
    match code(error) {
        Some(code) => !(code.starts_with("57P") || code.starts_with("08") || STALE.contains(&&*code)),
        None => matches!(error, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }),
    }
}

/// Read-only server, changed result type, unknown prepared statement, idle too long.
const STALE: [&str; 4] = ["25006", "0A000", "26000", "25P03"];

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

fn retry(code: &str) -> Retry {
    let passing = matches!(code, "40001" | "40P01" | "55P03" | "57014") || STALE.contains(&code);
    let elsewhere = code.starts_with("57P") || code.starts_with("08") || code.starts_with("53");
    if passing || elsewhere { Retry::After(Duration::from_millis(100)) } else { Retry::Never }
}

fn advice(code: &str) -> &'static str {
    match code {
        "42P01" => ": the schema is not there; run `farebox migrate`",
        "42501" => ": the database user may not do this; grant it the tables of the schema",
        "53300" => ": raise the server's max_connections, or run fewer processes",
        "25006" => ": the server only reads; the database URL must lead to the primary",
        _ => "",
    }
}

fn again(what: impl Into<String>) -> Fault {
    Fault { what: what.into(), retry: Retry::After(Duration::from_millis(250)) }
}
