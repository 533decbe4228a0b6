//! Webhooks: who is told, how it is signed, what happens when a receiver does not do its part, and where nothing is sent to.

mod due;
mod egress;
mod endpoints;
mod events;
mod failing;
mod libraries;
mod messages;

use harness::{Host, Receiver, Setup, wait_until};
use serde_json::{Value, json};

/// An endpoint, as it was created.
struct Hook {
    id: String,
    secret: String,
}

impl Hook {
    /// Creates one that wants these.
    #[track_caller]
    fn create(host: &Host, url: &str, events: &[&str]) -> Self {
        let body = json!({ "url": url, "events": events });
        let created = host.operator().post(&host.workspace("/webhooks"), &body).check_json(201);
        let text = |name: &str| created[name].as_str().expect("a text").to_owned();
        Self { id: text("id"), secret: text("secret") }
    }

    fn path(&self, host: &Host, then: &str) -> String {
        host.workspace(&format!("/webhooks/{}{then}", self.id))
    }

    #[track_caller]
    fn show(&self, host: &Host) -> Value {
        host.operator().get(&self.path(host, "")).check_json(200)
    }

    /// Its deliveries, newest first.
    #[track_caller]
    fn deliveries(&self, host: &Host) -> Vec<Value> {
        let listed = host.operator().get(&self.path(host, "/deliveries")).check_json(200);
        listed["items"].as_array().expect("items").clone()
    }

    /// Waits until its newest delivery is in this state; the delivery.
    #[track_caller]
    fn wait_until_newest_is(&self, host: &Host, state: &str) -> Value {
        self.wait_until(host, state, |newest| newest["state"] == state)
    }

    /// Waits until so many attempts at its newest delivery are recorded; the delivery.
    #[track_caller]
    fn wait_for_attempts(&self, host: &Host, count: usize) -> Value {
        self.wait_until(host, &format!("{count} attempts"), |newest| attempts(newest).len() >= count)
    }

    #[track_caller]
    fn wait_until(&self, host: &Host, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut newest = Value::Null;
        wait_until(&format!("the newest delivery has {what}"), || {
            newest = self.deliveries(host).first().cloned().unwrap_or_default();
            is_so(&newest)
        });
        newest
    }
}

/// A host that may send to this machine's 127.0.0.1, and knows some names.
fn setup() -> Setup {
    let names = [
        "receiver.example=127.0.0.1",
        "loopback.example=127.0.0.2",
        "mapped.example=::ffff:127.0.0.1",
        "translated.example=64:ff9b::7f00:1",
        "private.example=10.0.0.1",
        "metadata.example=169.254.169.254",
        "both.example=127.0.0.2",
        "both.example=127.0.0.1",
    ];
    Setup::dev().args(["--egress-allow-private", "127.0.0.1/32", "--egress-hosts", &names.join(",")])
}

#[track_caller]
fn send(host: &Host, kind: &str, payload: &Value) -> Value {
    let body = json!({ "type": kind, "payload": payload });
    host.operator().post(&host.workspace("/webhooks/messages"), &body).check_json(201)
}

fn attempts(delivery: &Value) -> Vec<Value> {
    delivery["attempts"].as_array().cloned().unwrap_or_default()
}

/// What was answered, or why nothing was, attempt by attempt.
fn outcomes(delivery: &Value) -> Vec<String> {
    let outcome =
        |attempt: &Value| attempt["error"].as_str().map_or_else(|| attempt["status"].to_string(), str::to_owned);
    attempts(delivery).iter().map(outcome).collect()
}

/// A receiver, and an endpoint that leads to it.
fn received_by(host: &Host, events: &[&str]) -> (Receiver, Hook) {
    let receiver = Receiver::start();
    let hook = Hook::create(host, &receiver.url(), events);
    (receiver, hook)
}
