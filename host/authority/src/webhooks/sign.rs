//! What a receiver knows us by: Standard Webhooks' three headers, and `X-CronFlow-Signature` for who wants one.
//!
//! A secret is `whsec_` and base64: like every secret of ours it names what it is of and ends with a checksum, so that it is
//! known for ours wherever it leaks to, and its 56 characters are 42 bytes of base64. Standard Webhooks (v1) signs `id.timestamp.body` under the decoded bytes and writes
//! base64; ours signs `timestamp.body` under the secret's text as it was shown and writes hex. Every live secret signs.

use access_model::entropy::EntropyError;
use access_model::text::hex;
use access_model::webhook::PREFIX;
use access_model::{Entropy, Id, PlainSecret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A new secret of an endpoint.
pub(super) fn draw(webhook: &Id, entropy: &dyn Entropy) -> Result<PlainSecret, EntropyError> {
    PlainSecret::draw(PREFIX, webhook, entropy)
}

/// The values of `webhook-signature` and `x-cronflow-signature`. `None`: a secret is none that we made.
pub(super) fn sign(secrets: &[PlainSecret], message: &Id, unix: i64, body: &[u8]) -> Option<(String, String)> {
    let (mut standard, mut ours) = (Vec::new(), vec![format!("t={unix}")]);
    for secret in secrets {
        let key = Zeroizing::new(STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?);
        let signed = mac(&key, &[format!("{message}.{unix}.").as_bytes(), body])?;
        standard.push(format!("v1,{}", STANDARD.encode(signed)));
        let signed = mac(secret.expose().as_bytes(), &[format!("{unix}.").as_bytes(), body])?;
        ours.push(format!("v1={}", hex(&signed)));
    }
    (!secrets.is_empty()).then(|| (standard.join(" "), ours.join(",")))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok().filter(|_| !key.is_empty())?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::entropy::SeededEntropy;

    /// The example of the specification of Standard Webhooks (its secret, id, timestamp, body and signature).
    #[test]
    fn it_signs_as_standard_webhooks_says() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = mac(&key, &[b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", b"{\"test\": 2432232314}"]).unwrap();
        assert_eq!(STANDARD.encode(signed), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_no_secret_is_no_signature() {
        let entropy = SeededEntropy::new(b"webhook");
        let webhook: Id = "wh_000000000000000000".parse().unwrap();
        let secrets = [draw(&webhook, &entropy).unwrap(), draw(&webhook, &entropy).unwrap()];
        let tail = |secret: &PlainSecret| secret.expose().strip_prefix(PREFIX).unwrap().to_owned();
        for secret in &secrets {
            assert_eq!(STANDARD.decode(tail(secret)).unwrap().len(), 42);
            assert_eq!(secret.id(access_model::IdKind::Webhook, &tail(secret)), Some(webhook));
        }
        let message: Id = "msg_000000000000000000".parse().unwrap();
        let (standard, ours) = sign(&secrets, &message, 1_767_225_600, b"{}").unwrap();
        assert_eq!(standard.split(' ').count(), 2);
        assert_eq!(ours.split(',').count(), 3);
        assert!(ours.starts_with("t=1767225600,v1="));
        assert!(sign(&[], &message, 0, b"").is_none());
        for bad in ["", "whsec_", "whsec_*", "secret"] {
            assert!(sign(&[PlainSecret::new(bad.to_owned())], &message, 0, b"").is_none(), "{bad}");
        }
    }
}
