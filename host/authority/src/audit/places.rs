//! Places of those who follow or export: each costs reads for as long as it goes on, so that there are so many of a trail, of an
//! organization and of all, and no tenant takes those of the others.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use access_model::Id;

use super::read::Trail;
use crate::authority::lock;

/// How many places there are.
#[derive(Debug)]
pub(super) struct Most {
    pub(super) of_trail: usize,
    /// Its workspaces' included; of the platform, which is none, likewise.
    pub(super) of_organization: usize,
    pub(super) of_all: usize,
}

/// Those that are taken.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Vec<Weak<Place>>>);

/// A place, given back when it is dropped, and lost when its time is over.
#[derive(Debug)]
pub(super) struct Place {
    organization: Option<Id>,
    workspace: Option<Id>,
    /// In monotonic time.
    until: Duration,
}

impl Place {
    /// Whether it is lost.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.until <= now
    }
}

impl Places {
    /// Takes a place at `now`, in monotonic time, until then. Nothing: all are taken.
    pub(super) fn take(&self, trail: &Trail, most: &Most, now: Duration, until: Duration) -> Option<Arc<Place>> {
        let mut taken = lock(&self.0);
        taken.retain(|other| other.upgrade().is_some_and(|other| !other.is_over(now)));
        let others: Vec<_> = taken.iter().filter_map(Weak::upgrade).collect();
        let of_organization: Vec<_> = others.iter().filter(|other| other.organization == trail.organization).collect();
        let of_trail = of_organization.iter().filter(|other| other.workspace == trail.workspace).count();
        if of_trail >= most.of_trail || of_organization.len() >= most.of_organization || others.len() >= most.of_all {
            return None;
        }
        let place = Arc::new(Place { organization: trail.organization, workspace: trail.workspace, until });
        taken.push(Arc::downgrade(&place));
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use access_model::entropy::SeededEntropy;
    use access_model::{IdKind, Shard};

    use super::*;

    const MOST: Most = Most { of_trail: 2, of_organization: 3, of_all: 5 };
    const NOW: Duration = Duration::from_secs(10);
    const LATER: Duration = Duration::from_secs(70);

    fn id(kind: IdKind, seed: &str) -> Id {
        Id::draw(kind, Shard::PLATFORM, &SeededEntropy::new(seed.as_bytes())).unwrap()
    }

    /// The trail of a workspace of an organization, or of the organization.
    fn trail(organization: &str, workspace: Option<&str>) -> Trail {
        Trail {
            organization: Some(id(IdKind::Organization, organization)),
            workspace: workspace.map(|workspace| id(IdKind::Workspace, workspace)),
            logs: Vec::new(),
        }
    }

    #[test]
    fn no_trail_and_no_organization_takes_all() {
        let places = Places::default();
        let take = |trail: &Trail| places.take(trail, &MOST, NOW, LATER);
        let [main, other, whole] = [trail("a", Some("main")), trail("a", Some("other")), trail("a", None)];
        let held = [take(&main), take(&main), take(&other)];
        assert!(held.iter().all(Option::is_some));
        for of_a in [&main, &other, &whole] {
            assert!(take(of_a).is_none(), "{of_a:?}");
        }
        let more = [take(&trail("b", None)), take(&Trail::of_platform())];
        assert!(more.iter().all(Option::is_some));
        assert!(take(&trail("c", None)).is_none(), "so many of all");
        drop(more);
        assert!(take(&trail("c", None)).is_some());
    }

    #[test]
    fn a_place_is_lost_when_its_time_is_over_although_it_is_held() {
        let places = Places::default();
        let held = [(); 2].map(|()| places.take(&trail("a", None), &MOST, NOW, LATER).unwrap());
        let take = |now| places.take(&trail("a", None), &MOST, now, Duration::MAX);
        assert!(take(LATER - Duration::from_millis(1)).is_none());
        assert!(held.iter().all(|place| place.is_over(LATER)));
        assert!(take(LATER).is_some());
    }
}
