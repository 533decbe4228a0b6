//! A client proves who it is, by its id and one of its secrets (RFC 6749 §2.3.1).

use std::net::IpAddr;

use access_model::{Class, Credential, Id, IdKind, PlainSecret};
use access_store::Store;

use crate::authority::Authority;
use crate::decide::Caller;
use crate::decide::identify::{Unidentified, unavailable};
use crate::decide::refusal::Refusal;
use crate::decide::throttle::Source;
use crate::error::Error;

const THROTTLED: &str = "too many wrong secrets for this client from this network";

impl Authority {
    /// Authenticates the client named `client_id`, asking from `from`.
    ///
    /// # Errors
    /// [`Error::Denied`], with one code for whatever is wrong: unknown, disabled, a wrong or ended secret, a dead owner.
    pub async fn authenticate_client(
        &self,
        client_id: &str,
        secret: &PlainSecret,
        from: Option<IpAddr>,
    ) -> Result<Caller, Error> {
        let authenticated = self.identify_client(client_id, secret, from).await;
        authenticated.map_err(|(refusal, retry_after)| self.deny_unidentified(refusal, retry_after))
    }

    async fn identify_client(
        &self,
        client_id: &str,
        secret: &PlainSecret,
        from: Option<IpAddr>,
    ) -> Result<Caller, Unidentified> {
        let nobody = || (Refusal::Unauthenticated, None);
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        let named = self.catalog.kind_of_secret(secret.expose()).filter(|(kind, _)| kind.class == Class::Client);
        let id: Option<Id> = named.and_then(|(_, tail)| secret.id(IdKind::Client, tail));
        // A secret says whose it is. One that is not this client's, or no secret at all, touches nothing.
        let Some(id) = id.filter(|id| client_id.parse() == Ok(*id) && id.home().number() < self.store.shards()) else {
            self.numbers.malformed.increment(1);
            return Err(nobody());
        };
        if !self.is_fresh(id.home()) {
            return Err((Refusal::StoreUnavailable, Some(1)));
        }
        let source = Source::new(Some(id), from);
        let entry = match self.cache.credential(&id) {
            Some(entry) => entry,
            None => self.look_up(&id, source).await?,
        };
        let Credential::Client(client) = &entry.credential else { return Err(nobody()) };
        // INVARIANT: every secret is compared, so that the time does not tell which of them came near.
        let matching = client.secrets.iter().filter(|of| self.is_digest_of(&of.digest, secret));
        let Some(of) = matching.filter(|of| of.is_live_at(now)).last() else {
            return Err(match self.throttle.is_shut(&source, monotonic) {
                Some(seconds) => (Refusal::RateLimited(THROTTLED), Some(seconds)),
                None => {
                    self.throttle.count(source, monotonic);
                    nobody()
                }
            });
        };
        if !client.is_active() {
            return Err(nobody());
        }
        let number = of.number;
        self.note_pepper(&id, &of.digest, secret);
        let mut caller = self.with_living_parents(entry, now).await.map_err(unavailable)?.ok_or_else(nobody)?;
        self.usage.used_secret(&id, number, now);
        caller.presented = Some(number);
        Ok(caller)
    }
}
