//! `farebox sim-provider`: killed and started again, it knows what it did.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use farebox_providers::{CaptureMode, Create, Outcome, Provider, sim::Sim};
use farebox_types::Secret;
use serde_json::Value;

fn start(journal: &std::path::Path) -> (Child, Sim) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["sim-provider", "--json", "--key", "sk_test", "--journal"])
        .arg(journal)
        .current_dir(journal.parent().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = serde_json::from_str::<Value>(&line).unwrap()["listening"].as_str().unwrap().to_owned();
    let sim = Sim::remote(&url, &Secret::new("sk_test".to_owned()), Duration::from_secs(2)).unwrap();
    (child, sim)
}

#[tokio::test]
async fn kill_9_between_effect_and_answer_leaves_one_charge() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("sim.jsonl");
    let ask = Create {
        our_id: "pay_1".to_owned(),
        idempotency_key: "pay_1:create".to_owned(),
        customer_id: "c".to_owned(),
        minor: 500,
        currency: "USD".to_owned(),
        method: "pm_sim_timeout_after".to_owned(),
        capture: CaptureMode::Automatic,
        description: None,
        return_url: None,
    };
    let (mut child, sim) = start(&journal);
    let lost = sim.create(&ask).await;
    assert!(matches!(lost, Outcome::Unknown(_)), "{lost:?}");
    child.kill().unwrap();
    child.wait().unwrap();

    let (mut child, sim) = start(&journal);
    let Outcome::Seen(paid) = sim.create(&ask).await else { panic!("not paid") };
    assert_eq!((paid.captured_minor, paid.our_id.as_deref()), (500, Some("pay_1")));
    let all = sim.list(farebox_types::Timestamp::from_seconds(0), None).await.unwrap();
    assert_eq!(all.payments.len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
}
