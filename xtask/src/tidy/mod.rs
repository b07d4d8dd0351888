//! `tidy`: reads the repository once, hands it to every check, and reports all findings together.

mod banned_dependencies;
mod file_sizes;
mod finding;
mod floats;
mod floors;
mod function_sizes;
mod lib_files;
mod links;
mod manifest;
mod marks;
mod members;
mod names;
mod rust;
mod tenant_keys;
mod tree;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use finding::Finding;
use tree::Tree;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: [Check; 11] = [
    banned_dependencies::check,
    file_sizes::check,
    floats::check,
    floors::check,
    function_sizes::check,
    lib_files::check,
    links::check,
    marks::check,
    members::check,
    names::check,
    tenant_keys::check,
];

/// Exit code 1 if anything is wrong; a warning alone is not.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let tree = Tree::read()?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    let wrong = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - wrong;
    writeln!(out, "tidy: {} files, {wrong} findings, {warnings} warnings", tree.files().len())?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
