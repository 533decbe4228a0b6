//! The routes, talked to as users do; bodies are compared with snapshots.
#![expect(clippy::unwrap_used, reason = "a test")]

mod bench;

use bench::{Bench, Told};

/// Status and body, with what a change of policies would change left out.
fn shown(told: &Told) -> String {
    let value: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    format!("{}\n{}", told.status, serde_json::to_string_pretty(&value).unwrap())
}

macro_rules! snapshot {
    ($told:expr) => {
        let told = $told;
        insta::with_settings!({ filters => vec![(r#""set_digest": "[0-9a-f]{64}""#, r#""set_digest": "…""#)] }, {
            insta::assert_snapshot!(shown(&told));
        });
    };
}

#[tokio::test]
async fn a_decision() {
    let bench = Bench::new().await;
    let ask = |kind: &str| {
        let secret = bench.demo.keys.get(kind).unwrap().expose();
        format!(
            r#"{{"credential":"{secret}","request":{{"method":"POST","path":"/v1/jobs","ip":"203.0.113.7","environment":"production"}}}}"#
        )
    };
    let gateway = Some(bench.demo.gateway_token.expose());
    snapshot!(bench.send("POST", "/v1/authorize", gateway, &ask("production")).await);
    snapshot!(bench.send("POST", "/v1/authorize", gateway, &ask("read_only")).await);
    let both = format!(r#"{{"items":[{},{}]}}"#, ask("staging"), ask("production"));
    snapshot!(bench.send("POST", "/v1/authorize/batch", gateway, &both).await);
}

#[tokio::test]
async fn a_key_from_issue_to_revocation() {
    let bench = Bench::new().await;
    let request = r#"{"kind":"staging","name":"ci","scopes":["jobs:read"],"ip_allow":["203.0.113.0/24"],"metadata":{"team":"a"}}"#;
    let issued = bench.operate("POST", "/v1/workspaces/WS/keys", request).await;
    let id = serde_json::from_str::<serde_json::Value>(&issued.body).unwrap();
    let id = id.get("id").and_then(|id| id.as_str()).unwrap().to_owned();
    snapshot!(issued);
    snapshot!(
        bench.operate("POST", &format!("/v1/workspaces/WS/keys/{id}/rotate"), r#"{"overlap_seconds":3600}"#).await
    );
    snapshot!(bench.operate("GET", &format!("/v1/workspaces/WS/keys/{id}"), "").await);
    snapshot!(bench.operate("POST", &format!("/v1/workspaces/WS/keys/{id}/revoke"), "").await);
    snapshot!(bench.operate("POST", &format!("/v1/workspaces/WS/keys/{id}/enable"), "").await);
    snapshot!(bench.operate("GET", "/v1/workspaces/WS/audit?limit=1&action=keys.revoke", "").await);
}

#[tokio::test]
async fn network_rules() {
    let bench = Bench::new().await;
    snapshot!(
        bench
            .operate(
                "PUT",
                "/v1/workspaces/WS/network",
                r#"{"ip_allow":["203.0.113.0/24"],"egress_allow":["198.51.100.9"]}"#
            )
            .await
    );
    snapshot!(bench.operate("PUT", "/v1/workspaces/WS/network", r#"{"egress_allow":null}"#).await);
    snapshot!(bench.operate("PUT", "/v1/workspaces/WS/network", r#"{"ip_allow":[]}"#).await);
    snapshot!(bench.operate("PUT", "/v1/workspaces/WS/network", r#"{"ip_allow":["203.0.113.7/24"]}"#).await);
}

#[tokio::test]
async fn organizations_and_workspaces() {
    let bench = Bench::new().await;
    let created = bench.operate("POST", "/v1/organizations", r#"{"name":"globex"}"#).await;
    let id = serde_json::from_str::<serde_json::Value>(&created.body).unwrap();
    let organization = format!("/v1/organizations/{}", id.get("id").and_then(|id| id.as_str()).unwrap());
    snapshot!(created);
    snapshot!(bench.operate("POST", "/v1/organizations", r#"{"name":"globex"}"#).await);
    snapshot!(bench.operate("POST", &format!("{organization}/workspaces"), r#"{"name":"main"}"#).await);
    snapshot!(bench.operate("POST", &format!("{organization}/suspend"), "").await);
    snapshot!(bench.operate("POST", &format!("{organization}/workspaces"), r#"{"name":"second"}"#).await);
    snapshot!(bench.operate("GET", &format!("{organization}/workspaces"), "").await);
    snapshot!(bench.operate("GET", "/v1/audit?limit=1", "").await);
}

#[tokio::test]
async fn settings() {
    let bench = Bench::new().await;
    let all = r#"{"description":"nightly","rotation_overlap_seconds":3600,"key_lifetime_days":30}"#;
    let set = bench.operate("PUT", "/v1/workspaces/WS/settings", all).await;
    assert!(set.headers.contains_key("etag"));
    snapshot!(set);
    snapshot!(bench.operate("PUT", "/v1/workspaces/WS/settings", r#"{"description":null}"#).await);
    snapshot!(bench.operate("PUT", "/v1/workspaces/WS/settings", r#"{"key_lifetime_days":0}"#).await);
    snapshot!(bench.operate("GET", "/v1/workspaces/WS", "").await);
}

#[tokio::test]
async fn problems() {
    let bench = Bench::new().await;
    snapshot!(bench.send("POST", "/v1/authorize", None, "{}").await);
    snapshot!(bench.send("POST", "/v1/authorize", Some("cf_gw_wrong"), "{}").await);
    snapshot!(
        bench.send("POST", "/v1/authorize", Some(bench.demo.keys.get("production").unwrap().expose()), "{}").await
    );
    snapshot!(bench.operate("POST", "/v1/authorize", r#"{"credential":"x","request":{"#).await);
    snapshot!(bench.operate("POST", "/v1/authorize", r#"{"credential":7}"#).await);
    snapshot!(bench.operate("POST", "/v1/authorize", r#"{"credential":"x"}"#).await);
    snapshot!(
        bench
            .operate(
                "POST",
                "/v1/authorize",
                r#"{"credential":"x","action":"jobs.list","request":{"ip":"1.2.3.4:80"}}"#
            )
            .await
    );
    snapshot!(bench.operate("POST", "/v1/workspaces/WS/keys", r#"{"kind":"staging","name":"a","surprise":1}"#).await);
    snapshot!(
        bench
            .operate("POST", "/v1/workspaces/WS/keys", r#"{"kind":"staging","name":"a","expires_at":"tomorrow"}"#)
            .await
    );
    snapshot!(bench.operate("GET", "/v1/workspaces/ws_00doesnotexist0000/keys", "").await);
    snapshot!(bench.operate("GET", "/v1/workspaces/nonsense/keys", "").await);
    snapshot!(bench.operate("GET", "/v1/workspaces/WS/keys?limit=0", "").await);
    snapshot!(bench.operate("PATCH", "/v1/workspaces/WS/network", "").await);
    snapshot!(bench.operate("GET", "/nowhere", "").await);
    snapshot!(bench.operate("POST", "/v1/authorize", &format!(r#"{{"credential":"{}"}}"#, "x".repeat(300_000))).await);
}

#[tokio::test]
async fn headers_that_go_with_a_status() {
    let bench = Bench::new().await;
    let header = |told: &Told, name: &str| told.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let anonymous = bench.send("GET", "/v1/workspaces/ws_00doesnotexist0000/keys", None, "").await;
    assert_eq!(anonymous.status, 401);
    assert_eq!(header(&anonymous, "www-authenticate").as_deref(), Some("Bearer realm=\"cronflow-access\""));
    assert_eq!(header(&anonymous, "content-type").as_deref(), Some("application/problem+json"));
    let wrong_method = bench.operate("PATCH", "/v1/workspaces/WS/network", "").await;
    assert_eq!((wrong_method.status, header(&wrong_method, "allow").as_deref()), (405, Some("GET,HEAD,PUT")));
    let listed = bench.operate("GET", "/v1/workspaces/WS/keys", "").await;
    assert_eq!((listed.status, header(&listed, "cache-control").as_deref()), (200, Some("no-store")));
}
