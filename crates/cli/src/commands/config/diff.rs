//! What the file, the server and the last apply say of each thing, compared.

use std::collections::{BTreeMap, BTreeSet};

use farebox_client::api::{Code, Config};
use serde::Serialize;

use super::{
    read::Format,
    tree::{Kind, Node},
};

/// In the order in which they name each other: metrics, features, plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Metric,
    Feature,
    Plan,
}

impl Sort {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Feature => "feature",
            Self::Plan => "plan",
        }
    }
}

/// Everything sold, each thing under its code, as trees.
pub(super) type Things = BTreeMap<(Sort, Code), Node>;

/// One member that differs: where, what it was, what it is to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Change,
    Archive,
}

/// One thing that an apply would write.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) sort: Sort,
    pub(super) code: Code,
    pub(super) action: Action,
    pub(super) fields: Vec<Field>,
}

/// One thing that somebody changed on the server since the last apply; from there to here.
#[derive(Debug)]
pub(super) struct Drift {
    pub(super) sort: Sort,
    pub(super) code: Code,
    /// Empty if the whole thing came or went: `gone` says.
    pub(super) fields: Vec<Field>,
    pub(super) gone: bool,
}

/// What is to be done, and what was found.
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    pub(super) drift: Vec<Drift>,
    /// On the server, and not in the file.
    pub(super) elsewhere: Vec<(Sort, Code)>,
    pub(super) unchanged: usize,
}

/// `None` if the configuration cannot be written as JSON, which it can.
pub(super) fn things(config: &Config) -> Option<Things> {
    let metrics = config.billable_metrics.iter().map(|one| Some(((Sort::Metric, one.code.clone()), node(one)?)));
    let features = config.features.iter().map(|one| Some(((Sort::Feature, one.code.clone()), node(one)?)));
    let plans = config.plans.iter().map(|one| Some(((Sort::Plan, one.code.clone()), node(one)?)));
    metrics.chain(features).chain(plans).collect()
}

fn node<T: Serialize>(value: &T) -> Option<Node> {
    Format::Json.read(&serde_json::to_string(value).ok()?).ok()
}

/// Compares. `applied` is what the last apply wrote, if one is known; `archive` takes what the file does not have out of
/// sale.
pub(super) fn plan(wanted: &Things, present: &Things, applied: Option<&Things>, archive: bool) -> Plan {
    let mut plan = Plan { changes: Vec::new(), drift: Vec::new(), elsewhere: Vec::new(), unchanged: 0 };
    for ((sort, code), want) in wanted {
        let (sort, code) = (*sort, code.clone());
        match present.get(&(sort, code.clone())) {
            Some(have) if have == want => plan.unchanged += 1,
            Some(have) => {
                let fields = fields(have, want);
                plan.changes.push(Change { sort, code, action: Action::Change, fields });
            }
            None => {
                let nothing = Node::new(0, Kind::Map(Vec::new()));
                let fields = fields(&nothing, want);
                plan.changes.push(Change { sort, code, action: Action::Create, fields });
            }
        }
    }
    for (sort, code) in present.keys().filter(|key| is_ours(key, wanted) && !wanted.contains_key(key)) {
        let (sort, code) = (*sort, code.clone());
        match archive {
            true => plan.changes.push(Change { sort, code, action: Action::Archive, fields: Vec::new() }),
            false => plan.elsewhere.push((sort, code)),
        }
    }
    // What is archived goes last, plans before the features they give.
    plan.changes.sort_by_key(|change| match (change.action, change.sort) {
        (_, Sort::Metric) => 0,
        (Action::Archive, Sort::Plan) => 3,
        (Action::Archive, Sort::Feature) => 4,
        (_, Sort::Feature) => 1,
        (_, Sort::Plan) => 2,
    });
    plan.drift = applied.map(|applied| drift(wanted, present, applied)).unwrap_or_default();
    plan
}

/// A metric that only the server says something about is nobody's business: plain sums are made as features name them.
fn is_ours(key: &(Sort, Code), wanted: &Things) -> bool {
    key.0 != Sort::Metric || wanted.contains_key(key)
}

/// What an interrupted apply has written already is as the file wants it, and no drift.
fn drift(wanted: &Things, present: &Things, applied: &Things) -> Vec<Drift> {
    let keys: BTreeSet<&(Sort, Code)> = present.keys().chain(applied.keys()).collect();
    let mut drift = Vec::new();
    for key in keys.into_iter().filter(|key| is_ours(key, wanted)) {
        let (have, had, want) = (present.get(key), applied.get(key), wanted.get(key));
        if have == had || have == want {
            continue;
        }
        let fields = had.zip(have).map(|(had, have)| fields(had, have)).unwrap_or_default();
        drift.push(Drift { sort: key.0, code: key.1.clone(), fields, gone: have.is_none() });
    }
    drift
}

/// The members in which two things differ.
fn fields(from: &Node, to: &Node) -> Vec<Field> {
    let mut fields = Vec::new();
    differing("", Some(from), Some(to), &mut fields);
    fields.retain(|field| field.path != "code");
    fields
}

fn differing(path: &str, from: Option<&Node>, to: Option<&Node>, fields: &mut Vec<Field>) {
    if from == to {
        return;
    }
    let keys = |node: Option<&Node>| -> Vec<String> {
        match node.map(|node| &node.kind) {
            Some(Kind::Map(members)) => members.iter().map(|(key, _)| key.clone()).collect(),
            Some(Kind::List(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
            _ => Vec::new(),
        }
    };
    let (before, after) = (keys(from), keys(to));
    if before.is_empty() && after.is_empty() {
        let shown = |node: Option<&Node>| node.map(Node::json);
        fields.push(Field { path: path.to_owned(), from: shown(from), to: shown(to) });
        return;
    }
    let list = [from, to].into_iter().flatten().any(|node| matches!(node.kind, Kind::List(_)));
    let added = after.iter().filter(|key| !before.contains(key));
    for key in before.iter().chain(added) {
        let path = match (list, path.is_empty()) {
            (true, _) => format!("{path}[{key}]"),
            (false, true) => key.clone(),
            (false, false) => format!("{path}.{key}"),
        };
        let child = |node: Option<&Node>| node.and_then(|node| node.child(key)).cloned();
        differing(&path, child(from).as_ref(), child(to).as_ref(), fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Things {
        things(&serde_json::from_str(text).unwrap()).unwrap()
    }

    fn with(amount: u32, name: &str) -> Things {
        of(&format!(
            r#"{{"apiVersion":"2026-05-01","features":[{{"code":"calls","kind":"metered"}}],"plans":[{{"code":"pro","name":"{name}",
            "prices":[{{"amount":{amount},"currency":"USD","interval":"month"}}],"features":{{"calls":{{"includedUsage":10.000001}}}}}}]}}"#
        ))
    }

    #[test]
    fn a_change_is_shown_by_its_members() {
        let found = plan(&with(1200, "Pro"), &with(900, "Pro"), None, false);
        assert_eq!((found.unchanged, found.changes.len()), (1, 1));
        let field = &found.changes[0].fields[0];
        assert_eq!((field.path.as_str(), field.from.as_deref()), ("prices[0].amount", Some("900")));
        assert_eq!(field.to.as_deref(), Some("1200"));
    }

    #[test]
    fn a_feature_is_written_before_and_archived_after_its_plans() {
        let nothing = of(r#"{"apiVersion":"2026-05-01","features":[],"plans":[]}"#);
        let order = |found: &Plan| found.changes.iter().map(|change| change.sort).collect::<Vec<_>>();
        assert_eq!(order(&plan(&with(1, "Pro"), &nothing, None, false)), [Sort::Feature, Sort::Plan]);
        assert_eq!(order(&plan(&nothing, &with(1, "Pro"), None, true)), [Sort::Plan, Sort::Feature]);
        assert_eq!(plan(&nothing, &with(1, "Pro"), None, false).elsewhere.len(), 2);
    }

    #[test]
    fn drift_is_what_neither_the_last_apply_nor_the_file_says() {
        let (first, second, theirs) = (with(900, "Pro"), with(1200, "Pro"), with(900, "Gratis"));
        let drifted = |present: &Things| plan(&second, present, Some(&first), false).drift.len();
        assert_eq!(drifted(&first), 0);
        assert_eq!(drifted(&second), 0, "an apply that was interrupted");
        assert_eq!(drifted(&theirs), 1);
        let mut gone = first.clone();
        gone.retain(|(sort, _), _| *sort == Sort::Feature);
        assert!(plan(&second, &gone, Some(&first), false).drift[0].gone);
    }
}
