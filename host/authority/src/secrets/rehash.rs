//! A secret that was presented and is right, while its digest is under a former pepper, is digested under the current one.
//! Nobody waits for it: the new digest is noted, and put by the next tick if the old one still stands there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use access_model::{Credential, Id, Pepper, PlainSecret, SecretDigest};
use access_store::{Commit, CommitError, IndexEntry, Store as _, Survives};

use crate::authority::{Authority, lock};
use crate::error::Error;
use crate::records::{self, CommitExt as _, Versioned};

/// Noted at most; who is not noted now, is when it comes again.
const MOST: usize = 4_096;
/// Put by one tick at most, so that nothing else waits long behind them.
const AT_ONCE: usize = 256;

/// Digests to be put.
#[derive(Debug, Default)]
pub(crate) struct Rehashes(Mutex<BTreeMap<Id, Rehash>>);

/// One digest in the place of another.
#[derive(Debug, Clone)]
struct Rehash {
    before: SecretDigest,
    after: SecretDigest,
}

impl Authority {
    /// Notes a secret of the credential `id`, which has matched `digest`, where that is under a former pepper. What lives
    /// for hours alone is not worth it: sessions and access tokens end by themselves.
    pub(crate) fn note_pepper(&self, id: &Id, digest: &SecretDigest, secret: &PlainSecret) {
        let keyring = self.keys.load();
        let Some(pepper) = keyring.current_pepper().filter(|pepper| pepper.id() != digest.pepper()) else { return };
        let mut noted = lock(&self.rehashes.0);
        if noted.len() < MOST || noted.contains_key(id) {
            noted.insert(*id, Rehash { before: digest.clone(), after: pepper.digest(secret) });
        }
    }

    /// Puts what was noted.
    pub(crate) async fn rehash_noted(&self) {
        for _ in 0..AT_ONCE {
            let Some((id, rehash)) = lock(&self.rehashes.0).pop_first() else { return };
            if let Err(error) = self.rehash(&id, &rehash).await {
                // It is noted again when it comes again.
                tracing::debug!(%error, %id, "a secret could not be digested anew");
            }
        }
    }

    async fn rehash(&self, id: &Id, rehash: &Rehash) -> Result<(), Error> {
        // Another pepper has come since it was noted, and that one may have ended: nothing would match any more.
        if self.keys.load().current_pepper().map(Pepper::id) != Some(rehash.after.pepper()) {
            return Ok(());
        }
        let store = self.store.as_ref();
        let found = records::read::<Credential>(store, id.home(), records::credential(id)).await?;
        let Some(Versioned { value: mut credential, check }) = found else { return Ok(()) };
        if !put_digest(&mut credential, rehash) {
            return Ok(());
        }
        let mut commit = Commit { survives: Survives::Process, ..Commit::new(id.home()) };
        commit.checks.push(check);
        commit.put_credential(&credential)?;
        if let Credential::Operator(operator) = &credential {
            // A store from before there was this index.
            let entry = IndexEntry { score: operator.created_at.as_millis(), member: id.to_string() };
            commit.index_puts.push((records::OPERATORS.to_owned(), entry));
        }
        match self.store.commit(commit).await {
            // Whoever changed it meanwhile left the digest as it was; it is noted again when it comes again.
            Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the old digest stood there, and was replaced.
fn put_digest(credential: &mut Credential, Rehash { before, after }: &Rehash) -> bool {
    let digest = match credential {
        Credential::ApiKey(key) => Some(&mut key.secret),
        Credential::Gateway(gateway) => Some(&mut gateway.secret),
        Credential::Operator(operator) => Some(&mut operator.secret),
        Credential::Client(client) => {
            client.secrets.iter_mut().map(|secret| &mut secret.digest).find(|digest| digest.matches(before))
        }
        Credential::AccessToken(_) | Credential::Session(_) => None,
    };
    match digest.filter(|digest| digest.matches(before)) {
        Some(digest) => {
            *digest = after.clone();
            true
        }
        None => false,
    }
}
