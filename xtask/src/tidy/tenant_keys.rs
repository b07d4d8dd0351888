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
    let mut line = 1;
    for statement in sql.split(';') {
        let code = statement.trim_start();
        let skipped = statement.len() - code.len();
        let first = line + lines(statement.get(..skipped).unwrap_or_default());
        findings.extend(wrong(code).map(|what| Finding::error(&file.path, first, what)));
        line += lines(statement);
    }
    findings
}

/// The statements in lower case, without comments and without what stands between quotes; lines stay where they are.
fn plain(text: &str) -> String {
    let code = |line: &str| {
        let code = line.split("--").next().unwrap_or_default();
        code.split('\'').step_by(2).collect::<String>().to_lowercase() + "\n"
    };
    text.lines().map(code).collect()
}

fn lines(text: &str) -> usize {
    text.matches('\n').count()
}

fn wrong(statement: &str) -> Option<String> {
    match words(statement).as_slice() {
        ["create", "table", name @ ..] => wrong_table(table(name), statement),
        ["create", "unique", "index", ..] => wrong_index(statement),
        _ => None,
    }
}

fn wrong_table(table: &str, statement: &str) -> Option<String> {
    let (_, body) = statement.split_once('(')?;
    let keys: Vec<Key<'_>> = parts(body).into_iter().filter_map(key).collect();
    if WHOLE_DATABASE.contains(&table) {
        return None;
    }
    if let Some(key) = keys.iter().find(|key| key.first != "tenant") {
        return Some(format!("{table}: a {} key must start with tenant, not {}", key.kind, key.first));
    }
    let has_primary = keys.iter().any(|key| key.kind == "primary");
    (!has_primary).then(|| format!("{table} has no primary key: give it one that starts with tenant"))
}

fn wrong_index(statement: &str) -> Option<String> {
    let (_, on) = statement.split_once(" on ").or_else(|| statement.split_once("\non "))?;
    let table = table(&words(on)).to_owned();
    let first = first_of(on)?;
    let good = first == "tenant" || WHOLE_DATABASE.contains(&table.as_str());
    (!good).then(|| format!("{table}: a unique index must start with tenant, not {first}"))
}

/// A key of a table, declared for itself or with its column.
struct Key<'a> {
    kind: &'static str,
    first: &'a str,
}

fn key(part: &str) -> Option<Key<'_>> {
    let words = words(part);
    let primary = words.windows(2).any(|pair| pair == ["primary", "key"]);
    let kind = if primary { "primary" } else { "unique" };
    if !primary && !words.contains(&"unique") {
        return None;
    }
    let of_table = matches!(words.first(), Some(&("primary" | "unique" | "constraint")));
    let first = if of_table { first_of(part)? } else { words.first()? };
    Some(Key { kind, first })
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || "()".contains(c)).filter(|word| !word.is_empty()).collect()
}

/// A table's name, whatever `if not exists` or `only` stands before it.
fn table<'a>(words: &[&'a str]) -> &'a str {
    let name = words.iter().find(|word| !["if", "not", "exists", "only"].contains(word));
    name.map_or("", |name| name.trim_matches('"'))
}

/// The first name of the list in parentheses.
fn first_of(text: &str) -> Option<&str> {
    let (_, list) = text.split_once('(')?;
    list.split([',', ')']).next().map(str::trim)
}

/// The columns and constraints of a table's body, split at its own commas.
fn parts(body: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let own_comma = move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    body.split(own_comma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Vec<String> {
        let tree = Tree::of(&[("crates/store/migrations/sqlite/0001_a.sql", sql)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_that_starts_with_the_tenant_is_fine() {
        let columns = "tenant UUID, id UUID, n INT CHECK (n IN (1, 2))";
        assert!(
            found(&format!("-- plans; by id\nCREATE TABLE plan ({columns},\n PRIMARY KEY (tenant, id));")).is_empty()
        );
        assert!(
            found("CREATE TABLE IF NOT EXISTS setting (tenant UUID NOT NULL PRIMARY KEY, a TEXT) STRICT;").is_empty()
        );
        assert!(found("CREATE UNIQUE INDEX a ON plan (tenant, name);\nCREATE INDEX b ON plan (name);").is_empty());
    }

    #[test]
    fn a_key_without_the_tenant_in_front_is_found_with_its_line() {
        let good = "CREATE TABLE a (\ntenant UUID, PRIMARY KEY (tenant));";
        let plan = found(&format!("{good}\n\nCREATE TABLE plan (tenant UUID, id UUID,\n PRIMARY KEY (id, tenant));"));
        let what = "plan: a primary key must start with tenant, not id";
        assert_eq!(plan, [format!("crates/store/migrations/sqlite/0001_a.sql:4: {what}")]);
        assert_eq!(found("CREATE TABLE plan (id UUID PRIMARY KEY, tenant UUID);").len(), 1);
        assert_eq!(found("CREATE TABLE plan (tenant UUID, id UUID);").len(), 1);
    }

    #[test]
    fn unique_keys_count_as_keys() {
        let with = |key: &str| {
            found(&format!("CREATE TABLE plan (tenant UUID, name TEXT, PRIMARY KEY (tenant, name), {key});")).len()
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
    fn punctuation_in_text_splits_nothing() {
        let check = "CHECK (kind IN ('x;y', 'z, primary key ('))";
        assert!(found(&format!("CREATE TABLE a (tenant UUID, kind TEXT {check}, PRIMARY KEY (tenant));")).is_empty());
    }
}
