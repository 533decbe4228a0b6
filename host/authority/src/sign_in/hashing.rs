//! Passwords as they are kept: argon2id (RFC 9106), as OWASP's cheat sheet has it, on few threads of their own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use access_model::entropy::EntropyError;
use access_model::{Entropy, Password, PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::error::Error;

/// KiB, passes and lanes.
type Cost = (u32, u32, u32);

const COST: Cost = (19_456, 2, 1);
const SALT_LENGTH: usize = 16;
const HASH_LENGTH: usize = 32;
/// Those that wait for a thread at most.
const QUEUE: usize = 64;

/// Hashes passwords, few at a time: so decisions go on while many people sign in, and memory is bounded.
pub(crate) struct Hashing {
    places: Arc<Semaphore>,
    queued: AtomicUsize,
    /// Of no password: what is asked for when there is none to compare with.
    nobodys: PasswordHash,
}

impl Hashing {
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let (mut salt, mut hash) = ([0; SALT_LENGTH], [0; HASH_LENGTH]);
        entropy.fill(&mut salt)?;
        entropy.fill(&mut hash)?;
        // Half of the machine, so that the other half decides.
        let threads = std::thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1));
        Ok(Self { places: Arc::new(Semaphore::new(threads)), queued: AtomicUsize::new(0), nobodys: phc(&salt, &hash) })
    }

    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: &Password, entropy: &dyn Entropy) -> Result<PasswordHash, Error> {
        let mut salt = [0; SALT_LENGTH];
        entropy.fill(&mut salt)?;
        let hash = self.work(password.clone(), salt.to_vec(), COST).await?;
        Ok(phc(&salt, &hash))
    }

    /// Whether it is the password. Where there is none to compare with, it isn't, after the same work.
    pub(crate) async fn is_right(&self, password: &Password, kept: Option<&PasswordHash>) -> Result<bool, Error> {
        let (cost, salt, expected) = read(kept.unwrap_or(&self.nobodys))
            .ok_or_else(|| Error::internal("a password is kept in a form that is not known"))?;
        let hash = self.work(password.clone(), salt, cost).await?;
        Ok(bool::from(hash.ct_eq(&expected)) && kept.is_some())
    }

    async fn work(&self, password: Password, salt: Vec<u8>, cost: (u32, u32, u32)) -> Result<[u8; HASH_LENGTH], Error> {
        let _queued = Queued::enter(&self.queued).ok_or(Error::TooManySignIns)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        let hashing = tokio::task::spawn_blocking(move || {
            let hash = argon2id(&password, &salt, cost);
            drop(place);
            hash
        });
        hashing.await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing").field("queued", &self.queued).finish_non_exhaustive()
    }
}

/// One of those that wait or are worked on.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(queued: &'a AtomicUsize) -> Option<Self> {
        let more = |queued: usize| (queued < QUEUE).then_some(queued + 1);
        queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Self(queued))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn argon2id(
    password: &Password,
    salt: &[u8],
    (memory, passes, lanes): Cost,
) -> Result<[u8; HASH_LENGTH], argon2::Error> {
    let params = Params::new(memory, passes, lanes, Some(HASH_LENGTH))?;
    let mut hash = [0; HASH_LENGTH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password.expose(), salt, &mut hash)?;
    Ok(hash)
}

/// As other programs write it: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
fn phc(salt: &[u8], hash: &[u8]) -> PasswordHash {
    let (memory, passes, lanes) = COST;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    PasswordHash::new(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

/// Cost, salt and hash.
fn read(kept: &PasswordHash) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let rest = kept.expose().strip_prefix("$argon2id$v=19$m=")?;
    let (memory, rest) = rest.split_once(",t=")?;
    let (passes, rest) = rest.split_once(",p=")?;
    let (lanes, rest) = rest.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let cost = (memory.parse().ok()?, passes.parse().ok()?, lanes.parse().ok()?);
    Some((cost, STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::PlainSecret;
    use access_model::entropy::SeededEntropy;

    fn password(text: &str) -> Password {
        Password::new(&PlainSecret::new(text.into()))
    }

    #[tokio::test]
    async fn a_password_is_told_from_others_and_kept_with_its_own_salt() {
        let entropy = SeededEntropy::new(b"hashing");
        let hashing = Hashing::new(&entropy).unwrap();
        let kept = hashing.hash(&password("correct horse"), &entropy).await.unwrap();
        assert!(kept.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.expose());
        assert!(hashing.is_right(&password("correct horse"), Some(&kept)).await.unwrap());
        for wrong in ["correct hors", "Correct horse", ""] {
            assert!(!hashing.is_right(&password(wrong), Some(&kept)).await.unwrap(), "{wrong}");
        }
        assert!(!hashing.is_right(&password("correct horse"), None).await.unwrap());
        assert_ne!(hashing.hash(&password("correct horse"), &entropy).await.unwrap(), kept, "another salt");
    }

    /// What libargon2's own command makes of it: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    #[test]
    fn it_is_the_argon2id_of_others() {
        let hash = argon2id(&password("password"), b"somesalt", (65_536, 2, 1)).unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }

    #[tokio::test]
    async fn a_queue_that_is_full_turns_away() {
        let hashing = Hashing::new(&SeededEntropy::new(b"hashing")).unwrap();
        let all: Vec<_> = std::iter::from_fn(|| Queued::enter(&hashing.queued)).collect();
        assert_eq!(all.len(), QUEUE);
        let turned_away = hashing.is_right(&password("x"), None).await;
        assert!(matches!(turned_away, Err(Error::TooManySignIns)), "{turned_away:?}");
        drop(all);
        assert!(!hashing.is_right(&password("x"), None).await.unwrap());
    }
}
