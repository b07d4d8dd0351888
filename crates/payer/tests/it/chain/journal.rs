//! What is written down survives.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use farebox_payer::{Budget, Denied, Journal, JournalError, PayError, Payer};
use farebox_types::ManualClock;
use tempfile::TempDir;

use super::{WALLET_KEY, builder, clock, exact, key, seen, selling, unknown::status};
use crate::seller::Act;

fn payer(clock: &Arc<ManualClock>, path: &Path) -> Payer {
    builder(clock).journal(Journal::open(path).unwrap()).build().unwrap()
}

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state/payer.jsonl");
    (folder, path)
}

#[tokio::test]
async fn an_authorization_is_in_the_file_before_the_seller_sees_it() {
    let (_folder, path) = place();
    let seller = selling(exact(), [Act::Look(path.clone())]).await;
    payer(&clock(), &path).get(&seller.url("/joke")).send().await.unwrap();
    let token = seller.tokens().remove(0);
    let before = seller.files().remove(0);
    assert!(before.contains(&token) && before.contains(key(&token).trim_start_matches("0x")));
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.contains("\"answered\"") && !after.contains(WALLET_KEY));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _journal = Journal::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn after_a_restart_the_same_authorization_is_shown_again() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), vec![status(503), status(503), status(503), Act::Serve, Act::Serve]).await;
    let first = payer(&clock, &path);
    let request = first.post(&seller.url("/joke")).header("authorization", "Bearer mine").header("x-mood", "good");
    let error = request.body("about hens").send().await.unwrap_err();
    assert!(matches!(error, PayError::OutcomeUnknown { .. }), "{error:?}");
    drop(first);

    let again = payer(&clock, &path);
    let mut resumed = again.resume_all().await;
    assert_eq!(resumed.len(), 1);
    let resumed = resumed.remove(0);
    assert!(resumed.outcome.unwrap().receipt().unwrap().success);
    assert_eq!(resumed.fare.amount, 10_000.into());
    assert_eq!(seen(&seller), (1, 4));
    let last = seller.seen().pop().unwrap();
    assert_eq!((&last.body[..], &last.headers["x-mood"]), (&b"about hens"[..], &"good".parse().unwrap()));
    assert!(!last.headers.contains_key("authorization"), "the caller's secrets are not kept");
    assert!(again.resume_all().await.is_empty());
    drop(again);

    let third = payer(&clock, &path);
    assert!(third.resume_all().await.is_empty(), "it was answered");
    third.post(&seller.url("/joke")).body("about hens").send().await.unwrap();
    assert_eq!(seen(&seller), (2, 5));
}

#[tokio::test]
async fn after_a_restart_the_same_request_is_paid_with_the_same_authorization() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), vec![Act::Refuse("no"), Act::Serve]).await;
    payer(&clock, &path).get(&seller.url("/joke")).send().await.unwrap_err();
    let again = payer(&clock, &path);
    assert!(again.resume_all().await.is_empty(), "a refusal is known");
    again.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (1, 2));
}

/// A crash between the line and the sending leaves a line without an outcome, and a seller who has seen nothing.
#[tokio::test]
async fn a_crash_between_writing_and_sending_is_made_good_by_sending() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), [Act::Look(path.clone()), Act::Serve]).await;
    payer(&clock, &path).get(&seller.url("/joke")).send().await.unwrap();
    // As it was when the line was written, and before the outcome was.
    fs::write(&path, &seller.files()[0]).unwrap();
    let resumed = payer(&clock, &path).resume_all().await;
    assert!(resumed[0].outcome.as_ref().unwrap().receipt().unwrap().success);
    assert_eq!(seen(&seller), (1, 2));
}

#[tokio::test]
async fn a_file_that_was_cut_is_read_up_to_the_cut() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), vec![Act::Serve; 2]).await;
    let first = payer(&clock, &path);
    for path in ["/joke", "/joke?2"] {
        first.get(&seller.url(path)).send().await.unwrap();
    }
    drop(first);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<_> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let cuts = (0..=whole.len()).filter(|cut| cut % 61 == 0 || ends.iter().any(|end| cut.abs_diff(*end) < 2));
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let budget = Budget::default().per_day("$0.02".parse().unwrap()).per_payment("$0.02".parse().unwrap());
        let payer = builder(&clock).journal(Journal::open(&path).unwrap()).budget(budget).build().unwrap();
        // What stands before the cut is counted: each whole line of an authorization is one cent.
        let lines = ends.iter().filter(|end| **end <= cut).count();
        let written = match lines {
            0 | 1 => 0,
            2 | 3 => 1,
            _ => 2,
        };
        let dear = super::with(exact(), &serde_json::json!({"amount": (20_000 - 10_000 * written).max(1).to_string()}));
        let other = selling(dear, []).await;
        let preview = payer.get(&other.url("/joke")).preview().await;
        assert_eq!(preview.is_ok(), written < 2, "cut at {cut}: {preview:?}");
        let over = super::with(exact(), &serde_json::json!({"amount": (20_001 - 10_000 * written).to_string()}));
        let other = selling(over, []).await;
        assert!(payer.get(&other.url("/joke")).preview().await.is_err(), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_in_its_middle_is_not_guessed_at() {
    let (_folder, path) = place();
    let seller = selling(exact(), [Act::Serve]).await;
    payer(&clock(), &path).get(&seller.url("/joke")).send().await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    fs::write(&path, format!("{}\n{{\"event\"\n{}\n", lines[0], lines[1])).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Damaged { line: 2 })));
    fs::write(&path, "{\"event\":\"journal\",\"format\":9}\n").unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Format(9))));
}

#[test]
fn one_process_at_a_time_has_it_open() {
    let (_folder, path) = place();
    let first = Journal::open(&path).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::InUse)));
    drop(first);
    assert!(Journal::open(&path).is_ok());
}

#[tokio::test]
async fn a_days_spending_outlives_the_process() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), vec![Act::Serve; 3]).await;
    let open = || {
        let budget = Budget::default().per_day("$0.02".parse().unwrap());
        builder(&clock).journal(Journal::open(&path).unwrap()).budget(budget).build().unwrap()
    };
    for _ in 0..2 {
        open().get(&seller.url("/joke")).send().await.unwrap();
    }
    let error = open().get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::NothingPayable { denied, .. } = error else { panic!("{error:?}") };
    assert!(matches!(denied[0], Denied::Over { .. }));
    clock.advance(Duration::from_hours(24));
    open().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (3, 3));
}

#[tokio::test]
async fn the_file_stays_short_however_much_is_paid() {
    let (_folder, path) = place();
    let clock = clock();
    let payer = payer(&clock, &path);
    let seller = selling(exact(), vec![Act::Serve; 60]).await;
    let mut longest = 0;
    for _ in 0..60 {
        payer.post(&seller.url("/joke")).body("x".repeat(30_000)).send().await.unwrap();
        longest = longest.max(fs::metadata(&path).unwrap().len());
    }
    assert_eq!(seen(&seller), (60, 60));
    assert!((250_000..400_000).contains(&longest), "{longest}");
}

#[tokio::test]
async fn a_body_that_is_too_long_to_keep_is_paid_for_again_by_the_caller_only() {
    let (_folder, path) = place();
    let clock = clock();
    let seller = selling(exact(), vec![status(503), status(503), status(503), Act::Serve]).await;
    let body = vec![7; 100_000];
    payer(&clock, &path).post(&seller.url("/joke")).body(body.clone()).send().await.unwrap_err();
    assert!(fs::metadata(&path).unwrap().len() < 10_000);
    let again = payer(&clock, &path);
    let resumed = again.resume_all().await;
    assert!(resumed[0].request.is_none() && resumed[0].outcome.is_err());
    again.post(&seller.url("/joke")).body(body).send().await.unwrap();
    assert_eq!(seen(&seller), (1, 4));
}

#[test]
fn a_journal_that_cannot_be_opened_says_so() {
    let (_folder, path) = place();
    drop(Journal::open(&path).unwrap());
    let error = Journal::open(path.parent().unwrap()).unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error:?}");
}
