//! An event leaves the outbox.

use access_model::{Event, Id};
use access_store::{Commit, Survives};
use metrics::counter;

use crate::authority::Authority;
use crate::due::Due;
use crate::error::Error;
use crate::records;

impl Authority {
    /// Sees to what follows from an event, and takes it out of the outbox in the same commit.
    pub(crate) async fn dispatch(&self, id: &Id) -> Result<(), Error> {
        let found = records::read::<Event>(self.store.as_ref(), id.home(), records::event(id)).await?;
        // Nobody caches what it touches, and what power takes away is done again: the entry in the outbox is back as well.
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(id.home()) };
        Due::Dispatch(*id).take_out(&mut commit);
        let (told, mailed) = match &found {
            Some(event) => {
                let told = self.tell_webhooks(&mut commit, &event.value).await?;
                (told, self.write_mails(&mut commit, &event.value).await?)
            }
            None => (0, 0),
        };
        self.commit_due(commit).await?;
        if let Some(event) = found {
            counter!("access_events_total", "event" => event.value.event).increment(1);
        }
        if told > 0 {
            self.outgoing.wake(id.home());
        }
        if mailed > 0 {
            self.post.wake(id.home());
        }
        Ok(())
    }
}
