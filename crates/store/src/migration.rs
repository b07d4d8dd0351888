//! Numbered, immutable migrations.

/// Where a database's schema stands against this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Nothing there yet.
    Empty,
    /// Older: `farebox migrate` brings it up to date.
    Behind {
        /// The last migration it has.
        at: i64,
        /// The last one there is.
        latest: i64,
    },
    /// As this version wants it.
    Current {
        /// The last migration.
        at: i64,
    },
    /// Written by a newer version, which this one must not touch.
    Newer {
        /// The last migration it has.
        at: i64,
        /// The last one this version knows.
        latest: i64,
    },
}

/// One step, never changed once released.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($engine:literal: $($number:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $engine, "/", $name, ".sql")),
        }),*]
    };
}

pub(crate) const SQLITE: &[Migration] = migrations!(
    "sqlite": 1 "0001_foundation", 2 "0002_settlements", 3 "0003_gate_answers", 4 "0004_billing", 5 "0005_payments",
    6 "0006_webhook_secrets", 7 "0007_usage_answers", 8 "0008_pays_for", 9 "0009_corrections", 10 "0010_deliveries"
);
pub(crate) const POSTGRES: &[Migration] = migrations!(
    "postgres": 1 "0001_foundation", 2 "0002_settlements", 3 "0003_gate_answers", 4 "0004_billing", 5 "0005_payments",
    6 "0006_webhook_secrets", 7 "0007_usage_answers", 8 "0008_pays_for", 9 "0009_corrections", 10 "0010_deliveries"
);

/// Compares the last applied number (0 = none) with what there is.
pub(crate) fn state(applied: i64, known: &[Migration]) -> SchemaState {
    let latest = known.last().map_or(0, |migration| migration.number);
    match applied {
        0 => SchemaState::Empty,
        at if at < latest => SchemaState::Behind { at, latest },
        at if at > latest => SchemaState::Newer { at, latest },
        at => SchemaState::Current { at },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_numbers_and_names_in_order() {
        let names = |list: &[Migration]| list.iter().map(|m| (m.number, m.name)).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
        assert!(SQLITE.iter().zip(1..).all(|(migration, number)| migration.number == number));
        assert!(SQLITE.iter().all(|one| one.name.starts_with(&format!("{:04}_", one.number))));
    }

    #[test]
    fn a_schema_is_empty_behind_current_or_newer() {
        assert_eq!(state(0, SQLITE), SchemaState::Empty);
        let latest = SQLITE.last().unwrap().number;
        assert_eq!(state(1, SQLITE), SchemaState::Behind { at: 1, latest });
        assert_eq!(state(latest, SQLITE), SchemaState::Current { at: latest });
        assert_eq!(state(latest + 1, SQLITE), SchemaState::Newer { at: latest + 1, latest });
    }
}
