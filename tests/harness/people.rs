//! People: an address, a password, and an authenticator app.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::host::Host;
use crate::http::{Client, Response};

/// Seconds that a code is the current one.
pub const STEP: u64 = 30;

/// Somebody who signs in.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Person {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// What the authenticator app was given, in base 32; empty: none.
    #[serde(default)]
    pub totp_secret: String,
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Public id of the session.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Speaks for it.
    pub client: Client,
    /// All that was answered.
    pub told: Value,
}

impl Person {
    /// The demo's owner.
    #[track_caller]
    pub fn owner(host: &Host) -> Self {
        host.identity().owner.clone()
    }

    /// What the app shows, so many steps from now.
    #[track_caller]
    pub fn code(&self, host: &Host, steps: i64) -> String {
        let step = i64::try_from(host.now_seconds() / STEP).expect("a time") + steps;
        code(&self.totp_secret, u64::try_from(step).expect("a step"))
    }

    /// Tries to sign in.
    pub fn try_sign_in(&self, client: &Client, code: Option<&str>) -> Response {
        client.post("/v1/sessions", &json!({ "email": self.email, "password": self.password, "code": code }))
    }

    /// Signs in by the password alone.
    #[track_caller]
    pub fn sign_in(&self, host: &Host) -> SignedIn {
        SignedIn::of(host, &self.try_sign_in(&host.client(None), None))
    }

    /// Signs in with a code that was not used before: the clock moves on by a step, since each step's serves once.
    #[track_caller]
    pub fn sign_in_with_code(&self, host: &Host) -> SignedIn {
        host.advance(STEP);
        SignedIn::of(host, &self.try_sign_in(&host.client(None), Some(&self.code(host, 0))))
    }

    /// The same, where it may be that the host lets nobody in, or that its clock goes no further.
    pub fn sign_in_if_let(&self, host: &Host) -> Option<SignedIn> {
        host.operator().post("/v1/dev/clock", &json!({ "advance_seconds": STEP }));
        let response = self.try_sign_in(&host.client(None), Some(&self.code(host, 0)));
        (response.status == 201).then(|| SignedIn::of(host, &response))
    }
}

impl SignedIn {
    /// Whoever was answered so.
    #[track_caller]
    pub fn of(host: &Host, response: &Response) -> Self {
        Self::told(host, response.check_json(201))
    }

    /// Whoever was told so.
    #[track_caller]
    pub fn told(host: &Host, told: Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {told}")).to_owned();
        let (id, secret) = (text("id"), text("secret"));
        Self { id, client: host.client(Some(&secret)), secret, told }
    }

    /// Whether it identifies its member.
    #[track_caller]
    pub fn is_alive(&self) -> bool {
        let response = self.client.get("/v1/sessions/current");
        match response.status {
            200 => true,
            _ => {
                response.check_problem(401, "unauthenticated");
                false
            }
        }
    }
}

impl Host {
    /// The host's time, in seconds from 1970 on.
    #[track_caller]
    pub fn now_seconds(&self) -> u64 {
        let told = self.operator().post("/v1/dev/clock", &json!({ "advance_seconds": 0 })).check_json(200);
        let now: jiff::Timestamp = told["now"].as_str().expect("a time").parse().expect("a time");
        u64::try_from(now.as_second()).expect("it is after 1970")
    }
}

/// RFC 6238 with SHA-1 and six digits, written down once more: not what the product does, but what everybody's app does.
pub fn code(secret: &str, step: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(&base32(secret)).expect("any length is a key");
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let offset = usize::from(mac[19] & 15);
    let value = u32::from_be_bytes(mac[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", value % 1_000_000)
}

fn base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            other => panic!("`{other}` is not base 32"),
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 255).expect("eight bits"));
        }
    }
    bytes
}
