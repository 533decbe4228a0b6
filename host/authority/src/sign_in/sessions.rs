//! Sessions of a member: begun in a commit of others, listed, ended.

use access_model::session::SignedIn;
use access_model::{Class, Credential, Id, IdKind, Kind, Member, PlainSecret, Session, Timestamp};
use access_store::{Commit, CommitError, IndexEntry, Put, Range, Store as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Visitor, actions, records};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::issued::exposed;
use crate::page::{Page, PageRequest};
use crate::records::{TRIES, Versioned, credential, member as member_key, read};

/// A session that was just begun.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = opened_example())]
pub struct SessionOpened {
    /// Public id.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Session])))]
    pub id: Id,
    /// Its secret, shown this once: a bearer secret.
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    pub secret: PlainSecret,
    /// Who is signed in.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Member])))]
    pub member: Id,
    /// The member's organization.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Organization])))]
    pub organization: Id,
    /// Whether the member's second factor was given, is needed, or there is none yet.
    #[schemars(extend("enum" = ["given", "needed", "none"]))]
    pub factor: &'static str,
    /// Seconds without use after which it ends.
    pub idle_seconds: u32,
    /// Not valid from here on, whatever is done.
    pub expires_at: Timestamp,
}

fn opened_example() -> Value {
    json!({
        "id": Id::example(IdKind::Session),
        "secret": "cf_ses_…",
        "member": Id::example(IdKind::Member),
        "organization": Id::example(IdKind::Organization),
        "factor": "given",
        "idle_seconds": 1800,
        "expires_at": "2026-01-31T12:00:00.000Z",
    })
}

/// A session as its member sees it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Session", example = example())]
pub struct SessionView {
    /// Public id.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Session])))]
    pub id: Id,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When the member signed in.
    pub created_at: Timestamp,
    /// When it was last used, to within five minutes.
    pub seen_at: Timestamp,
    /// When it ends, whatever is done.
    pub expires_at: Timestamp,
    /// Seconds without use after which it ends earlier.
    pub idle_seconds: u32,
    /// When the second factor was given; null: it was not.
    pub factor_at: Option<Timestamp>,
    /// Where the member signed in from.
    pub ip: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Session),
        "current": true,
        "created_at": "2026-01-31T08:00:00.000Z",
        "seen_at": "2026-01-31T09:10:00.000Z",
        "expires_at": "2026-01-31T20:00:00.000Z",
        "idle_seconds": 1800,
        "factor_at": "2026-01-31T08:00:00.000Z",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
    })
}

impl SessionView {
    fn new(session: Session, current: &Id) -> Self {
        Self {
            current: session.id == *current,
            id: session.id,
            created_at: session.created_at,
            seen_at: session.seen_at,
            expires_at: session.expires_at,
            idle_seconds: session.idle_seconds,
            factor_at: session.factor_at,
            ip: session.ip,
            user_agent: session.user_agent,
        }
    }
}

/// A member and the session by which it asks, as both are in the store.
pub(super) struct Own {
    pub(super) member: Versioned<Member>,
    pub(super) session: Versioned<Session>,
}

impl Own {
    /// A commit that lands if neither has changed.
    pub(super) fn commit(&self) -> Commit {
        let mut commit = Commit::new(self.member.value.id.home());
        commit.checks.extend([self.member.check.clone(), self.session.check.clone()]);
        commit
    }
}

impl Authority {
    /// The sessions of whoever asks, the last to sign in first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever is no member; [`Error::Invalid`] for a limit or cursor.
    pub async fn list_sessions(&self, permit: &Permit, page: &PageRequest) -> Result<Page<SessionView>, Error> {
        permit.covers(actions::LIST)?;
        let own = self.own(permit).await?;
        let member = &own.member.value;
        let (ids, next_cursor) = self.newest(member.id.home(), &records::sessions_of(&member.id), page).await?;
        let found = self.sessions(member, ids).await?;
        let current = &own.session.value.id;
        let items =
            found.into_iter().flat_map(|(_, session)| session).map(|of| SessionView::new(of, current)).collect();
        Ok(Page { items, next_cursor })
    }

    /// The session that asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever is no member.
    pub async fn get_session(&self, permit: &Permit) -> Result<SessionView, Error> {
        permit.covers(actions::GET)?;
        let session = self.own(permit).await?.session.value;
        let current = session.id;
        Ok(SessionView::new(session, &current))
    }

    /// Ends the session of this id, if it is one of whoever asks.
    ///
    /// # Errors
    /// [`Error::NotFound`], for another member's as well.
    pub async fn revoke_session(&self, permit: &Permit, id: &Id) -> Result<SessionView, Error> {
        permit.covers(actions::REVOKE)?;
        self.end_own(permit, Some(id)).await
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever is no member.
    pub async fn end_session(&self, permit: &Permit) -> Result<SessionView, Error> {
        permit.covers(actions::END)?;
        self.end_own(permit, None).await
    }

    async fn end_own(&self, permit: &Permit, id: Option<&Id>) -> Result<SessionView, Error> {
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let current = own.session.value.id;
            let missing = |id: &Id| Error::NotFound { what: "session", id: id.to_string() };
            let found = match id.filter(|id| **id != current) {
                None => own.session,
                Some(id) if id.home() != current.home() => return Err(missing(id)),
                Some(id) => self.session(id).await?.ok_or_else(|| missing(id))?,
            };
            let Versioned { value: session, check } = found;
            let member = own.member.value;
            if session.member != member.id || !is_alive(&session, &member, self.clock.now()) {
                return Err(missing(&session.id));
            }
            let mut commit = Commit::new(member.id.home());
            commit.checks.push(check);
            let ended = self.end(&mut commit, session)?;
            let target = ended.id.to_string();
            self.put_on_record(&mut commit, &member, permit, &target, json!({ "ip": ended.ip }))?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(SessionView::new(ended, &current)),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// The member who asks and its session, which stand as of now.
    pub(super) async fn own(&self, permit: &Permit) -> Result<Own, Error> {
        let Credential::Session(session) = permit.credential() else {
            return Err(Error::NotFound { what: "member", id: permit.credential().id().to_string() });
        };
        let home = session.member.home();
        let keys = [member_key(&session.member), credential(&session.id)];
        let found = self.store.read(home, &keys).await?;
        let [of_member, of_session] = found.as_slice() else { return Err(Error::internal("two were asked for")) };
        let [member_key, session_key] = keys;
        let member = Versioned::<Member>::of(member_key, of_member.as_ref())?;
        let session = as_session(Versioned::of(session_key, of_session.as_ref())?);
        match (member, session) {
            (Some(member), Some(session)) if is_alive(&session.value, &member.value, self.clock.now()) => {
                Ok(Own { member, session })
            }
            // It was ended since the permit was given.
            _ => Err(self.deny_ended(permit)),
        }
    }

    /// The kind of sessions.
    fn session_kind(&self) -> Result<&Kind, Error> {
        let none = || Error::Conflict("the catalog has no kind of class `session`, so nobody signs in".to_owned());
        self.catalog.kind_of_class(Class::Session).map(std::sync::Arc::as_ref).ok_or_else(none)
    }

    pub(super) async fn session(&self, id: &Id) -> Result<Option<Versioned<Session>>, Error> {
        Ok(as_session(read(self.store.as_ref(), id.home(), credential(id)).await?))
    }

    /// The session whose secret is presented, if it is one's, dead or alive.
    pub(super) async fn session_of_secret(&self, secret: &PlainSecret) -> Result<Option<Versioned<Session>>, Error> {
        let Some((kind, tail)) = self.catalog.kind_of_secret(secret.expose()) else { return Ok(None) };
        let Some(id) = secret.id(IdKind::Session, tail).filter(|_| kind.class == Class::Session) else {
            return Ok(None);
        };
        let found = self.session(&id).await?;
        if let Some(found) = &found {
            self.know_pepper(found.value.secret.pepper()).await?;
        }
        Ok(found.filter(|session| self.is_digest_of(&session.value.secret, secret)))
    }

    /// Begins a session in `commit`, which touches the member's home. Dead ones leave the member's list, and the oldest end
    /// where there would be too many.
    pub(super) async fn begin_session(
        &self,
        commit: &mut Commit,
        member: &Member,
        factor_at: Option<Timestamp>,
        visitor: &Visitor,
    ) -> Result<(Session, PlainSecret), Error> {
        let kind = self.session_kind()?;
        let index = records::sessions_of(&member.id);
        let range = Range { index: index.clone(), after: None, up_to: None, descending: true, limit: 200 };
        let listed = self.store.range(member.id.home(), range).await?;
        let all = self.sessions(member, listed.into_iter().map(|entry| entry.member).collect()).await?;
        let (mut alive, mut dead) = (Vec::new(), Vec::new());
        for (id, session) in all {
            match session {
                Some(session) => alive.push(session),
                None => dead.push((index.clone(), id)),
            }
        }
        commit.index_deletes.extend(dead);
        // A password alone drives out none that have given the factor, as long as there are others.
        alive.sort_by_key(|session| session.factor_at.is_none());
        for session in alive.into_iter().skip(self.catalog.sign_in.sessions.saturating_sub(1)) {
            self.end(commit, session)?;
        }
        let (id, secret) = self.draw_session(member, kind)?;
        let who = SignedIn {
            member: member.id,
            organization: member.organization,
            factor_at,
            ip: visitor.ip.map(|ip| ip.to_canonical().to_string()),
            user_agent: visitor.user_agent.clone(),
        };
        let session = Session::begin(id, self.digest(&secret)?, who, kind, self.clock.now());
        self.keep_session(commit, &session)?;
        Ok((session, secret))
    }

    /// Puts a successor in the place of a session, in `commit`.
    pub(super) fn succeed(
        &self,
        commit: &mut Commit,
        member: &Member,
        session: Session,
        how: impl FnOnce(Session, Id, access_model::SecretDigest) -> (Session, Session),
    ) -> Result<SessionOpened, Error> {
        let (id, secret) = self.draw_session(member, self.session_kind()?)?;
        let (before, after) = how(session, id, self.digest(&secret)?);
        self.end(commit, before)?;
        self.keep_session(commit, &after)?;
        Ok(told(after, secret, member))
    }

    /// Ends a session, in `commit`.
    pub(crate) fn end(&self, commit: &mut Commit, session: Session) -> Result<Session, Error> {
        let ended = session.revoke(self.clock.now());
        put_session(commit, &ended)?;
        commit.index_deletes.push((records::sessions_of(&ended.member), ended.id.to_string()));
        Ok(ended)
    }

    fn keep_session(&self, commit: &mut Commit, session: &Session) -> Result<(), Error> {
        put_session(commit, session)?;
        let entry = IndexEntry { score: session.created_at.as_millis(), member: session.id.to_string() };
        commit.index_puts.push((records::sessions_of(&session.member), entry));
        Ok(())
    }

    fn draw_session(&self, member: &Member, kind: &Kind) -> Result<(Id, PlainSecret), Error> {
        let entropy = self.entropy.as_ref();
        let id = Id::draw(IdKind::Session, member.id.home(), entropy)?;
        Ok((id, PlainSecret::draw(&kind.prefix, &id, entropy)?))
    }

    /// What the ids of a member's list stand for; nothing, where it is dead.
    async fn sessions(&self, member: &Member, ids: Vec<String>) -> Result<Vec<(String, Option<Session>)>, Error> {
        let keys: Vec<String> = ids.iter().map(|id| format!("credential/{id}")).collect();
        let found = self.store.read(member.id.home(), &keys).await?;
        let now = self.clock.now();
        let mut sessions = Vec::with_capacity(ids.len());
        for ((id, key), record) in ids.into_iter().zip(keys).zip(found) {
            let session = as_session(Versioned::of(key, record.as_ref())?).map(|found| found.value);
            sessions.push((id, session.filter(|session| is_alive(session, member, now))));
        }
        Ok(sessions)
    }
}

/// A session as it is told of to whoever has just begun it.
pub(super) fn told(session: Session, secret: PlainSecret, member: &Member) -> SessionOpened {
    let factor = match (session.factor_at, member.has_factor()) {
        (Some(_), _) => "given",
        (None, true) => "needed",
        (None, false) => "none",
    };
    SessionOpened {
        id: session.id,
        secret,
        member: session.member,
        organization: session.organization,
        factor,
        idle_seconds: session.idle_seconds,
        expires_at: session.expires_at,
    }
}

pub(crate) fn put_session(commit: &mut Commit, session: &Session) -> Result<(), Error> {
    let json = serde_json::to_vec(&Credential::Session(session.clone())).map_err(Error::internal)?;
    let forget_after = Some(session.expires_at);
    commit.puts.push(Put { forget_after, ..Put::new(credential(&session.id), json.into()) });
    Ok(())
}

fn is_alive(session: &Session, member: &Member, now: Timestamp) -> bool {
    session.is_valid_at(now) && member.sessions_after <= session.created_at
}

fn as_session(found: Option<Versioned<Credential>>) -> Option<Versioned<Session>> {
    let Versioned { value, check } = found?;
    if let Credential::Session(value) = value { Some(Versioned { value, check }) } else { None }
}
