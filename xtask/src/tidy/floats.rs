//! No floats near money, credits and quantities.

use super::{
    finding::Finding,
    rust::{self, Place},
    tree::{File, Tree},
};

const CRATES: [&str; 6] = ["types", "engine", "store", "x402", "gate", "server"];
const EXCUSE: &str = "// tidy: float: ";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let near_money = |file: &&File| file.crate_folder().is_some_and(|folder| CRATES.contains(&folder));
    tree.rust().filter(near_money).flat_map(file_findings).collect()
}

fn file_findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(tokens) = rust::tokens(&file.text) else { return findings };
    rust::walk(tokens, &mut |place| {
        if let Some(float) = float(place).filter(|_| !is_excused(file.line(place.line()))) {
            let way_out = "use Quantity or integers, or say why at the end of the line";
            let what = format!("{float}: a float rounds somebody's money: {way_out} (`{EXCUSE}…`)");
            findings.push(Finding::error(&file.path, place.line(), what));
        }
    });
    findings
}

/// `f64`, `1f64`, `as_f64`: the type, and the ways to come by one without naming it.
fn float(place: Place<'_>) -> Option<String> {
    let text = place.text().filter(|text| !text.contains('"') && !text.starts_with("0x"))?;
    let rest = text.strip_suffix("f64").or_else(|| text.strip_suffix("f32"))?;
    let is_number = rest.starts_with(|first: char| first.is_ascii_digit());
    (rest.is_empty() || rest.ends_with('_') || is_number).then_some(text)
}

fn is_excused(line: &str) -> bool {
    line.split_once(EXCUSE).is_some_and(|(_, why)| !why.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, source: &str) -> usize {
        check(&Tree::of(&[(path, source)])).len()
    }

    #[test]
    fn every_way_to_a_float_is_seen() {
        for source in [
            "fn a(x: f64) {}",
            "let x = 1f32;",
            "let x = 1.5_f64;",
            "value.as_f64()",
            "d.as_secs_f32()",
            "m!(f64)",
            "x as f64",
        ] {
            assert_eq!(found("crates/engine/src/a.rs", source), 1, "{source}");
        }
    }

    #[test]
    fn words_about_floats_are_not_floats() {
        for source in [
            "// f64\nfn a() {}",
            "/// f64\nfn a() {}",
            "let x = \"f64\";",
            "let buf64 = 0x1f64;",
            "let elf32 = r\"f32\";",
        ] {
            assert_eq!(found("crates/engine/src/a.rs", source), 0, "{source}");
        }
    }

    #[test]
    fn a_reason_on_the_line_excuses_it() {
        assert_eq!(found("crates/server/src/a.rs", "let s: f64 = x; // tidy: float: seconds for a histogram\n"), 0);
        assert_eq!(found("crates/server/src/a.rs", "let s: f64 = x; // tidy: float: \n"), 1);
    }

    #[test]
    fn far_from_money_floats_are_free() {
        assert_eq!(found("bench/src/a.rs", "fn a(x: f64) {}"), 0);
        assert_eq!(found("crates/cli/src/a.rs", "fn a(x: f64) {}"), 0);
    }
}
