//! People at the router: invited, signed in, with or without a second factor.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use access_model::clock::ManualClock;
use access_model::totp::{STEP, code_at, step_at};
use access_model::{Clock as _, Timestamp};
use serde_json::{Value, json};

use crate::bench::{Bench, Told};

const PASSWORD: &str = "seven quiet lanterns";

/// What a person has shown of a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Factor {
    /// There is none.
    None,
    /// It was given, and not lately.
    Given,
    /// It was given just now.
    Fresh,
}

impl Factor {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Given, Self::Fresh];
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A bench with people, whose clock goes on when it is told to.
pub(crate) struct Town {
    bench: Bench,
    clock: Arc<ManualClock>,
    names: AtomicUsize,
}

impl Deref for Town {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Town {
    /// Under the policies in a folder, or the built-in ones.
    pub(crate) async fn new(policies: Option<&Path>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        Self { bench: Bench::at(Arc::clone(&clock), policies).await, clock, names: AtomicUsize::new(0) }
    }

    /// A name that nothing has yet.
    pub(crate) fn next_name(&self) -> String {
        format!("name-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A workspace that nothing else needs.
    pub(crate) async fn workspace(&self, organization: &str) -> String {
        let name = json!({ "name": self.next_name() }).to_string();
        let path = format!("/v1/organizations/{organization}/workspaces");
        text(&self.operate("POST", &path, &name).await, 201, "id")
    }

    /// An organization besides the demo's.
    pub(crate) async fn organization(&self) -> String {
        let name = json!({ "name": self.next_name() }).to_string();
        text(&self.operate("POST", "/v1/organizations", &name).await, 201, "id")
    }

    /// Somebody with these rights in an organization, signed in.
    pub(crate) async fn person(&self, organization: &str, rights: &Value, factor: Factor) -> Person {
        let mut request = json!({ "email": format!("{}@acme.example", self.next_name()) });
        request.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        let path = format!("/v1/organizations/{organization}/invitations");
        let invited = self.operate("POST", &path, &request.to_string()).await;
        let invitation = text(&invited, 201, "secret");
        let accepted = json!({ "invitation": invitation, "name": "Ada", "password": PASSWORD }).to_string();
        let told = self.send("POST", "/v1/invitations/accept", None, &accepted).await;
        let person = Person { id: text(&told, 201, "member"), secret: text(&told, 201, "secret") };
        if factor == Factor::None {
            return person;
        }
        let person = self.enrol(person).await;
        if factor == Factor::Given {
            // Longer than a factor is fresh, shorter than a session lasts unused.
            self.clock.advance(Duration::from_secs(700));
        }
        person
    }

    async fn enrol(&self, person: Person) -> Person {
        let begun = self.send("POST", "/v1/profile/totp", Some(&person.secret), "").await;
        let secret = base32(&text(&begun, 201, "secret"));
        self.clock.advance(STEP);
        let code = code_at(&secret, step_at(self.clock.now()));
        let code = json!({ "code": code.expose() }).to_string();
        let confirmed = self.send("POST", "/v1/profile/totp/confirm", Some(&person.secret), &code).await;
        assert_eq!(confirmed.status, 201, "{}", confirmed.body);
        let confirmed: Value = serde_json::from_str(&confirmed.body).unwrap();
        Person { secret: confirmed["session"]["secret"].as_str().unwrap().to_owned(), ..person }
    }
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(told: &Told, status: u16, field: &str) -> String {
    assert_eq!(told.status, status, "{}", told.body);
    let value: Value = serde_json::from_str(&told.body).unwrap();
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}")).to_owned()
}

/// Base 32, read back.
fn base32(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = text.chars().map(|digit| DIGITS.find(digit).unwrap());
    let bits: Vec<bool> = values.flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |held, bit| held << 1 | u8::from(*bit))).collect()
}
