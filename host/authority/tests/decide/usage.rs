//! Usage: what identified a key counts, on the day it happened, over all hosts; and nothing waits for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use access_authority::keys::actions;
use access_authority::usage::{ACTION_GET, Asked, UsageRequest, UsageView};
use access_authority::{Error, PageRequest};

use crate::bench::{Ask, Bench};

const fn asked(allowed: u64, denied: u64, rate_limited: u64) -> Asked {
    Asked { allowed, denied, rate_limited }
}

async fn usage(bench: &Bench, since: Option<&str>, until: Option<&str>) -> Result<UsageView, Error> {
    let request = UsageRequest { since: since.map(str::to_owned), until: until.map(str::to_owned) };
    bench.authority.get_usage(&bench.permit(ACTION_GET).await, &request).await
}

#[tokio::test]
async fn what_identified_a_key_counts_by_day_and_by_key() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let staging = || Ask { credential: Some(bench.key("staging")), environment: Some("staging"), ..Ask::default() };
    for _ in 0..3 {
        bench.ask(Ask::default()).await;
        bench.ask_at(&other, Ask::default()).await;
    }
    bench.ask(Ask { environment: None, ..staging() }).await;
    bench.ask(Ask { credential: Some("cf_prod_nonsense"), ..Ask::default() }).await;
    assert_eq!(usage(&bench, None, None).await.unwrap().total, asked(0, 0, 0), "it is told each second");
    bench.authority.tick().await;
    other.tick().await;
    let view = usage(&bench, None, None).await.unwrap();
    assert_eq!((view.total, view.days.len(), view.until.as_str()), (asked(6, 1, 0), 1, "2026-01-01"));
    assert_eq!(view.keys.iter().map(|key| key.asked).collect::<Vec<_>>(), [asked(6, 0, 0), asked(0, 1, 0)]);

    bench.clock.advance(Duration::from_secs(86_400));
    for _ in 0..1_001 {
        bench.ask(staging()).await;
    }
    bench.authority.shut_down().await;
    let view = usage(&bench, None, None).await.unwrap();
    let days: Vec<_> = view.days.iter().map(|day| (day.day.as_str(), day.asked)).collect();
    assert_eq!(days, [("2026-01-01", asked(6, 1, 0)), ("2026-01-02", asked(1_000, 0, 1))]);
    assert_eq!(usage(&bench, Some("2026-01-02"), None).await.unwrap().total, asked(1_000, 0, 1));
    assert_eq!(usage(&bench, None, Some("2026-01-01")).await.unwrap().total, asked(6, 1, 0));
}

#[tokio::test]
async fn a_store_that_is_away_is_told_later() {
    let bench = Bench::new().await;
    bench.ask(Ask::default()).await;
    bench.failing.fails.store(true, Ordering::SeqCst);
    bench.authority.tick().await;
    bench.ask(Ask::default()).await;
    bench.authority.tick().await;
    bench.failing.fails.store(false, Ordering::SeqCst);
    bench.authority.tick().await;
    bench.authority.tick().await;
    assert_eq!(usage(&bench, None, None).await.unwrap().total, asked(2, 0, 0));
}

#[tokio::test]
async fn keys_say_when_they_were_last_used() {
    let bench = Bench::new().await;
    let last_used = async || {
        let permit = bench.permit(actions::LIST).await;
        let keys = bench.authority.list_keys(&permit, &PageRequest::default()).await.unwrap().items;
        let listed = keys.iter().find(|key| key.kind == "production").unwrap().clone();
        let shown = bench.authority.get_key(&bench.permit(actions::GET).await, &listed.id).await.unwrap().shown;
        assert_eq!(shown.last_used_at, listed.last_used_at);
        shown.last_used_at.map(|at| at.to_string())
    };
    assert_eq!(last_used().await, None);
    bench.ask(Ask::default()).await;
    bench.authority.tick().await;
    assert_eq!(last_used().await.as_deref(), Some("2026-01-01T00:00:00.000Z"));
    for seconds in [59, 1] {
        bench.clock.advance(Duration::from_secs(seconds));
        bench.ask(Ask::default()).await;
        bench.authority.tick().await;
    }
    assert_eq!(last_used().await.as_deref(), Some("2026-01-01T00:01:00.000Z"));
}

#[tokio::test]
async fn days_that_are_none_are_refused() {
    let bench = Bench::new().await;
    for (since, until) in [
        (Some("2026-13-01"), None),
        (Some("yesterday"), None),
        (None, Some("2026-01-01T00:00:00Z")),
        (Some("2026-01-02"), Some("2026-01-01")),
        (Some("2025-10-01"), Some("2026-01-01")),
    ] {
        let refused = usage(&bench, since, until).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{since:?} {until:?}: {refused:?}");
    }
    assert!(usage(&bench, Some("2025-10-02"), Some("2026-01-01")).await.is_ok(), "92 days");
}
