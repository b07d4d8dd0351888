//! What a plan says, for people and for programs.

use serde_json::{Value, json};

use super::diff::{Action, Change, Drift, Field, Plan, Sort};

impl Plan {
    /// Whether an apply would write anything.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// A block for each thing, then how many.
    pub(super) fn text(&self, file: &str, url: &str) -> String {
        let mut text = format!("{file} against {url}\n\n");
        for drift in &self.drift {
            text.push_str(&drifted(drift));
        }
        for change in &self.changes {
            text.push_str(&changed(change));
        }
        for (sort, code) in &self.elsewhere {
            text.push_str(&format!(
                "? {} {code}\n    on the server only: left as it is (--archive takes it out of sale)\n",
                sort.word()
            ));
        }
        if !(self.drift.is_empty() && self.changes.is_empty() && self.elsewhere.is_empty()) {
            text.push('\n');
        }
        let count = |action: Action| self.changes.iter().filter(|change| change.action == action).count();
        text.push_str(&format!(
            "{} to create, {} to change, {} to archive, {} as they are",
            count(Action::Create),
            count(Action::Change),
            count(Action::Archive),
            self.unchanged
        ));
        if !self.drift.is_empty() {
            text.push_str(&format!("; {} changed on the server since the last apply", self.drift.len()));
        }
        text
    }

    pub(super) fn object(&self, file: &str, url: &str) -> Value {
        let named = |sort: Sort, code: &dyn std::fmt::Display| json!({"kind": sort.word(), "code": code.to_string()});
        let changes = self.changes.iter().map(|change| {
            let mut object = named(change.sort, &change.code);
            object["action"] = json!(word(change.action));
            object["fields"] = members(&change.fields);
            object
        });
        let drift = self.drift.iter().map(|drift| {
            let mut object = named(drift.sort, &drift.code);
            object["gone"] = json!(drift.gone);
            object["fields"] = members(&drift.fields);
            object
        });
        json!({
            "file": file,
            "url": url,
            "changes": changes.collect::<Vec<_>>(),
            "drift": drift.collect::<Vec<_>>(),
            "only_on_server": self.elsewhere.iter().map(|(sort, code)| named(*sort, code)).collect::<Vec<_>>(),
            "unchanged": self.unchanged,
        })
    }
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Change => "change",
        Action::Archive => "archive",
    }
}

/// Values are JSON texts: numbers in them must not become floats here either.
fn members(fields: &[Field]) -> Value {
    let each = fields.iter().map(|field| json!({"path": field.path, "from": field.from, "to": field.to}));
    Value::Array(each.collect())
}

fn changed(change: &Change) -> String {
    let (sign, note) = match (change.action, change.sort) {
        (Action::Create, _) => ('+', ""),
        (Action::Change, Sort::Metric | Sort::Feature) => ('~', ""),
        (Action::Change, Sort::Plan) => ('~', ": a new version, subscriptions keep theirs"),
        (Action::Archive, _) => ('-', ": no longer sold, subscriptions keep it"),
    };
    let create = change.action == Action::Create;
    format!("{sign} {} {}{note}\n{}", change.sort.word(), change.code, lines(&change.fields, create))
}

fn drifted(drift: &Drift) -> String {
    let note = match (drift.gone, drift.fields.is_empty()) {
        (true, _) => "was archived on the server since the last apply",
        (false, true) => "appeared on the server since the last apply",
        (false, false) => "was changed on the server since the last apply",
    };
    format!("! {} {} {note}\n{}", drift.sort.word(), drift.code, lines(&drift.fields, false))
}

fn lines(fields: &[Field], create: bool) -> String {
    let none = "(nothing)";
    let line = |field: &Field| {
        let to = field.to.as_deref().unwrap_or(none);
        match create {
            true => format!("    {}: {to}\n", field.path),
            false => format!("    {}: {} → {to}\n", field.path, field.from.as_deref().unwrap_or(none)),
        }
    };
    fields.iter().map(line).collect()
}
