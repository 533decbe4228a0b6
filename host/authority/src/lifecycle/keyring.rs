//! Keys that every host of an installation shares: peppers, the key of cursors, data keys, under which lies what must be read
//! back, and audit keys, which sign where logs end. They lie in the store, sealed under the root key; or, once that was
//! replaced, under a key of their own, which lies beside them in locks.
//!
//! While the root key is being replaced there are several locks: the old root key and the new one open the keyring, and so
//! does the key that hosts hold already, so that those need neither.

use access_model::audit::key::{AuditKey, PublicKey};
use access_model::{Entropy, Pepper, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::root_key::RootKey;
use super::{LifecycleError, seal};

/// Data keys that are kept behind the current one: what a host sealed that had not heard of a new one yet, must open.
const KEPT_DATA_KEYS: usize = 1;

/// What the keyring's record holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SealedKeyring {
    /// Id of the key that the rest is sealed under. None: the root key itself, which was never replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Ways to that key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locks: Vec<Lock>,
    peppers: Vec<SealedKey>,
    cursors: SealedKey,
    /// None in a store from before there were any.
    #[serde(default)]
    data: Vec<SealedKey>,
    /// Likewise.
    #[serde(default)]
    audit: Vec<SealedKey>,
    /// The root key is being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rekey: Option<Rekey>,
    /// Since when the current pepper is it, where there was another before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pepper_since: Option<Timestamp>,
}

/// The root key is being replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rekey {
    /// Id of the new one.
    pub(crate) root: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether all that was sealed under former data keys is sealed under the new one.
    pub(crate) is_resealed: bool,
}

/// A key, sealed under another: who has that, has this.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lock {
    opens: String,
    with: String,
    sealed: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedKey {
    id: u32,
    sealed: String,
}

/// The opened keys.
#[derive(Debug)]
pub struct Keyring {
    /// What they were sealed under.
    key: RootKey,
    /// Id of the root key that this host was started with.
    root: String,
    /// Version of the record that they were read from.
    version: u64,
    // INVARIANT: one at least.
    peppers: Vec<Pepper>,
    cursors: Hmac<Sha256>,
    // INVARIANT: one at least.
    data: Vec<DataKey>,
    // INVARIANT: one at least.
    audit: Vec<AuditKey>,
}

/// A key that what must be read back is sealed under. Wiped when dropped.
struct DataKey {
    id: u32,
    key: Zeroizing<[u8; 32]>,
}

impl SealedKeyring {
    /// A fresh keyring: one of each.
    pub(crate) fn create(root: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        Ok(Self {
            key: None,
            locks: Vec::new(),
            peppers: vec![SealedKey::create("pepper", 1, root, entropy)?],
            cursors: SealedKey::create("cursors", 1, root, entropy)?,
            data: vec![SealedKey::create("data", 1, root, entropy)?],
            audit: vec![SealedKey::create("audit", 1, root, entropy)?],
            rekey: None,
            pepper_since: None,
        })
    }

    /// Opens it under the root key. `version` is that of the record.
    pub(crate) fn open(&self, root: &RootKey, version: u64) -> Result<Keyring, LifecycleError> {
        self.open_with(root, root.id(), version)
    }

    /// Opens it as a host that serves does: by what it holds already.
    pub(crate) fn open_anew(&self, held: &Keyring, version: u64) -> Result<Keyring, LifecycleError> {
        self.open_with(&held.key, held.root.clone(), version)
    }

    fn open_with(&self, with: &RootKey, root: String, version: u64) -> Result<Keyring, LifecycleError> {
        let key = self.unlock(with)?;
        let plain = self.plain(&key)?;
        let cursors = Hmac::new_from_slice(&*plain.cursors.1).map_err(|_| LifecycleError::Sealed)?;
        Ok(Keyring {
            key,
            root,
            version,
            peppers: plain.peppers.iter().map(|(id, key)| Pepper::new(*id, key)).collect(),
            cursors,
            data: plain.data.into_iter().map(|(id, key)| DataKey { id, key }).collect(),
            audit: plain.audit.iter().map(|(_, seed)| AuditKey::from_seed(seed)).collect(),
        })
    }

    /// The key that the rest is sealed under, from lock to lock.
    fn unlock(&self, with: &RootKey) -> Result<RootKey, LifecycleError> {
        let Some(wanted) = &self.key else { return Ok(with.clone()) };
        let mut known = vec![with.clone()];
        let mut at = 0;
        while let Some(key) = known.get(at).cloned() {
            let id = key.id();
            if id == *wanted {
                return Ok(key);
            }
            for lock in self.locks.iter().filter(|lock| lock.with == id) {
                let opened = lock.open(&key)?;
                if known.iter().all(|known| known.id() != opened.id()) {
                    known.push(opened);
                }
            }
            at += 1;
        }
        Err(LifecycleError::Sealed)
    }

    /// All of it in the clear.
    fn plain(&self, key: &RootKey) -> Result<Plain, LifecycleError> {
        let open = |purpose: &str, all: &[SealedKey]| -> Result<Vec<PlainKey>, LifecycleError> {
            all.iter().map(|sealed| Ok((sealed.id, sealed.open(purpose, key)?))).collect()
        };
        let (mut data, mut audit) = (Vec::new(), Vec::new());
        if self.key.is_none() {
            // A store from before there were such keys has ones that only its root key can make.
            data.push((0, Zeroizing::new(key.derive("data key 0"))));
            audit.push((0, Zeroizing::new(key.derive("audit key 0"))));
        }
        data.extend(open("data", &self.data)?);
        audit.extend(open("audit", &self.audit)?);
        let cursors = (self.cursors.id, self.cursors.open("cursors", key)?);
        Ok(Plain { peppers: open("pepper", &self.peppers)?, cursors, data, audit })
    }

    /// The same keys and a new data key, under a key that both the root key `root` and whoever opens this open.
    pub(crate) fn rekeyed(
        &self,
        held: &Keyring,
        root: &RootKey,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, LifecycleError> {
        let before = self.unlock(&held.key)?;
        let mut plain = self.plain(&before)?;
        let mut data = Zeroizing::new([0_u8; 32]);
        entropy.fill(data.as_mut_slice())?;
        plain.data.push((newest(&plain.data) + 1, data));
        let mut locks = self.locks.clone();
        let key = RootKey::draw(entropy)?;
        locks.push(Lock::make(&key, &before, entropy)?);
        locks.push(Lock::make(&key, root, entropy)?);
        let rekey = Rekey { root: root.id(), since: now, is_resealed: false };
        Ok(Self { locks, rekey: Some(rekey), ..self.sealed_under(&key, &plain, entropy)? })
    }

    /// The same, while the root key is being replaced, by `root` in the place of the one that was said: that opens nothing any
    /// more. What was sealed anew stays so.
    pub(crate) fn redirected(
        &self,
        held: &Keyring,
        root: &RootKey,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, LifecycleError> {
        let key = self.unlock(&held.key)?;
        let id = key.id();
        let mut after = self.clone();
        if let Some(Rekey { root: said, since, .. }) = after.rekey.as_mut() {
            // The old root key's own way stays, also where it is the one that was said.
            after.locks.retain(|lock| lock.with != *said || lock.opens != id);
            after.locks.push(Lock::make(&key, root, entropy)?);
            (*said, *since) = (root.id(), now);
        }
        Ok(after)
    }

    fn sealed_under(&self, key: &RootKey, plain: &Plain, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let seal = |purpose: &str, all: &[PlainKey]| -> Result<Vec<SealedKey>, LifecycleError> {
            all.iter().map(|(id, plain)| SealedKey::seal(purpose, *id, plain.as_slice(), key, entropy)).collect()
        };
        let (id, cursors) = &plain.cursors;
        Ok(Self {
            key: Some(key.id()),
            peppers: seal("pepper", &plain.peppers)?,
            cursors: SealedKey::seal("cursors", *id, cursors.as_slice(), key, entropy)?,
            data: seal("data", &plain.data)?,
            audit: seal("audit", &plain.audit)?,
            ..self.clone()
        })
    }

    /// The same, that the new root key alone opens.
    pub(crate) fn finished(mut self) -> Self {
        if let Some(rekey) = self.rekey.take() {
            let key = self.key.clone();
            self.locks.retain(|lock| lock.with == rekey.root && Some(&lock.opens) == key.as_ref());
            let gone = self.data.len().saturating_sub(1 + KEPT_DATA_KEYS);
            self.data.drain(..gone);
        }
        self
    }

    /// Whether the root key `id` opens it.
    pub(crate) fn is_opened_by(&self, id: &str) -> bool {
        self.locks.iter().any(|lock| lock.with == id && Some(&lock.opens) == self.key.as_ref())
    }

    /// The same with a new pepper, which is the current one.
    pub(crate) fn peppered(
        &self,
        held: &Keyring,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, LifecycleError> {
        let key = self.unlock(&held.key)?;
        let id = self.peppers.iter().map(|pepper| pepper.id).max().unwrap_or_default() + 1;
        let mut after = self.clone();
        after.peppers.push(SealedKey::create("pepper", id, &key, entropy)?);
        after.pepper_since = Some(now);
        Ok(after)
    }

    /// Id of the current pepper.
    pub(crate) fn newest_pepper(&self) -> u32 {
        self.peppers.last().map_or(0, |pepper| pepper.id)
    }

    /// The same without a pepper.
    pub(crate) fn without_pepper(mut self, id: u32) -> Self {
        self.peppers.retain(|pepper| pepper.id != id);
        self
    }
}

/// A key and its id.
type PlainKey = (u32, Zeroizing<[u8; 32]>);

struct Plain {
    peppers: Vec<PlainKey>,
    cursors: PlainKey,
    data: Vec<PlainKey>,
    audit: Vec<PlainKey>,
}

fn newest(keys: &[PlainKey]) -> u32 {
    keys.iter().map(|(id, _)| *id).max().unwrap_or_default()
}

impl Lock {
    fn make(key: &RootKey, with: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let opens = key.id();
        let sealed = with.seal(&purpose(&opens), key.bytes(), entropy)?;
        Ok(Self { with: with.id(), sealed: STANDARD.encode(sealed), opens })
    }

    fn open(&self, with: &RootKey) -> Result<RootKey, LifecycleError> {
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| LifecycleError::Sealed)?;
        RootKey::from_bytes(&with.open(&purpose(&self.opens), &sealed)?)
    }
}

fn purpose(key: &str) -> String {
    format!("keyring/{key}")
}

impl SealedKey {
    fn create(purpose: &str, id: u32, under: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        entropy.fill(key.as_mut_slice())?;
        Self::seal(purpose, id, key.as_slice(), under, entropy)
    }

    fn seal(
        purpose: &str,
        id: u32,
        plain: &[u8],
        under: &RootKey,
        entropy: &dyn Entropy,
    ) -> Result<Self, LifecycleError> {
        let sealed = under.seal(&format!("{purpose}/{id}"), plain, entropy)?;
        Ok(Self { id, sealed: STANDARD.encode(sealed) })
    }

    fn open(&self, purpose: &str, under: &RootKey) -> Result<Zeroizing<[u8; 32]>, LifecycleError> {
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| LifecycleError::Sealed)?;
        let plain = under.open(&format!("{purpose}/{}", self.id), &sealed)?;
        Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| LifecycleError::Sealed)?))
    }
}

impl Keyring {
    /// The pepper of this id.
    pub(crate) fn pepper(&self, id: u32) -> Option<&Pepper> {
        self.peppers.iter().find(|pepper| pepper.id() == id)
    }

    /// The pepper that new digests are made under: the last.
    pub fn current_pepper(&self) -> Option<&Pepper> {
        self.peppers.last()
    }

    /// Ids of the peppers, the current one last.
    pub(crate) fn peppers(&self) -> Vec<u32> {
        self.peppers.iter().map(Pepper::id).collect()
    }

    /// Ids of the data keys, the current one last.
    pub(crate) fn data_keys(&self) -> Vec<u32> {
        self.data.iter().map(|key| key.id).collect()
    }

    /// Id of the root key that this host was started with.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// Version of the record that this was read from.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The key that signs from now on: the last.
    pub(crate) fn audit_key(&self) -> Result<&AuditKey, LifecycleError> {
        self.audit.last().ok_or(LifecycleError::Sealed)
    }

    /// What signatures are checked with, the one that signs from now on first.
    pub fn audit_keys(&self) -> Vec<PublicKey> {
        self.audit.iter().rev().map(AuditKey::public).collect()
    }

    /// A MAC for a cursor.
    pub(crate) fn cursor_mac(&self) -> Hmac<Sha256> {
        self.cursors.clone()
    }

    /// Seals what must be read back, bound to what it is for; as text, with the id of the key.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<String, LifecycleError> {
        let DataKey { id, key } = self.data.last().ok_or(LifecycleError::Sealed)?;
        Ok(format!("{id}.{}", STANDARD.encode(seal::seal(key, purpose, plain, entropy)?)))
    }

    /// Opens what was sealed for the same purpose.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, LifecycleError> {
        let (_, text) = sealed.split_once('.').ok_or(LifecycleError::Sealed)?;
        let key = self.data.iter().find(|key| data_key_of(sealed) == Some(key.id)).ok_or(LifecycleError::Sealed)?;
        seal::open(&key.key, purpose, &STANDARD.decode(text).map_err(|_| LifecycleError::Sealed)?)
    }

    /// The same, sealed under the current data key. None: it is already.
    pub(crate) fn resealed(
        &self,
        purpose: &str,
        sealed: &str,
        entropy: &dyn Entropy,
    ) -> Result<Option<String>, LifecycleError> {
        if data_key_of(sealed) == self.data.last().map(|key| key.id) {
            return Ok(None);
        }
        self.seal(purpose, &self.open(purpose, sealed)?, entropy).map(Some)
    }
}

/// The data key that something was sealed under.
pub(crate) fn data_key_of(sealed: &str) -> Option<u32> {
    sealed.split_once('.')?.0.parse().ok()
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::PlainSecret;
    use access_model::entropy::SystemEntropy;

    fn root() -> RootKey {
        RootKey::draw(&SystemEntropy).unwrap()
    }

    /// As it was when there were no data keys and no audit keys.
    fn from_before(root: &RootKey) -> SealedKeyring {
        let key = |purpose, id| SealedKey::create(purpose, id, root, &SystemEntropy).unwrap();
        SealedKeyring {
            key: None,
            locks: Vec::new(),
            peppers: vec![key("pepper", 1)],
            cursors: key("cursors", 1),
            data: Vec::new(),
            audit: Vec::new(),
            rekey: None,
            pepper_since: None,
        }
    }

    #[test]
    fn what_is_sealed_is_read_back_for_its_purpose_alone() {
        let root = root();
        for sealed in [SealedKeyring::create(&root, &SystemEntropy).unwrap(), from_before(&root)] {
            let keyring = sealed.open(&root, 1).unwrap();
            let text = keyring.seal("a", b"plain", &SystemEntropy).unwrap();
            assert_eq!(keyring.open("a", &text).unwrap().as_slice(), b"plain");
            assert!(keyring.open("b", &text).is_err() && keyring.open("a", &text[1..]).is_err());
            assert!(keyring.resealed("a", &text, &SystemEntropy).unwrap().is_none());
        }
        let shown = format!("{:?}", SealedKeyring::create(&root, &SystemEntropy).unwrap().open(&root, 1).unwrap());
        assert!(
            shown.contains("key: RootKey(…)") && shown.contains("data: [DataKey(0), DataKey(1)], audit: [AuditKey("),
            "{shown}"
        );
    }

    #[test]
    fn while_the_root_key_is_replaced_both_open_it_and_so_do_hosts_and_then_the_new_one_alone() {
        let secret = PlainSecret::new("secret".to_owned());
        let (old, new, newest) = (root(), root(), root());
        for before in [SealedKeyring::create(&old, &SystemEntropy).unwrap(), from_before(&old)] {
            let held = before.open(&old, 1).unwrap();
            let digest = held.current_pepper().unwrap().digest(&secret);
            let sealed = held.seal("a", b"plain", &SystemEntropy).unwrap();
            let check = |keyring: &Keyring| {
                assert!(keyring.pepper(1).unwrap().digest(&secret).matches(&digest));
                assert_eq!(keyring.open("a", &sealed).unwrap().as_slice(), b"plain");
                assert_eq!(keyring.audit_keys(), held.audit_keys());
                let resealed = keyring.resealed("a", &sealed, &SystemEntropy).unwrap().unwrap();
                assert_ne!(data_key_of(&resealed), data_key_of(&sealed));
                assert_eq!(keyring.open("a", &resealed).unwrap().as_slice(), b"plain");
            };
            let now = Timestamp::from_millis(0);
            let during = before.rekeyed(&held, &new, now, &SystemEntropy).unwrap();
            assert!(during.is_opened_by(&new.id()) && !before.is_opened_by(&new.id()));
            for keyring in [during.open(&old, 2), during.open(&new, 2), during.open_anew(&held, 2)] {
                check(&keyring.unwrap());
            }
            assert!(during.open(&newest, 2).is_err());
            let after = during.clone().finished();
            check(&after.open(&new, 3).unwrap());
            check(&after.open_anew(&during.open_anew(&held, 2).unwrap(), 3).unwrap());
            assert!(after.open(&old, 3).is_err() && after.open_anew(&held, 3).is_err());

            // A host that was started under the first root key hears of the third as well; what it sealed last still opens.
            let serving = after.open_anew(&during.open_anew(&held, 2).unwrap(), 3).unwrap();
            let late = serving.seal("a", b"late", &SystemEntropy).unwrap();
            let again = after.rekeyed(&serving, &newest, now, &SystemEntropy).unwrap().finished();
            assert_eq!(again.open(&newest, 4).unwrap().open("a", &late).unwrap().as_slice(), b"late");
            assert!(again.open(&newest, 4).unwrap().open("a", &sealed).is_err(), "the first data key is gone");
        }
    }

    #[test]
    fn a_change_of_the_root_key_turns_to_another_and_the_one_that_was_said_opens_nothing() {
        let (first, second, lost, found) = (root(), root(), root(), root());
        let now = Timestamp::from_millis(0);
        let begun = SealedKeyring::create(&first, &SystemEntropy).unwrap();
        let held = begun.open(&first, 1).unwrap();
        let once = begun.rekeyed(&held, &second, now, &SystemEntropy).unwrap().finished();
        let later = once.open(&second, 2).unwrap();
        for (old, before, held) in [(&first, &begun, &held), (&second, &once, &later)] {
            let during = before.rekeyed(held, &lost, now, &SystemEntropy).unwrap();
            let sealed = during.open(old, 3).unwrap().seal("a", b"plain", &SystemEntropy).unwrap();
            let turned = during.redirected(held, &found, now, &SystemEntropy).unwrap();
            assert_eq!(turned.rekey.as_ref().unwrap().root, found.id());
            assert!(turned.open(&lost, 4).is_err() && turned.open_anew(held, 4).is_ok());
            for root in [old, &found] {
                assert_eq!(turned.open(root, 4).unwrap().open("a", &sealed).unwrap().as_slice(), b"plain");
            }
            // And back: whoever opened it before does still.
            let back = turned.redirected(held, &lost, now, &SystemEntropy).unwrap();
            assert!(back.open(old, 5).is_ok() && back.open(&lost, 5).is_ok() && back.open(&found, 5).is_err());
            let after = turned.finished();
            assert!(after.open(&found, 5).is_ok() && after.open(old, 5).is_err() && after.open(&lost, 5).is_err());
        }
    }

    #[test]
    fn peppers_come_and_go_and_no_id_comes_twice() {
        let root = root();
        let one = SealedKeyring::create(&root, &SystemEntropy).unwrap();
        let held = one.open(&root, 1).unwrap();
        let two = one.peppered(&held, Timestamp::from_millis(0), &SystemEntropy).unwrap();
        let opened = two.open_anew(&held, 2).unwrap();
        assert_eq!((opened.peppers(), opened.current_pepper().unwrap().id()), (vec![1, 2], 2));
        let alone = two.without_pepper(1);
        assert!(alone.open(&root, 3).unwrap().pepper(1).is_none());
        let third = alone.peppered(&held, Timestamp::from_millis(0), &SystemEntropy).unwrap();
        assert_eq!(third.open(&root, 4).unwrap().peppers(), [2, 3]);
    }
}
