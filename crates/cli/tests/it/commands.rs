//! Commands, options and what goes wrong with them.

use std::fs;

use serde_json::Value;

use crate::world::{Engine, World};

async fn on_both(test: impl AsyncFn(&World)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(world) = World::new(engine).await {
            test(&world).await;
            world.finish().await;
        }
    }
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn init_shows_the_secret_once_and_may_be_repeated() {
    on_both(async |world| {
        let first = world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
        let again = world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
        assert!(first["api_token"].as_str().unwrap().starts_with("pl_test_"));
        assert_eq!(first["merchant_id"], again["merchant_id"]);
        assert_eq!(again["api_token"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn init_in_the_other_mode_is_refused() {
    on_both(async |world| {
        world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
        let other = world.run(&["init", "--merchant", "acme", "--mode", "live"]);
        assert_eq!(other.status.code(), Some(1));
        assert!(stderr(&other).contains("exists in test mode"), "{}", stderr(&other));
    })
    .await;
}

#[tokio::test]
async fn a_token_is_created_listed_and_revoked() {
    on_both(async |world| {
        world.json(&["init", "--json"]);
        let token = world.json(&["token", "create", "--name", "ci", "--json"]);
        let id = token["id"].as_str().unwrap();
        world.json(&["token", "revoke", id, "--json"]);
        let listed = world.json(&["token", "list", "--json"]);
        let states: Vec<(&str, &str)> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["name"].as_str().unwrap(), row["state"].as_str().unwrap()))
            .collect();
        assert_eq!(states, [("ci", "revoked"), ("init", "active")]);
    })
    .await;
}

#[tokio::test]
async fn a_key_for_no_merchant_says_what_to_do() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let output = world.run(&["key", "create", "--role", "seller"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("farebox init"), "{}", stderr(&output));
    assert!(std::fs::read_dir(world.folder.path()).unwrap().next().is_none(), "and leaves nothing behind");
}

#[tokio::test]
async fn a_lost_secret_key_file_is_not_replaced() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let without_key = |args: &[&str]| world.farebox(args).env_remove("FAREBOX_SECRET_KEY").output().unwrap();
    assert!(without_key(&["init", "--json"]).status.success());
    let file = world.folder.path().join("farebox.db.key");
    fs::rename(&file, world.folder.path().join("elsewhere")).unwrap();
    let said = stderr(&without_key(&["token", "list"]));
    assert!(said.contains("is missing") && said.contains("restore it"), "{said}");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_link_to_a_sqlite_file_does_not_make_a_second_owner() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    world.json(&["init", "--json"]);
    let link = world.folder.path().join("link.db");
    std::os::unix::fs::symlink(world.folder.path().join("farebox.db"), &link).unwrap();
    let server = world.serve();
    let url = format!("sqlite:{}", link.display());
    let second = world.run(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
    assert!(stderr(&second).contains("in use by another farebox process"), "{}", stderr(&second));
    assert_eq!(server.terminate(), Some(0));
    world.finish().await;
}

#[tokio::test]
async fn a_demo_that_is_told_to_stop_ends_its_server_and_takes_its_folder_along() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let mut demo =
        world.farebox(&["demo"]).env_remove("DATABASE_URL").env("TMPDIR", world.folder.path()).spawn().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let pid = demo.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(std::fs::read_dir(world.folder.path()).unwrap().next().is_none());
}

#[tokio::test]
async fn a_wrong_flag_names_the_nearest() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let output = world.run(&["serve", "--listn", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
}

#[tokio::test]
async fn an_unknown_configuration_key_names_the_nearest() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    fs::write(world.folder.path().join("farebox.toml"), "lisetn = \"127.0.0.1:1\"\n").unwrap();
    let output = world.run(&["migrate"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("`lisetn`") && said.contains("`listen`"), "{said}");
}

#[tokio::test]
async fn a_value_of_the_wrong_type_names_its_key_and_file() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    fs::write(world.folder.path().join("farebox.toml"), "listen = 7\n").unwrap();
    let said = stderr(&world.run(&["migrate"]));
    assert!(said.contains("listen") && said.contains("farebox.toml"), "{said}");
}

#[tokio::test]
async fn a_database_url_of_another_kind_is_explained() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let said = stderr(&world.run(&["migrate", "--database-url", "mysql://localhost/x"]));
    assert!(said.contains("sqlite:PATH") && said.contains("postgres://"), "{said}");
}

#[tokio::test]
async fn a_missing_postgres_server_is_explained_without_the_password() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let output = world.run(&["serve", "--database-url", "postgres://me:hunter2@127.0.0.1:1/none"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("127.0.0.1:1") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_file_is_refused() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    world.json(&["init", "--json"]);
    let server = world.serve();
    let second = world.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("in use by another farebox process"), "{}", stderr(&second));
    // Reading beside the owner is fine.
    world.assert_clean();
    assert_eq!(server.terminate(), Some(0));
    world.finish().await;
}

#[tokio::test]
async fn another_secret_key_is_refused() {
    on_both(async |world| {
        world.json(&["init", "--json"]);
        let output =
            world.farebox(&["key", "create", "--role", "buyer"]).env("FAREBOX_SECRET_KEY", "22".repeat(32)).output();
        let said = stderr(&output.unwrap());
        assert!(said.contains("another secret key"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn without_a_secret_key_one_is_made_beside_the_sqlite_file() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(Engine::Sqlite).await.unwrap();
    for _ in 0..2 {
        let output = world.farebox(&["init", "--json"]).env_remove("FAREBOX_SECRET_KEY").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let file = world.folder.path().join("farebox.db.key");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    world.finish().await;
}

#[tokio::test]
async fn migrate_says_whether_it_did_anything() {
    on_both(async |world| {
        assert_eq!(world.json(&["migrate", "--json"])["changed"], true);
        assert_eq!(world.json(&["migrate", "--json"])["changed"], false);
    })
    .await;
}

#[tokio::test]
async fn verify_of_a_missing_file_fails_and_creates_nothing() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let output = world.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!world.folder.path().join("farebox.db").exists());
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_farebox")).args(["completions", shell]).output();
        assert!(String::from_utf8_lossy(&output.unwrap().stdout).contains("farebox"), "{shell}");
    }
}
