//! What a host has told of today, so that the store holds so many counters of a workspace and no more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use access_model::{Id, Timestamp};
use access_store::{Commit, Count};

use super::heard::{OTHER, Taken};
use super::origin::Origin;
use crate::authority::lock;
use crate::records;
use crate::usage::day_of;

/// Hours are kept for as long as usage is.
const HOURS_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Days that addresses are kept: they are about people.
pub(super) const ADDRESS_DAYS: i64 = 30;
/// Addresses of a workspace that are kept apart on a day; then so many addresses and networks.
const MOST_ADDRESSES: usize = 1_000;
const MOST_NETWORKS: usize = 2_000;
/// Pairs of key and origin of a workspace that are kept apart on a day.
const MOST_PAIRS: usize = 10_000;
/// Pairs of all workspaces that this host keeps in mind.
const MOST_OF_HOST: usize = 200_000;
/// Codes of a workspace that are kept apart on a day.
const MOST_CODES: usize = 64;

/// What was told of today, by workspace.
#[derive(Debug, Default)]
pub(crate) struct Days(Mutex<OfHost>);

#[derive(Debug, Default)]
struct OfHost {
    day: String,
    workspaces: HashMap<Id, Day>,
    pairs: usize,
}

#[derive(Debug, Default)]
struct Day {
    /// The last hour that each was told of in.
    origins: HashMap<Origin, Option<i64>>,
    pairs: HashSet<(Id, Origin)>,
    codes: BTreeSet<String>,
}

impl Days {
    /// Puts what was heard of the key or client `id` of `workspace` into `commit`.
    pub(crate) fn put(&self, commit: &mut Commit, workspace: &Id, id: &Id, taken: &Taken, now: Timestamp) {
        if taken.origins.is_empty() {
            return;
        }
        let (today, hour) = (day_of(now), hour_of(now));
        let mut of_host = lock(&self.0);
        if of_host.day != today {
            *of_host = OfHost { day: today.clone(), ..OfHost::default() };
        }
        let has_room = of_host.pairs < MOST_OF_HOST;
        let day = of_host.workspaces.entry(*workspace).or_default();
        let before = day.pairs.len();
        let until = Some(now.plus(HOURS_KEPT));
        let hours = records::traffic(workspace, &today);
        let allowed: u32 = taken.origins.iter().map(|(_, sums)| sums.allowed).sum();
        count(commit, &hours, format!("{hour:02}/allow"), allowed, until);
        for (code, denied) in &taken.codes {
            let code = day.code(code);
            count(commit, &hours, format!("{hour:02}/deny/{code}"), *denied, until);
        }
        let until = Some(now.plus(Duration::from_secs(ADDRESS_DAYS.unsigned_abs() * 86_400)));
        let (clients, seen) = (records::traffic_clients(workspace, &today), records::traffic_seen(workspace, &today));
        for (origin, sums) in &taken.origins {
            let origin = day.place(id, *origin, has_room);
            count(commit, &clients, format!("{id}/{origin}/allow"), sums.allowed, until);
            count(commit, &clients, format!("{id}/{origin}/deny"), sums.denied, until);
            if day.origins.insert(origin, Some(hour)) != Some(Some(hour)) {
                count(commit, &seen, format!("{origin}/{hour:02}"), 1, until);
            }
        }
        let added = day.pairs.len() - before;
        of_host.pairs += added;
    }

    /// What was put of these workspaces was not told: the hours are told again.
    pub(crate) fn forget_hours(&self, workspaces: &BTreeSet<Id>) {
        let mut of_host = lock(&self.0);
        for workspace in workspaces {
            if let Some(day) = of_host.workspaces.get_mut(workspace) {
                day.origins.values_mut().for_each(|hour| *hour = None);
            }
        }
    }
}

impl Day {
    fn code<'c>(&mut self, code: &'c str) -> &'c str {
        if self.codes.contains(code) {
            return code;
        }
        if self.codes.len() < MOST_CODES {
            self.codes.insert(code.to_owned());
            return code;
        }
        OTHER
    }

    fn place(&mut self, id: &Id, origin: Origin, has_room: bool) -> Origin {
        let place = origin.among(
            |known| self.origins.contains_key(known),
            self.origins.len(),
            if has_room { MOST_ADDRESSES } else { 0 },
            if has_room { MOST_NETWORKS } else { 0 },
        );
        if self.pairs.contains(&(*id, place)) {
            return place;
        }
        let place = if has_room && self.pairs.len() < MOST_PAIRS { place } else { Origin::Elsewhere };
        if place != Origin::Elsewhere {
            self.pairs.insert((*id, place));
        }
        place
    }
}

fn count(commit: &mut Commit, group: &str, name: String, amount: u32, forget_after: Option<Timestamp>) {
    if amount > 0 {
        commit.counters.push(Count { group: group.to_owned(), name, amount: i64::from(amount), forget_after });
    }
}

/// The hour of the day, in UTC.
fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(3_600_000).rem_euclid(24)
}
