//! Where randomness comes from.

use std::fmt;
use std::sync::Mutex;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The seam through which all randomness comes.
pub trait Entropy: Send + Sync + fmt::Debug + 'static {
    /// Fills `buffer` with unpredictable bytes.
    ///
    /// # Errors
    /// When the operating system has none to give; nothing secret may be made then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct EntropyError;

/// The operating system's random generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one door to ambient randomness")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

/// A stream of bytes determined by a seed: HMAC-SHA256 of a counter under the seed. For tests, and for the demo data of a
/// dev host, whose secrets are the same at every start.
pub struct SeededEntropy {
    seed: Vec<u8>,
    counter: Mutex<u64>,
}

impl SeededEntropy {
    /// The stream of `seed`, from its beginning.
    pub fn new(seed: &[u8]) -> Self {
        Self { seed: seed.to_vec(), counter: Mutex::new(0) }
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededEntropy")
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let mut counter = self.counter.lock().map_err(|_| EntropyError)?;
        for chunk in buffer.chunks_mut(32) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed).map_err(|_| EntropyError)?;
            mac.update(&counter.to_be_bytes());
            *counter += 1;
            for (to, from) in chunk.iter_mut().zip(mac.finalize().into_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}

/// Characters of base 62, in the order of their values.
pub(crate) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` characters of base 62, each drawn evenly (bytes that would favour some characters are thrown away).
///
/// # Errors
/// When the entropy has nothing to give.
pub fn random_base62(entropy: &dyn Entropy, length: usize) -> Result<String, EntropyError> {
    let mut text = String::with_capacity(length);
    let mut buffer = zeroize::Zeroizing::new([0_u8; 48]);
    while text.len() < length {
        entropy.fill(buffer.as_mut_slice())?;
        let even = buffer.iter().filter(|byte| **byte < 248);
        let characters = even.filter_map(|byte| ALPHABET.get(usize::from(*byte % 62)));
        text.extend(characters.take(length - text.len()).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream_and_base62_is_base62() {
        let draw = |seed: &[u8]| random_base62(&SeededEntropy::new(seed), 500).unwrap();
        assert_eq!(draw(b"a"), draw(b"a"));
        assert_ne!(draw(b"a"), draw(b"b"));
        assert_eq!(draw(b"a").len(), 500);
        assert!(draw(b"a").bytes().all(|byte| ALPHABET.contains(&byte)));
        assert!(ALPHABET.iter().all(|byte| draw(b"long")[..].as_bytes().contains(byte)), "every character comes up");
    }
}
