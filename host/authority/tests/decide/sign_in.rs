//! Signing in, as far as a clock that stands still and a store that counts show more than a real host does.

use std::time::Duration;

use access_authority::members::MemberChange;
use access_authority::sign_in::{PasswordChange, SessionOpened, SignInRequest, Visitor};
use access_authority::{Error, IfMatch, Target};
use access_model::totp::{self, step_at};
use access_model::{Clock as _, PlainSecret};

use crate::bench::{Bench, CATALOG};

/// The catalog's.
const ATTEMPTS: usize = 10;

fn from(ip: [u8; 4]) -> Visitor {
    Visitor { ip: Some(ip.into()), ..Visitor::default() }
}

impl Bench {
    async fn sign_in(&self, email: &str, password: &str, code: Option<PlainSecret>) -> Result<SessionOpened, Error> {
        let request = SignInRequest { email: email.to_owned(), password: PlainSecret::new(password.to_owned()), code };
        self.authority.sign_in(&request, &from([203, 0, 113, 7])).await
    }

    pub(crate) async fn owner_signs_in(&self, code: Option<PlainSecret>) -> Result<SessionOpened, Error> {
        self.sign_in(&self.demo.owner.email, self.demo.owner.password.expose(), code).await
    }

    pub(crate) fn code(&self) -> PlainSecret {
        self.code_by(self.demo.owner.totp_secret.expose())
    }

    fn code_by(&self, base32: &str) -> PlainSecret {
        totp::code_at(&secret(base32), step_at(self.clock.now()))
    }

    /// The session of somebody who has enrolled a second factor in the one of this secret.
    pub(crate) async fn enrolled(&self, session: &PlainSecret) -> PlainSecret {
        let permit = async || self.permit_of(session, "profile.factors", Target::platform()).await.unwrap();
        let begun = self.authority.begin_factor(&permit().await).await.unwrap();
        let code = self.code_by(begun.secret.expose());
        self.authority.confirm_factor(&permit().await, &code, &Visitor::default()).await.unwrap().session.secret
    }

    /// Reads and commits that something takes.
    async fn takes(&self, work: impl AsyncFnOnce()) -> (u64, u64) {
        let before = self.store.stats();
        work().await;
        let after = self.store.stats();
        (after.reads - before.reads, after.commits - before.commits)
    }
}

/// Base 32, read back.
fn secret(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = text.chars().map(|digit| DIGITS.find(digit).unwrap());
    let bits: Vec<bool> = values.flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |held, bit| held << 1 | u8::from(*bit))).collect()
}

#[tokio::test]
async fn who_is_nobody_costs_the_store_what_a_wrong_password_costs() {
    let bench = Bench::new().await;
    let email = bench.demo.owner.email.clone();
    let fails = async |email: &str| {
        bench
            .takes(async || assert!(matches!(bench.sign_in(email, "a guess", None).await, Err(Error::SignInFailed))))
            .await
    };
    // What is cached of the organization is there after the first.
    fails(&email).await;
    let wrong = fails(&email).await;
    for nobody in ["nobody@acme.example", "not an address", ""] {
        assert_eq!(fails(nobody).await, wrong, "{nobody}");
    }
    for _ in 0..ATTEMPTS {
        fails(&email).await;
        fails("nobody@acme.example").await;
    }
    assert_eq!(fails("nobody@acme.example").await, fails(&email).await, "locked");
}

#[tokio::test]
async fn each_lockout_is_twice_as_long_until_something_is_right() {
    let bench = Bench::new().await;
    let email = bench.demo.owner.email.clone();
    let lock = async || {
        for _ in 0..ATTEMPTS {
            assert!(bench.sign_in(&email, "a guess", None).await.is_err());
        }
    };
    for minutes in [15, 30, 60] {
        lock().await;
        bench.clock.advance(Duration::from_secs(minutes * 60 - 1));
        assert!(matches!(bench.owner_signs_in(None).await, Err(Error::SignInFailed)), "{minutes}");
        bench.clock.advance(Duration::from_secs(1));
    }
    bench.owner_signs_in(None).await.unwrap();
    lock().await;
    bench.clock.advance(Duration::from_secs(15 * 60));
    bench.owner_signs_in(None).await.unwrap();
}

#[tokio::test]
async fn guessing_slowly_is_no_way_round() {
    let bench = Bench::new().await;
    for _ in 0..ATTEMPTS {
        assert!(bench.sign_in(&bench.demo.owner.email, "a guess", None).await.is_err());
        bench.clock.advance(Duration::from_secs(3_600));
    }
    bench.clock.advance(Duration::from_secs(60));
    // The tenth was nine hours after the first, and locked.
    for _ in 1..ATTEMPTS {
        assert!(bench.sign_in(&bench.demo.owner.email, "a guess", None).await.is_err());
    }
    bench.owner_signs_in(None).await.unwrap();
}

#[tokio::test]
async fn whoever_is_locked_out_is_let_in_again_and_changes_a_password_meanwhile() {
    let bench = Bench::new().await;
    let owner = bench.owner_signs_in(Some(bench.code())).await.unwrap();
    for _ in 0..ATTEMPTS {
        assert!(bench.sign_in(&bench.demo.owner.email, "a guess", None).await.is_err());
    }
    assert!(matches!(bench.owner_signs_in(None).await, Err(Error::SignInFailed)), "locked");
    // What strangers guess at the door is nothing to a session that has the factor.
    let permit = bench.permit_of(&owner.secret, "profile.password", Target::platform()).await.unwrap();
    let change = PasswordChange {
        current: PlainSecret::new(bench.demo.owner.password.expose().to_owned()),
        new: PlainSecret::new("five loud lanterns".to_owned()),
    };
    let owner = bench.authority.change_password(&permit, &change, &from([203, 0, 113, 7])).await.unwrap();
    let sign_in = async || bench.sign_in(&bench.demo.owner.email, "five loud lanterns", None).await;
    assert!(matches!(sign_in().await, Err(Error::SignInFailed)), "locked still");
    let there = Target::organization(bench.demo.organization);
    let permit = bench.permit_of(&owner.secret, "members.resume", there).await.unwrap();
    let resume = async || {
        let change = MemberChange::Resume;
        bench.authority.change_member(&permit, &owner.member, change, &IfMatch::Any).await.unwrap().version
    };
    let shown = async || {
        let there = Target::organization(bench.demo.organization);
        let permit = bench.permit_of(&owner.secret, "members.get", there).await.unwrap();
        bench.authority.get_member(&permit, &owner.member).await.unwrap().shown.locked_out
    };
    assert!(shown().await);
    let version = resume().await;
    assert!(!shown().await);
    sign_in().await.unwrap();
    assert_eq!(resume().await, resume().await, "nothing to lift any more");
    assert!(version > 0);
}

#[tokio::test]
async fn a_password_alone_drives_out_no_session_that_has_the_factor() {
    let bench = Bench::new().await;
    let owner = bench.owner_signs_in(Some(bench.code())).await.unwrap();
    for _ in 0..50 {
        bench.owner_signs_in(None).await.unwrap();
    }
    bench.permit_of(&owner.secret, "profile.password", Target::platform()).await.unwrap();
}

#[tokio::test]
async fn a_network_that_was_right_has_not_tried() {
    let bench = Bench::with(&CATALOG.replace("network_attempts = 100", "network_attempts = 6")).await;
    for _ in 0..8 {
        bench.owner_signs_in(None).await.unwrap();
    }
    let other =
        SignInRequest { email: "nobody@acme.example".into(), password: PlainSecret::new("a guess".into()), code: None };
    for number in 0..7 {
        let failed = bench.authority.sign_in(&other, &from([203, 0, 113, 200])).await.unwrap_err();
        assert_eq!(matches!(failed, Error::TooManyAttempts { seconds: 1..=900 }), number == 6, "{number}: {failed}");
    }
    assert!(matches!(bench.owner_signs_in(None).await, Err(Error::TooManyAttempts { .. })), "the same network");
    let elsewhere = bench.authority.sign_in(&other, &from([198, 51, 100, 7])).await;
    assert!(matches!(elsewhere, Err(Error::SignInFailed)));
}

#[tokio::test]
async fn a_store_that_fails_lets_nobody_in_and_uses_nothing_up() {
    let bench = Bench::new().await;
    bench.owner_signs_in(Some(bench.code())).await.unwrap();
    bench.clock.advance(totp::STEP);
    let mut commits = 0;
    // Whichever commit is the first that fails.
    let opened = loop {
        bench.failing.take(commits);
        match bench.owner_signs_in(Some(bench.code())).await {
            Ok(opened) => break opened,
            Err(error) => assert!(matches!(error, Error::StoreUnavailable), "{error}"),
        }
        commits += 1;
    };
    assert!(commits >= 3, "{commits}");
    bench.failing.take(usize::MAX);
    assert_eq!(opened.factor, "given");
    assert!(matches!(bench.owner_signs_in(Some(bench.code())).await, Err(Error::SignInFailed)), "used up now");
}

#[tokio::test]
async fn a_suspended_organization_lets_nobody_in_and_says_nothing_of_it() {
    let bench = Bench::new().await;
    let operator = bench.operator().await;
    let target = Target::organization(bench.demo.organization);
    let permit = bench.authority.require(&operator, "organizations.suspend", target, None).await.unwrap();
    bench.authority.change_organization(&permit, access_authority::OwnerChange::Suspend).await.unwrap();
    assert!(matches!(bench.owner_signs_in(Some(bench.code())).await, Err(Error::SignInFailed)));
}
