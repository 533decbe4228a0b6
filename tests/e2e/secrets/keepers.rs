//! Root keys and passwords that others keep: a real OpenBao (the open continuation of HashiCorp Vault, with its API) and moto's
//! AWS Secrets Manager.

use harness::{Aws, Host, Question, ROOT_TOKEN, Ran, Setup, Vault};
use serde_json::json;

use super::files_below;

const ROOT_KEY: &str = "CRONFLOW_ACCESS_ROOT_KEY";
/// Reads the one secret, and nothing else.
const READER: &str = r#"path "secret/data/access" { capabilities = ["read"] }
path "transit/decrypt/access" { capabilities = ["update"] }"#;

/// A new root key, as `secrets generate` prints it.
#[track_caller]
pub(super) fn generate() -> String {
    let ran = Ran::of(harness::process::product().args(["secrets", "generate"]));
    let key = ran.check(0, &[]).stdout.trim().to_owned();
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ran:?}");
    key
}

/// A real host whose root key is read from `source`.
fn keyed_by(source: &str) -> Setup {
    Setup::real().on_embedded().env(ROOT_KEY, source)
}

fn in_vault(vault: &Vault, token: &str) -> Setup {
    keyed_by("vault:secret/data/access#root_key")
        .env("CRONFLOW_ACCESS_VAULT_ADDRESS", &vault.url())
        .env("CRONFLOW_ACCESS_VAULT_TOKEN", token)
}

fn in_aws(aws: &Aws, source: &str) -> Setup {
    keyed_by(source)
        .env("AWS_ENDPOINT_URL", &aws.url())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", &aws.key_id)
        .env("AWS_SECRET_ACCESS_KEY", &aws.secret)
}

/// Begins an installation, serves it, decides, starts it again and decides again; no root key lies beside the store.
#[track_caller]
fn check_serves(setup: Setup) -> Host {
    let host = setup.initialized().start();
    let key = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let files = files_below(&host.setup().data_dir());
    assert!(files.iter().all(|file| file.file_name().unwrap() != "root.key"), "{files:?}");
    host
}

/// Whoever is refused says why, and quotes no secret.
#[track_caller]
fn check_refused(setup: Setup, says: &[&str], secrets: &[&str]) {
    let began = setup.init();
    began.check(1, says);
    for secret in secrets {
        assert!(!format!("{began:?}").contains(secret), "{began:?}");
    }
}

#[test]
fn a_host_with_its_root_key_in_vault_serves_and_decides() {
    let Some(vault) = Vault::start() else { return };
    let key = generate();
    vault.put("access", &json!({ "root_key": key, "metrics": "metrics-token-of-vault" }));
    let token = vault.token_for(READER);
    let metrics = ("CRONFLOW_ACCESS_METRICS_TOKEN", "vault:secret/data/access#metrics");
    let host = check_serves(in_vault(&vault, &token).env(metrics.0, metrics.1));
    assert_eq!(host.scraper(None).get("/metrics").status, 401);
    assert_eq!(host.scraper(Some("metrics-token-of-vault")).get("/metrics").status, 200);
    Ran::of(host.setup().command("doctor").args(["--only", "root_key"]))
        .check(0, &["vault:secret/data/access#root_key"]);

    // Nothing of it is in the log; and a host that runs needs Vault no more.
    drop(vault);
    let key_of_host = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&key_of_host.secret)).check_allow();
    let doctor = Ran::of(host.setup().command("doctor").args(["--only", "root_key"]));
    doctor.check(1, &["can't be reached", "one that runs goes on"]);
    let stopped = host.terminate();
    for secret in [&*key, &*token, "metrics-token-of-vault"] {
        assert!(!stopped.stderr.contains(secret) && !format!("{doctor:?}").contains(secret));
    }
    let refused = stopped.setup.try_start().unwrap_err();
    refused.check_says(&["metrics token", "can't be reached"]);
}

#[test]
fn vault_lets_a_host_in_by_a_token_from_a_file_by_approle_and_in_a_namespace() {
    let Some(vault) = Vault::start() else { return };
    vault.ask("POST", "sys/namespaces/team", &json!({}));
    vault.ask_in("team", "POST", "sys/mounts/kv", &json!({ "type": "kv", "options": { "version": "2" } }));
    vault.ask_in("team", "POST", "kv/data/access", &json!({ "data": { "root_key": generate() } }));
    vault.ask_in(
        "team",
        "PUT",
        "sys/policies/acl/access",
        &json!({ "policy": r#"path "kv/data/access" { capabilities = ["read"] }"# }),
    );
    vault.ask_in("team", "POST", "sys/auth/approle", &json!({ "type": "approle" }));
    vault.ask_in("team", "POST", "auth/approle/role/access", &json!({ "token_policies": ["access"] }));
    let role = vault.ask_in("team", "GET", "auth/approle/role/access/role-id", &json!({})).check_json(200);
    let secret = vault.ask_in("team", "POST", "auth/approle/role/access/secret-id", &json!({})).check_json(200);
    let setup = || {
        keyed_by("vault:kv/data/access#root_key")
            .env("CRONFLOW_ACCESS_VAULT_ADDRESS", &vault.url())
            .env("CRONFLOW_ACCESS_VAULT_NAMESPACE", "team")
            .env("CRONFLOW_ACCESS_VAULT_ROLE_ID", role["data"]["role_id"].as_str().unwrap())
    };
    let by_role = setup();
    let file = by_role.folder().join("secret-id");
    std::fs::write(&file, format!("{}\n", secret["data"]["secret_id"].as_str().unwrap())).unwrap();
    check_serves(by_role.env("CRONFLOW_ACCESS_VAULT_SECRET_ID_FILE", file.to_str().unwrap()));
    check_refused(
        setup().env("CRONFLOW_ACCESS_VAULT_SECRET_ID", "hunter2-is-no-secret-id"),
        &["Vault refuses the login by AppRole at `auth/approle/login`"],
        &["hunter2"],
    );

    vault.put("access", &json!({ "root_key": generate() }));
    let by_file = keyed_by("vault:secret/data/access#root_key").env("CRONFLOW_ACCESS_VAULT_ADDRESS", &vault.url());
    let file = by_file.folder().join("token");
    std::fs::write(&file, vault.token_for(READER) + "\n").unwrap();
    check_serves(by_file.env("CRONFLOW_ACCESS_VAULT_TOKEN_FILE", file.to_str().unwrap()));
}

#[test]
fn a_root_key_that_vaults_transit_engine_sealed_is_opened_at_the_start() {
    use base64::Engine as _;
    let Some(vault) = Vault::start() else { return };
    vault.ask("POST", "sys/mounts/transit", &json!({ "type": "transit" }));
    vault.ask("POST", "transit/keys/access", &json!({}));
    let plain = base64::engine::general_purpose::STANDARD.encode(generate());
    let sealed = vault.ask("POST", "transit/encrypt/access", &json!({ "plaintext": plain })).check_json(200);
    let token = vault.token_for(READER);
    let setup = in_vault(&vault, &token);
    let file = setup.folder().join("root.key.sealed");
    std::fs::write(&file, sealed["data"]["ciphertext"].as_str().unwrap()).unwrap();
    let source = format!("transit:transit/access#{}", file.display());
    let host = check_serves(setup.env(ROOT_KEY, &source));

    let other = in_vault(&vault, &token).env(ROOT_KEY, &source.replace("transit/access", "transit/other"));
    check_refused(other, &["Vault denies it (403)", "`update` on `transit/decrypt/other`"], &[&token]);
    std::fs::write(&file, "vault:v1:bm90IHdoYXQgVmF1bHQgbWFkZQ==").unwrap();
    check_refused(in_vault(&vault, &token).env(ROOT_KEY, &source), &["Vault can't decrypt it", "(400)"], &[&token]);
    // The file lay in its folder.
    drop(host);
}

#[test]
fn a_host_with_its_root_key_in_aws_secrets_manager_serves_and_decides() {
    let (alone, all) = (generate(), json!({ "root_key": generate() }).to_string());
    let Some(aws) = Aws::start(&[("access/root-key", &alone), ("access/all", &all)]) else { return };
    check_serves(in_aws(&aws, "aws:access/root-key"));
    let shared = in_aws(&aws, "aws:access/all#root_key").env("AWS_ACCESS_KEY_ID", "");
    let file = shared.folder().join("credentials");
    let (id, secret) = (&aws.key_id, &aws.secret);
    let profile =
        format!("[e2e]\naws_access_key_id = {id}\naws_secret_access_key={secret}\n[default]\naws_access_key_id = x\n");
    std::fs::write(&file, profile).unwrap();
    check_serves(shared.env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()).env("AWS_PROFILE", "e2e"));
    check_refused(in_aws(&aws, "aws:access/none"), &["AWS has no secret `access/none`"], &[&aws.secret]);
    let forged = in_aws(&aws, "aws:access/root-key").env("AWS_SECRET_ACCESS_KEY", "hunter2");
    check_refused(forged, &["AWS does not know these credentials", "(403"], &["hunter2"]);
    check_refused(in_aws(&aws, "aws:access/all"), &["is not a root key: expected 64 hexadecimal digits"], &[&all]);
    check_refused(in_aws(&aws, "aws:access/all#other"), &["has no field `other`"], &[]);
    check_refused(in_aws(&aws, "aws:access/root-key").env("AWS_REGION", ""), &["the region is not stated"], &[]);
}

#[test]
fn a_secret_manager_that_does_not_give_the_key_is_told_of_and_nothing_is_begun() {
    let Some(vault) = Vault::start() else { return };
    vault.put("access", &json!({ "root_key": "hunter2-is-no-key", "other": "hunter2" }));
    let token = vault.token_for(READER);
    let secrets = [&*token, "hunter2", ROOT_TOKEN];
    let check = |setup: Setup, says: &[&str]| check_refused(setup, says, &secrets);
    check(
        in_vault(&vault, "s.hunter2"),
        &["Vault denies it (403)", "`read` on `secret/data/access`", "secrets generate"],
    );
    check(in_vault(&vault, &token), &["is not a root key: expected 64 hexadecimal digits"]);
    let at = |source: &str| in_vault(&vault, &token).env(ROOT_KEY, source);
    check(at("vault:secret/data/access#none"), &["has no field `none`, but `other`, `root_key`"]);
    check(at("vault:secret/data/elsewhere#root_key"), &["Vault denies it (403)"]);
    let root = |source: &str| in_vault(&vault, ROOT_TOKEN).env(ROOT_KEY, source);
    check(root("vault:secret/data/elsewhere#root_key"), &["Vault has nothing at `secret/data/elsewhere`"]);
    let address = |url: &str| in_vault(&vault, &token).env("CRONFLOW_ACCESS_VAULT_ADDRESS", url);
    check(address("http://127.0.0.1:1"), &["must be 80, 443, or 1024 and above"]);
    check(address("http://127.0.0.1:1024"), &["127.0.0.1:1024 can't be reached"]);
    check(address("http://vault.internal:8200"), &["must begin with `https://`"]);
    check(address("http://169.254.169.254"), &["must begin with `https://`"]);
    check(keyed_by("vault:secret/data/access#root_key"), &["set `vault_address`"]);
    let two = in_vault(&vault, &token).env("CRONFLOW_ACCESS_VAULT_TOKEN_FILE", "/nowhere");
    check(two, &["`vault_address` needs one way in, and no second"]);
    vault.ask("PUT", "sys/seal", &json!({}));
    check(in_vault(&vault, &token), &["Vault is sealed, or not ready (503)"]);
}

#[test]
fn a_root_key_is_taken_from_the_environment_and_from_the_file_that_it_names() {
    let key = generate();
    check_serves(keyed_by(&key));
    check_serves(keyed_by("env:OUR_OWN_NAME").env("OUR_OWN_NAME", &key));
    let setup = Setup::real().on_embedded();
    let file = setup.folder().join("key");
    std::fs::write(&file, &key).unwrap();
    check_serves(setup.env("CRONFLOW_ACCESS_ROOT_KEY_FILE", file.to_str().unwrap()));
    check_serves(keyed_by(&format!("{key}\n")));
    check_refused(keyed_by(&key[1..]), &["is not a root key"], &[&key[1..32]]);
    for stated in [format!("0x{key}"), format!("\"{key}\""), format!("awssm:{key}")] {
        check_refused(keyed_by(&stated), &["neither a root key nor where one is", "file:PATH"], &[&key]);
    }
    let setup = Setup::real().on_embedded();
    let begin = ["--organization", "a", "--workspace", "b", "--root-key", &key];
    let flag = Ran::of(setup.command("init").args(begin));
    flag.check(1, &["`--root-key` does not take the root key itself", "set CRONFLOW_ACCESS_ROOT_KEY"]);
    assert!(!flag.stderr.contains(&key) && !setup.data_dir().exists(), "{flag:?}");
    check_refused(keyed_by(&key).env("CRONFLOW_ACCESS_ROOT_KEY_FILE", "/nowhere"), &["state one"], &[&key]);
}
