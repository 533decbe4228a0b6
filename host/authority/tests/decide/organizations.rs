//! Organizations and workspaces: names are given once, and who is suspended is nobody until it is resumed.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_authority::audit::{ACTION_LIST_ORGANIZATION, ACTION_LIST_PLATFORM, AuditFilter};
use access_authority::lifecycle::init::{Names, init};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::organizations::{OrganizationRequest, OrganizationView, actions};
use access_authority::workspaces::{self, WorkspaceRequest, WorkspaceView};
use access_authority::{Authority, Error, Outcome, OwnerChange, PageRequest, Permit, Target};
use access_model::clock::ManualClock;
use access_model::entropy::SystemEntropy;
use access_model::{Catalog, Id, Timestamp};

use crate::bench::{Ask, Bench, CATALOG, Failing};

impl Bench {
    pub(crate) async fn create(&self, name: &str) -> Result<OrganizationView, Error> {
        self.create_at(&self.authority, name).await
    }

    async fn create_at(&self, host: &Authority, name: &str) -> Result<OrganizationView, Error> {
        let permit = host.require(&self.operator().await, actions::CREATE, Target::platform(), None).await.unwrap();
        Ok(host.create_organization(&permit, OrganizationRequest { name: name.into() }, None).await?.now().unwrap())
    }

    async fn create_workspace(&self, organization: Id, name: &str) -> Result<WorkspaceView, Error> {
        let permit = self.of_organization(organization, workspaces::actions::CREATE).await;
        let request = WorkspaceRequest { name: name.into() };
        Ok(self.authority.create_workspace(&permit, request, None).await?.now().unwrap())
    }

    pub(crate) async fn of_organization(&self, organization: Id, action: &str) -> Permit {
        let target = Target::organization(organization);
        self.authority.require(&self.operator().await, action, target, None).await.unwrap()
    }

    async fn change_organization(&self, change: OwnerChange) -> Result<&'static str, Error> {
        let action = match change {
            OwnerChange::Suspend => actions::SUSPEND,
            OwnerChange::Resume => actions::RESUME,
            OwnerChange::Archive => actions::ARCHIVE,
        };
        let permit = self.of_organization(self.demo.organization, action).await;
        self.authority.change_organization(&permit, change).await.map(|organization| organization.state)
    }

    async fn change_workspace(&self, change: OwnerChange) -> Result<&'static str, Error> {
        let permit = self.permit(match change {
            OwnerChange::Suspend => workspaces::actions::SUSPEND,
            OwnerChange::Resume => workspaces::actions::RESUME,
            OwnerChange::Archive => workspaces::actions::ARCHIVE,
        });
        self.authority.change_workspace(&permit.await, change).await.map(|workspace| workspace.state)
    }

    async fn names(&self) -> Vec<String> {
        let permit = self.authority.require(&self.operator().await, actions::LIST, Target::platform(), None).await;
        let page = PageRequest { limit: Some(200), cursor: None };
        let page = self.authority.list_organizations(&permit.unwrap(), &page).await.unwrap();
        let mut names: Vec<_> = page.items.into_iter().map(|organization| organization.name).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_name_is_given_once() {
    let bench = Bench::new().await;
    let taken = |error: Error| assert!(matches!(error, Error::NameTaken { .. }), "{error:?}");
    taken(bench.create("acme").await.unwrap_err());
    taken(bench.create_workspace(bench.demo.organization, "main").await.unwrap_err());
    let other = bench.create("other").await.unwrap();
    assert_eq!(bench.names().await, ["acme", "other"]);
    bench.create_workspace(other.id, "main").await.unwrap();
    for wrong in ["", "Acme", "a_b", "-a", "a b", &"a".repeat(64)] {
        assert!(matches!(bench.create(wrong).await, Err(Error::Invalid { field: "name", .. })), "{wrong}");
        let workspace = bench.create_workspace(other.id, wrong).await;
        assert!(matches!(workspace, Err(Error::Invalid { field: "name", .. })), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_that_ask_for_a_name_at_once_one_gets_it() {
    let bench = Arc::new(Bench::new().await);
    let second = bench.second_host().await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (bench, second) = (bench.clone(), second.clone());
        asked.spawn(async move {
            let host = if number % 2 == 0 { &bench.authority } else { &second };
            bench.create_at(host, "contended").await
        });
    }
    let answers = asked.join_all().await;
    let made: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    assert!(
        answers.iter().filter_map(|answer| answer.as_ref().err()).all(|error| matches!(error, Error::NameTaken { .. }))
    );
    assert_eq!(bench.names().await, ["acme", "contended"]);
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_completed_by_asking_again() {
    let bench = Bench::new().await;
    bench.failing.take(1);
    assert!(matches!(bench.create("halfway").await, Err(Error::StoreUnavailable)));
    bench.failing.take(usize::MAX);
    assert_eq!(bench.names().await, ["acme"], "it is not there yet");
    let made = bench.create("halfway").await.unwrap();
    assert_eq!(bench.names().await, ["acme", "halfway"]);
    assert!(matches!(bench.create("halfway").await, Err(Error::NameTaken { .. })));

    let page = PageRequest { limit: Some(1), cursor: None };
    let permit = bench.authority.require(&bench.operator().await, ACTION_LIST_PLATFORM, Target::platform(), None).await;
    let intent = bench.authority.list_platform_audit(&permit.unwrap(), &AuditFilter::default(), &page).await.unwrap();
    let permit = bench.of_organization(made.id, ACTION_LIST_ORGANIZATION).await;
    let done = bench.authority.list_organization_audit(&permit, &AuditFilter::default(), &page).await.unwrap();
    let (intent, done) = (&intent.items[0].record, &done.items[0].record);
    assert_eq!((intent.action.as_str(), done.action.as_str()), (actions::CREATE, actions::CREATE));
    assert_eq!((&intent.target, &done.target), (&made.id.to_string(), &made.id.to_string()));
    assert_ne!(intent.decision_id, done.decision_id);
}

#[tokio::test]
async fn an_installation_whose_beginning_was_cut_short_begins_by_the_same_names() {
    let dir = tempfile::tempdir().unwrap();
    let root = RootKey::create(&dir.path().join("root.key"), &SystemEntropy).unwrap();
    let catalog = Catalog::parse(CATALOG).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
    for commits in 0..4 {
        let store = Failing::new(None, Arc::clone(&clock));
        let names = Names { organization: "acme", workspace: "main", owner: None };
        let begin = async || init(&store, &catalog, &root, clock.as_ref(), &SystemEntropy, names).await;
        store.take(commits);
        assert!(begin().await.is_err(), "after {commits} commits");
        store.take(usize::MAX);
        let beginning = begin().await.unwrap();
        assert_eq!(beginning.organization.home(), beginning.workspace.home());
        assert!(begin().await.is_err(), "once");
    }
}

#[tokio::test]
async fn who_is_suspended_is_nobody_until_it_is_resumed() {
    let bench = Bench::new().await;
    let status = async || bench.ask(Ask::default()).await.status;
    assert_eq!(status().await, 200, "cached from here on");
    assert_eq!((bench.change_organization(OwnerChange::Suspend).await.unwrap(), status().await), ("suspended", 401));
    assert_eq!((bench.change_organization(OwnerChange::Suspend).await.unwrap(), status().await), ("suspended", 401));
    assert_eq!((bench.change_workspace(OwnerChange::Suspend).await.unwrap(), status().await), ("suspended", 401));
    assert_eq!((bench.change_organization(OwnerChange::Resume).await.unwrap(), status().await), ("active", 401));
    assert_eq!((bench.change_workspace(OwnerChange::Resume).await.unwrap(), status().await), ("active", 200));
    assert_eq!((bench.change_workspace(OwnerChange::Archive).await.unwrap(), status().await), ("archived", 401));
    for change in [OwnerChange::Resume, OwnerChange::Suspend] {
        assert!(matches!(bench.change_workspace(change).await, Err(Error::Archived(_))));
    }
    assert_eq!((bench.change_workspace(OwnerChange::Archive).await.unwrap(), status().await), ("archived", 401));
    let taken = bench.create_workspace(bench.demo.organization, "main").await;
    assert!(matches!(taken, Err(Error::NameTaken { .. })), "an archived one keeps its name");
}

#[tokio::test]
async fn nothing_new_is_made_in_an_organization_that_is_not_active() {
    let bench = Bench::new().await;
    for (change, expected) in [(OwnerChange::Suspend, "suspended"), (OwnerChange::Archive, "archived")] {
        bench.change_organization(change).await.unwrap();
        let refused = bench.create_workspace(bench.demo.organization, "new").await;
        assert!(matches!(refused, Err(Error::NotActive { state, .. }) if state == expected), "{refused:?}");
    }
    let answer = bench.ask(Ask::default()).await;
    assert_eq!((answer.status, answer.decision), (401, Outcome::Deny));
}

#[tokio::test]
async fn pages_are_complete_while_more_is_made() {
    let bench = Bench::new().await;
    for number in 0..5 {
        bench.create_workspace(bench.demo.organization, &format!("w{number}")).await.unwrap();
        bench.create(&format!("o{number}")).await.unwrap();
    }
    let permit = bench.of_organization(bench.demo.organization, workspaces::actions::LIST).await;
    let mut page = PageRequest { limit: Some(2), cursor: None };
    let mut seen = Vec::new();
    let mut rounds = 0;
    loop {
        let found = bench.authority.list_workspaces(&permit, &page).await.unwrap();
        seen.extend(found.items.into_iter().map(|workspace| workspace.name));
        rounds += 1;
        bench.clock.advance(std::time::Duration::from_millis(1));
        bench.create_workspace(bench.demo.organization, &format!("later{rounds}")).await.unwrap();
        page.cursor = found.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), rounds), (7, 7, 4), "{seen:?}");
    let all = bench.authority.list_workspaces(&permit, &PageRequest { limit: Some(2), cursor: None }).await.unwrap();
    let cursor = PageRequest { limit: None, cursor: all.next_cursor };
    let permit =
        bench.authority.require(&bench.operator().await, actions::LIST, Target::platform(), None).await.unwrap();
    let refused = bench.authority.list_organizations(&permit, &cursor).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "cursor", .. })), "another list's");
}
