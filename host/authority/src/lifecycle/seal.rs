//! Sealing (XChaCha20-Poly1305): what was sealed under a key for a purpose opens under that key, for that purpose.

use access_model::Entropy;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::LifecycleError;

const NONCE_LENGTH: usize = 24;

/// Seals `plain`, bound to what it is for.
pub(super) fn seal(
    key: &[u8; 32],
    purpose: &str,
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, LifecycleError> {
    let mut nonce = [0_u8; NONCE_LENGTH];
    entropy.fill(&mut nonce)?;
    let payload = Payload { msg: plain, aad: purpose.as_bytes() };
    let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| LifecycleError::Sealed)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what was sealed for the same purpose.
pub(super) fn open(key: &[u8; 32], purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, LifecycleError> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LENGTH).ok_or(LifecycleError::Sealed)?;
    let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| LifecycleError::Sealed)?;
    let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
    let plain = cipher(key).decrypt(&XNonce::from(nonce), payload).map_err(|_| LifecycleError::Sealed)?;
    Ok(Zeroizing::new(plain))
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}
