use super::*;
use crate::decision::{Denial, Principal, Quota};

const AGE: Duration = Duration::from_millis(500);

struct Bench {
    cache: Cache,
    now: Instant,
}

impl Bench {
    fn new(most: usize) -> Self {
        Self { cache: Cache::new(MaxAge::new(AGE).unwrap(), most), now: Instant::now() }
    }

    fn fill(&self, key: Key, remaining: u64) {
        self.cache.ask(key, self.now).answered(&allow(remaining));
    }

    fn reuses(&self, key: &Key) -> bool {
        self.cache.reuse(key, self.now).is_some()
    }

    fn known(&self) -> (usize, usize) {
        let known = self.cache.lock();
        (known.credentials.len(), known.kept)
    }
}

fn key(credential: &str, question: &str) -> Key {
    Key::of(credential, question.as_bytes())
}

fn allow(remaining: u64) -> Decision {
    allow_until(remaining, 60)
}

fn allow_until(remaining: u64, reset_seconds: u64) -> Decision {
    let principal = Principal {
        kind: "api_key".into(),
        id: "key_1".into(),
        key_kind: None,
        organization: None,
        workspace: None,
        environment: None,
        scopes: Vec::new(),
    };
    let quota = Some(Quota { limit: 100, remaining, reset_seconds });
    let (decision_id, set_digest) = ("dec_1".into(), "d".into());
    Decision::Allow(Arc::new(Allow { decision_id, principal, quota, policy_revision: 0, set_digest }))
}

fn deny(status: u16) -> Decision {
    Decision::Deny(Arc::new(Denial::new(status, "said", "so".into())))
}

#[test]
fn no_age_is_longer_than_a_second() {
    assert_eq!(MaxAge::new(Duration::from_secs(1)), Ok(MaxAge::LONGEST));
    assert_eq!(MaxAge::new(Duration::from_millis(1001)), Err(MaxAgeError));
}

#[test]
fn an_allow_is_reused_until_it_is_too_old_counted_from_when_it_was_asked_for() {
    let mut bench = Bench::new(10);
    let asking = bench.cache.ask(key("a", "q"), bench.now);
    bench.now += AGE / 2;
    asking.answered(&allow(50));
    assert!(bench.reuses(&key("a", "q")));
    bench.now += AGE / 2;
    assert!(!bench.reuses(&key("a", "q")));
}

#[test]
fn another_question_or_credential_is_another_key() {
    let bench = Bench::new(10);
    bench.fill(key("a", "q"), 50);
    assert!(!bench.reuses(&key("a", "r")) && !bench.reuses(&key("b", "q")));
}

#[test]
fn denials_are_never_reused() {
    let bench = Bench::new(10);
    for status in [401, 403, 429, 503] {
        bench.cache.ask(key("a", "q"), bench.now).answered(&deny(status));
        assert!(!bench.reuses(&key("a", "q")));
    }
    assert_eq!(bench.known(), (0, 0));
}

#[test]
fn what_is_left_of_the_quota_is_shared_by_all_questions_of_a_credential() {
    let mut bench = Bench::new(10);
    bench.fill(key("a", "q"), 4);
    bench.fill(key("a", "r"), 3);
    let left: Vec<_> = (0..3)
        .map(|at| {
            bench.cache.reuse(&key("a", if at == 1 { "q" } else { "r" }), bench.now).unwrap().quota.unwrap().remaining
        })
        .collect();
    assert_eq!(left, [2, 1, 0]);
    assert!(!bench.reuses(&key("a", "q")) && !bench.reuses(&key("a", "r")));
    // What the host says meanwhile does not know of the reuses.
    bench.fill(key("a", "q"), 2);
    assert!(!bench.reuses(&key("a", "q")));
    bench.now += Duration::from_secs(60);
    bench.fill(key("a", "q"), 1);
    assert!(bench.reuses(&key("a", "q")) && !bench.reuses(&key("a", "q")));
}

#[test]
fn reuses_count_for_a_minute_however_soon_the_next_use_is_free() {
    let mut bench = Bench::new(10);
    let answer = |bench: &Bench, reset_seconds| {
        bench.cache.ask(key("a", "q"), bench.now).answered(&allow_until(1, reset_seconds));
    };
    answer(&bench, 1);
    assert!(bench.reuses(&key("a", "q")));
    for seconds in [1, 58] {
        bench.now += Duration::from_secs(seconds);
        answer(&bench, 1);
        assert!(!bench.reuses(&key("a", "q")));
    }
    bench.now += Duration::from_secs(1);
    // And for longer, where a reset takes longer.
    answer(&bench, 3_600);
    assert!(bench.reuses(&key("a", "q")));
    bench.now += Duration::from_secs(3_599);
    answer(&bench, 1);
    assert!(!bench.reuses(&key("a", "q")));
}

#[test]
fn nothing_is_reused_when_nothing_is_left() {
    let bench = Bench::new(10);
    bench.fill(key("a", "q"), 0);
    assert!(!bench.reuses(&key("a", "q")));
}

#[test]
fn a_401_and_a_429_end_everything_of_the_credential_and_nothing_of_others() {
    for status in [401, 429] {
        let bench = Bench::new(10);
        for question in ["q", "r"] {
            bench.fill(key("a", question), 50);
            bench.fill(key("b", question), 50);
        }
        bench.cache.ask(key("a", "s"), bench.now).answered(&deny(status));
        assert!(!bench.reuses(&key("a", "q")) && !bench.reuses(&key("a", "r")));
        assert!(bench.reuses(&key("b", "q")) && bench.reuses(&key("b", "r")));
    }
}

#[test]
fn a_403_and_a_503_end_what_was_asked() {
    for status in [403, 503] {
        let bench = Bench::new(10);
        bench.fill(key("a", "q"), 50);
        bench.fill(key("a", "r"), 50);
        bench.cache.ask(key("a", "q"), bench.now).answered(&deny(status));
        assert!(!bench.reuses(&key("a", "q")) && bench.reuses(&key("a", "r")));
    }
}

#[test]
fn an_allow_that_was_on_its_way_when_the_credential_ended_is_not_kept() {
    let bench = Bench::new(10);
    let asking = bench.cache.ask(key("a", "q"), bench.now);
    bench.cache.ask(key("a", "r"), bench.now).answered(&deny(401));
    asking.answered(&allow(50));
    assert!(!bench.reuses(&key("a", "q")));
    assert_eq!(bench.known(), (0, 0));
}

#[test]
fn whoever_asks_and_gives_up_leaves_nothing() {
    let bench = Bench::new(10);
    drop(bench.cache.ask(key("a", "q"), bench.now));
    assert_eq!(bench.known(), (0, 0));
}

#[test]
fn it_is_bounded_in_all_and_for_each_credential() {
    let mut bench = Bench::new(200);
    for number in 0..1000 {
        bench.fill(key("a", &number.to_string()), 50);
    }
    assert_eq!(bench.known(), (1, OF_ONE));
    for number in 0..1000 {
        bench.fill(key(&number.to_string(), "q"), 50);
    }
    let (credentials, kept) = bench.known();
    assert!(credentials <= 200 && kept <= 200, "{credentials} {kept}");
    // What is too old makes room.
    bench.now += AGE;
    bench.fill(key("late", "q"), 50);
    assert!(bench.reuses(&key("late", "q")));
    assert_eq!(bench.known(), (1, 1));
}

#[test]
fn no_secret_is_in_it() {
    let bench = Bench::new(10);
    bench.fill(key("cf_prod_sentinel", "{\"credential\":\"cf_prod_sentinel\"}"), 50);
    assert!(!format!("{:?}", bench.cache).contains("sentinel"));
}
