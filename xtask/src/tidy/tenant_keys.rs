//! The tenant leads every primary and unique key, so that the schema can be sharded by it.

use super::{
    finding::Finding,
    tree::{File, Tree},
};

/// Not one merchant's rows: the schema's own record, the installation, and the merchants themselves.
const WHOLE_DATABASE: [&str; 3] = ["schema_migration", "instance", "merchant"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let migrations = tree.with_ending(".sql").filter(|file| file.path.starts_with("crates/store/migrations/"));
    migrations.flat_map(file_findings).collect()
}

fn file_findings(file: &File) -> Vec<Finding> {
    let sql = plain(&file.text);
    let mut findings = Vec::new();
    for (start, statement) in statements(&sql) {
        let line = sql.get(..start).unwrap_or_default().matches('\n').count() + 1;
        let words: Vec<&str> =
            statement.split(|c: char| c.is_whitespace() || c == '(').filter(|word| !word.is_empty()).collect();
        let what = match words.as_slice() {
            ["create", "table", rest @ ..] => wrong_table(name(rest), statement),
            ["create", "unique", "index", ..] => wrong_index(statement),
            _ => None,
        };
        findings.extend(what.map(|what| Finding::error(&file.path, line, what)));
    }
    findings
}

fn wrong_table(table: &str, statement: &str) -> Option<String> {
    if WHOLE_DATABASE.contains(&table) {
        return None;
    }
    let body = statement.split_once('(').map_or("", |(_, body)| body);
    let mut has_primary = false;
    for part in parts(body) {
        let part = part.trim();
        let leads = |key: &str| {
            key.trim_start().strip_prefix('(').and_then(|list| list.split([',', ')']).next()).map(str::trim)
                == Some("tenant")
        };
        let of_column =
            !part.starts_with("primary key") && !part.starts_with("unique") && !part.starts_with("constraint");
        for kind in ["primary key", "unique"] {
            let Some((before, after)) = split_word(part, kind) else { continue };
            has_primary |= kind == "primary key";
            let good = if of_column { before.split_whitespace().next() == Some("tenant") } else { leads(after) };
            if !good {
                return Some(format!("{table}: a {kind} must start with tenant"));
            }
        }
    }
    (!has_primary).then(|| format!("{table} has no primary key: give it one that starts with tenant"))
}

fn wrong_index(statement: &str) -> Option<String> {
    let (_, on) = split_word(statement, "on")?;
    let table =
        name(&on.split(|c: char| c.is_whitespace() || c == '(').filter(|word| !word.is_empty()).collect::<Vec<_>>())
            .to_owned();
    let first = on.split_once('(')?.1.split([',', ')']).next()?.trim();
    (first != "tenant" && !WHOLE_DATABASE.contains(&table.as_str()))
        .then(|| format!("a unique index of {table} must start with tenant"))
}

/// The table's name after `if not exists`, without quotes.
fn name<'a>(words: &[&'a str]) -> &'a str {
    let words = words.strip_prefix(&["if", "not", "exists"]).unwrap_or(words);
    words.first().map_or("", |name| name.trim_matches('"'))
}

/// Lower case, with comments and the insides of strings blanked; positions stay.
fn plain(text: &str) -> String {
    let mut sql = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.split("--").next().unwrap_or_default();
        for (at, part) in code.split('\'').enumerate() {
            sql.push_str(if at % 2 == 0 { part } else { "" });
        }
        sql.push('\n');
    }
    sql.to_lowercase()
}

/// The statements, each with where it starts.
fn statements(sql: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    let mut all = Vec::new();
    for statement in sql.split(';') {
        let leading = statement.len() - statement.trim_start().len();
        all.push((start + leading, statement.trim()));
        start += statement.len() + 1;
    }
    all
}

/// The columns and constraints of a table's body, split at its own commas.
fn parts(body: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    body.split(move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .collect()
}

/// Splits at `word` where it stands alone.
fn split_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: &usize| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    };
    let at = text.match_indices(word).map(|(at, _)| at).find(alone)?;
    Some((text.get(..at)?, text.get(at + word.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Vec<String> {
        check(&Tree::of(&[("crates/store/migrations/sqlite/0001_a.sql", sql)]))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_key_that_starts_with_the_tenant_is_fine() {
        assert!(found("-- plans, with ids\nCREATE TABLE plan (tenant UUID, id UUID, n INT CHECK (n IN (1, 2)),\n PRIMARY KEY (tenant, id));").is_empty());
        assert!(
            found("CREATE TABLE IF NOT EXISTS setting (tenant UUID NOT NULL PRIMARY KEY, a TEXT) STRICT;").is_empty()
        );
        assert!(found("CREATE UNIQUE INDEX a ON plan (tenant, name);\nCREATE INDEX b ON plan (name);").is_empty());
    }

    #[test]
    fn a_key_without_the_tenant_in_front_is_found_with_its_line() {
        let plan = found(
            "CREATE TABLE a (tenant UUID, PRIMARY KEY (tenant));\n\nCREATE TABLE plan (tenant UUID, id UUID,\n PRIMARY KEY (id, tenant));",
        );
        assert_eq!(plan, ["crates/store/migrations/sqlite/0001_a.sql:3: plan: a primary key must start with tenant"]);
        assert_eq!(found("CREATE TABLE plan (id UUID PRIMARY KEY, tenant UUID);").len(), 1);
        assert_eq!(found("CREATE TABLE plan (tenant UUID, id UUID);").len(), 1);
    }

    #[test]
    fn unique_keys_count_as_keys() {
        let with = |key: &str| {
            found(&format!("CREATE TABLE plan (tenant UUID, name TEXT, PRIMARY KEY (tenant), {key});")).len()
        };
        assert_eq!(with("UNIQUE (name)"), 1);
        assert_eq!(with("CONSTRAINT a UNIQUE (name, tenant)"), 1);
        assert_eq!(with("UNIQUE (tenant, name)"), 0);
        assert_eq!(with("hash BYTEA UNIQUE"), 1);
        assert_eq!(with("unique_name TEXT"), 0);
        assert_eq!(found("CREATE UNIQUE INDEX by_name\n    ON plan (name);").len(), 1);
    }

    #[test]
    fn the_tenants_themselves_have_no_tenant() {
        assert!(found("CREATE TABLE merchant (tenant UUID PRIMARY KEY, name TEXT UNIQUE);").is_empty());
        assert!(found("CREATE TABLE schema_migration (version INT PRIMARY KEY);").is_empty());
    }

    #[test]
    fn a_comma_or_semicolon_in_text_splits_nothing() {
        assert!(found("CREATE TABLE a (tenant UUID, kind TEXT CHECK (kind IN ('x;y', 'z, primary key (')), PRIMARY KEY (tenant));").is_empty());
    }
}
