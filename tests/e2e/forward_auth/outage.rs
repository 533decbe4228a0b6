//! Without a decision nobody passes.

use harness::{Make, Setup, is_left_to_tests_run, wait_until};
use rustix::process::Signal;
use serde_json::json;

use super::rig::{Rig, get};

pub(super) fn nobody_passes_while_the_store_is_down(make: Make) {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let Some(rig) = Rig::over(make, Setup::dev().on_redis()) else { return };
    let (known, unknown) =
        (rig.host.demo_key("production").secret, rig.host.issue("production", &["jobs:read"]).secret);
    let (client, read) = (rig.client(&known), get("/v1/jobs"));
    rig.check_passes(&client, &read);

    rig.host.setup().redis().kill_9();
    // What is known stays good for a moment; then nothing does.
    wait_until("the client is told that nothing can be decided", || {
        let told = client.send(&read);
        assert!(matches!(told.status, 200 | 503), "{told:?}");
        told.status == 503
    });
    rig.api.take();
    for client in [&client, &rig.client(&unknown)] {
        for _ in 0..5 {
            let told = rig.check_stopped(client, &read, &[503]);
            assert!(told.header("retry-after").is_some(), "{told:?}");
        }
    }

    rig.host.setup().redis().restart();
    wait_until("decisions are made again", || client.send(&read).status == 200);
    rig.api.take();
    rig.check_passes(&rig.client(&unknown), &read);
}

pub(super) fn nobody_passes_while_the_host_is_paused_or_gone(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let (client, read) = (rig.client(&rig.host.demo_key("production").secret), get("/v1/jobs"));
    rig.check_passes(&client, &read);
    rig.host.decider().pause();
    let told = rig.check_stopped(&client, &read, &[503]);
    assert!(told.header("retry-after").is_some(), "{told:?}");
    rig.host.signal(Signal::CONT);
    wait_until("decisions are made again", || client.send(&read).status == 200);
    rig.api.take();

    let Rig { host, .. } = &rig;
    host.signal(Signal::KILL);
    wait_until("the host is gone", || std::net::TcpStream::connect(host.address()).is_err());
    for _ in 0..5 {
        rig.check_stopped(&client, &read, &[503]);
    }
}

pub(super) fn nobody_passes_a_gateway_that_may_not_ask(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let (secret, read) = (rig.host.demo_key("production").secret, get("/v1/jobs"));
    rig.check_passes(&rig.client(&secret), &read);
    let of_another = if make == Make::Caddy { "nginx" } else { "caddy" };
    let issue = |body| rig.host.operator().post("/v1/gateways", &body).check_json(201);
    let organizations = [&rig.host.identity().organization];
    let own =
        json!({ "name": "e2e", "organizations": organizations, "environment": "production", "profile": make.name() });
    let revoked = issue(own.clone());
    let revoke = format!("/v1/gateways/{}/revoke", revoked["id"].as_str().unwrap());
    rig.host.operator().post(&revoke, &json!({})).check_json(200);
    let mut elsewhere = own.clone();
    elsewhere["ip_allow"] = json!(["203.0.113.0/24"]);
    let mut unbound = own.clone();
    unbound["organizations"] = json!([]);
    let mut nowhere = own.clone();
    nowhere["environment"] = json!(null);
    let mut another = own.clone();
    another["profile"] = json!(of_another);
    let mut none = own;
    none["profile"] = json!(null);
    let secret_of = |issued: serde_json::Value| issued["secret"].as_str().unwrap().to_owned();
    let tokens = [
        "cf_gw_nobody".to_owned(),
        secret.clone(),
        rig.host.identity().operator_token.clone(),
        secret_of(revoked),
        secret_of(issue(elsewhere)),
        secret_of(issue(unbound)),
        secret_of(issue(nowhere)),
        secret_of(issue(another)),
        secret_of(issue(none)),
    ];
    for token in tokens {
        let gateway = harness::Gateway::start(make, rig.host.address(), rig.api.address(), &token);
        rig.check_stopped(&gateway.client(Some(&secret)), &read, &[401, 403]);
    }
}
