use std::sync::{Arc, Mutex, OnceLock};

use access_model::clock::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers each connection with the next of `answers`, over and over the last; tells what it was asked.
async fn keeper(answers: &[(u16, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (told, answers) = (Arc::clone(&asked), answers.iter().map(|(status, body)| (*status, (*body).to_owned())));
    let answers: Vec<_> = answers.collect();
    tokio::spawn(async move {
        for at in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = vec![0; 8_192];
            let length = stream.read(&mut read).await.unwrap();
            told.lock().unwrap().push(String::from_utf8_lossy(&read[..length]).into_owned());
            let (status, body) = &answers[at.min(answers.len() - 1)];
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

fn keepers(vault: Option<(&str, Login)>, endpoint: Option<&str>) -> Keepers {
    let vault =
        vault.map(|(address, login)| Vault { address: address.to_owned(), namespace: Some("team".into()), login });
    let aws = Aws { region: Some("eu-west-1".to_owned()), endpoint: endpoint.map(str::to_owned) };
    let environment = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("hunter2-of-aws".to_owned()),
        "GIVEN" => Some(" given \n".to_owned()),
        _ => None,
    };
    Keepers::new(vault, aws, BTreeMap::new(), None, environment)
}

async fn read(keepers: &Keepers, source: &str) -> Result<String, String> {
    let source = Source::parse(source).unwrap().unwrap();
    let read = keepers.read(&source, &SystemClock::new()).await;
    read.map(|secret| secret.expose().to_owned()).map_err(|error| format!("{error} {error:?}"))
}

fn token() -> Login {
    Login::Token(PlainSecret::new("hunter2-token".to_owned()))
}

#[tokio::test]
async fn files_and_variables_are_read_and_what_is_not_one_line_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\n").unwrap();
    let keepers = keepers(None, None);
    let of_file = format!("file:{}", file.path().display());
    assert_eq!(read(&keepers, &of_file).await.unwrap(), "hunter2");
    assert_eq!(read(&keepers, "env:GIVEN").await.unwrap(), "given");
    std::fs::write(file.path(), "hunter2\nhunter3\n").unwrap();
    let error = read(&keepers, &of_file).await.unwrap_err();
    assert!(error.contains("expected one line") && !error.contains("hunter"), "{error}");
    for (source, says) in [
        ("env:MISSING", "`env:MISSING`: the variable is not set"),
        ("file:/nowhere/at/all", "`/nowhere/at/all`: it can't be read"),
        ("vault:secret/data/access#root_key", "set `vault_address`"),
    ] {
        let error = read(&keepers, source).await.unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn what_has_no_end_or_waits_for_somebody_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (keepers, pipe, long) = (keepers(None, None), folder.path().join("pipe"), folder.path().join("long"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&long, "x".repeat(4_097)).unwrap();
    for (path, says) in [
        (&*pipe, "it is no plain file"),
        (Path::new("/dev/zero"), "it is no plain file"),
        (folder.path(), "it is no plain file"),
        (&long, "longer than 4096 bytes"),
    ] {
        let error = read(&keepers, &format!("file:{}", path.display())).await.unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_manager_that_never_answers_is_given_up_before_whoever_waits_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keepers = keepers(Some((&url, token())), None);
    let read = read(&keepers, "vault:secret/data/access#root_key");
    let error = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap_err();
    assert!(error.contains("can't be reached"), "{error}");
}

#[tokio::test]
async fn credentials_are_told_by_metadata_services_and_this_machine_alone() {
    for (url, is_ours) in [
        ("http://169.254.169.254", true),
        ("http://169.254.170.2/v2/credentials/x", true),
        ("http://127.0.0.1:1234/credentials", true),
        ("http://localhost:1234/credentials", true),
        ("http://93.184.216.34/credentials", false),
        ("http://10.0.0.1/credentials", false),
        ("http://metadata.example/credentials", false),
    ] {
        let to = Destination::parse(url, true).unwrap();
        assert_eq!(aws::is_machine(&to), is_ours, "{url}");
    }
    let environment = |name: &str| match name {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" => Some(".example/credentials".to_owned()),
        _ => None,
    };
    let aws = Aws { region: Some("eu-west-1".to_owned()), endpoint: None };
    let error = read(&Keepers::new(None, aws, BTreeMap::new(), None, environment), "aws:access").await.unwrap_err();
    assert!(error.contains("must begin with `/`"), "{error}");
}

#[tokio::test]
async fn vault_is_asked_again_while_it_is_sealed_and_told_who_asks() {
    let found = r#"{"data":{"data":{"root_key":"found"},"metadata":{"version":1}}}"#;
    let (url, asked) = keeper(&[(503, "{}"), (200, found)]).await;
    let keepers = keepers(Some((&url, token())), None);
    assert_eq!(read(&keepers, "vault:secret/data/access#root_key").await.unwrap(), "found");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].starts_with("GET /v1/secret/data/access HTTP/1.1\r\n"), "{asked:?}");
    for header in ["x-vault-token: hunter2-token", "x-vault-namespace: team", "x-vault-request: true"] {
        assert!(asked[1].contains(header), "{asked:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_read_says_why_and_quotes_nothing() {
    let odd = r#"{"data":{"data":{"hunter2-field":"hunter2","root_key":7}}}"#;
    for (status, body, says) in [
        (403, r#"{"errors":["hunter2"]}"#, "its policy does not allow `read` on `secret/data/access`"),
        (404, r#"{"errors":[]}"#, "nothing at `secret/data/access`"),
        (200, odd, "the field `root_key` is not a text"),
        (200, r#"{"data":{"root_key":"hunter2"}}"#, "a key-value store of version 2?"),
        (200, "hunter2", "what answers there is not Vault"),
        (418, "hunter2", "Vault answers 418"),
    ] {
        let (url, asked) = keeper(&[(status, body)]).await;
        let error = read(&keepers(Some((&url, token())), None), "vault:secret/data/access#root_key").await.unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
        assert_eq!(asked.lock().unwrap().len(), 1, "trying again does not help: {error}");
    }
    for (status, body, says) in [
        (400, r#"{"__type":"ResourceNotFoundException","Message":"hunter2"}"#, "AWS has no secret `access`"),
        (400, r#"{"__type":"com.amazon#AccessDeniedException"}"#, "does not allow secretsmanager:GetSecretValue"),
        (403, r#"{"__type":"UnrecognizedClientException"}"#, "AWS does not know these credentials"),
        (200, r#"{"SecretBinary":"aHVudGVyMg=="}"#, "store it as text"),
        (200, r#"{"SecretString":"hunter2"}"#, "is not a JSON object"),
        (200, r#"{"SecretString":"{\"other\":\"hunter2\"}"}"#, "has no field `root_key`"),
        (200, "hunter2", "is not AWS Secrets Manager"),
    ] {
        let (url, _) = keeper(&[(status, body)]).await;
        let error = read(&keepers(None, Some(&url)), "aws:access#root_key").await.unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn secrets_are_never_asked_for_in_the_clear_beyond_this_machine() {
    for address in ["http://vault.example:8200", "http://10.0.0.1:8200", "ftp://vault.example", "vault.example:8200"] {
        let keepers = keepers(Some((address, token())), None);
        let error = read(&keepers, "vault:secret/data/access#root_key").await.unwrap_err();
        assert!(error.contains(address) && error.contains("https://"), "{error}");
    }
    let keepers = keepers(Some(("https://169.254.169.254", token())), None);
    let error = read(&keepers, "vault:secret/data/access#root_key").await.unwrap_err();
    assert!(error.contains("metadata services"), "{error}");
}

#[tokio::test]
async fn a_machine_is_told_its_own_credentials_and_signs_with_them() {
    static AT: OnceLock<String> = OnceLock::new();
    let told = r#"{"Code":"Success","AccessKeyId":"AKIDTOLD","SecretAccessKey":"hunter2","Token":"session-told"}"#;
    let answers = [(200, "token-told"), (200, "access-role\n"), (200, told), (200, r#"{"SecretString":"found"}"#)];
    let (url, asked) = keeper(&answers).await;
    AT.set(url.clone()).unwrap();
    let environment = |name: &str| match name {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT" => AT.get().cloned(),
        _ => None,
    };
    let aws = Aws { region: Some("eu-west-1".to_owned()), endpoint: Some(url) };
    let keepers = Keepers::new(None, aws, BTreeMap::new(), None, environment);
    assert_eq!(read(&keepers, "aws:access").await.unwrap(), "found");
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("PUT /latest/api/token "), "{asked:?}");
    assert!(asked[2].starts_with("GET /latest/meta-data/iam/security-credentials/access-role "), "{asked:?}");
    assert!(asked[2].contains("x-aws-ec2-metadata-token: token-told"), "{asked:?}");
    for says in [
        "Credential=AKIDTOLD/",
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
        "x-amz-security-token: session-told",
    ] {
        assert!(asked[3].contains(says), "{asked:?}");
    }
}
