//! Webhooks: whether what a receiver got is CronFlow's, whole, and not a copy of something old.
//!
//! Both ways of signing are understood: Standard Webhooks' three headers, and `X-CronFlow-Signature`. Where the first are
//! there, they count alone, since they cover the message's id as well.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::secret::Secret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const OUR_SIGNATURE: HeaderName = HeaderName::from_static("x-cronflow-signature");
/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret's key: neither guessed nor cut off.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;
/// How far a message's time may be from the receiver's, either way, unless it is said.
const TOLERANCE: Duration = Duration::from_secs(300);
/// Signatures that are looked at.
const MOST_SIGNATURES: usize = 16;

/// Verifies webhooks under one or several secrets: several while one is rotated.
///
/// ```
/// use cronflow_access_client::{Secret, WebhookVerifier};
/// # use http::HeaderMap;
/// # fn received(headers: &HeaderMap, body: &[u8], now: std::time::SystemTime) -> Result<(), cronflow_access_client::WebhookError> {
/// let verifier = WebhookVerifier::new([Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])?;
/// // The body as it came, to the byte: not parsed and written again.
/// let received = verifier.verify(headers, body, now)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WebhookVerifier {
    secrets: Vec<Secret>,
    tolerance: Duration,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The message's id, the same in every attempt: whoever has seen it before has done what it says. Absent where only
    /// `X-CronFlow-Signature` came, which does not cover it.
    pub id: Option<String>,
    /// When it was sent, in seconds of Unix time.
    pub timestamp: u64,
}

/// Why a webhook is not believed, or a secret is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is none, or an empty one, or one that was cut off.
    #[error("a webhook's secret is `whsec_` and 32 to 88 characters of base64, and one is needed")]
    Secret,
    /// Neither way of signing is there in full.
    #[error(
        "the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, or `x-cronflow-signature`, are missing"
    )]
    Missing,
    /// A header is there twice, or can't be read.
    #[error("a header of the signature is there twice, or can't be read")]
    Malformed,
    /// It was sent too long ago, or the clocks differ.
    #[error("its time is too far from now, before or after")]
    Time,
    /// No signature is right.
    #[error("no signature is right")]
    Signature,
}

impl WebhookVerifier {
    /// A verifier under any of `secrets`.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, WebhookError> {
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        let is_whole = |secret: &Secret| key(secret).is_some_and(|key| KEY.contains(&key.len()));
        if secrets.is_empty() || !secrets.iter().all(is_whole) {
            return Err(WebhookError::Secret);
        }
        Ok(Self { secrets, tolerance: TOLERANCE })
    }

    /// The same, with how far a message's time may be from `now`, either way. Five minutes unless it is said.
    #[must_use]
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Verifies a request's headers and its body, to the byte.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<Received, WebhookError> {
        if headers.contains_key(SIGNATURE) {
            let (id, timestamp) = (one(headers, &ID)?, one(headers, &TIMESTAMP)?);
            let candidates = one(headers, &SIGNATURE)?.split(' ').take(MOST_SIGNATURES);
            let signatures = candidates.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).collect();
            let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
            let timestamp = self.check(timestamp, now, signatures, &parts, key)?;
            return Ok(Received { id: Some(id.to_owned()), timestamp });
        }
        let (mut timestamp, mut signatures) = (None, Vec::new());
        for field in one(headers, &OUR_SIGNATURE)?.split(',').take(MOST_SIGNATURES) {
            match field.split_once('=').ok_or(WebhookError::Malformed)? {
                ("t", _) if timestamp.is_some() => return Err(WebhookError::Malformed),
                ("t", text) => timestamp = Some(text),
                ("v1", text) => signatures.extend(unhex(text)),
                // What comes later is for who knows it.
                _ => {}
            }
        }
        let timestamp = timestamp.ok_or(WebhookError::Malformed)?;
        let parts = [timestamp.as_bytes(), b".", body];
        let text = |secret: &Secret| Some(Zeroizing::new(secret.expose().as_bytes().to_vec()));
        Ok(Received { id: None, timestamp: self.check(timestamp, now, signatures, &parts, text)? })
    }

    fn check(
        &self,
        timestamp: &str,
        now: SystemTime,
        signatures: Vec<Vec<u8>>,
        parts: &[&[u8]],
        key: impl Fn(&Secret) -> Option<Zeroizing<Vec<u8>>>,
    ) -> Result<u64, WebhookError> {
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u64 = timestamp.parse().ok().filter(|_| is_number).ok_or(WebhookError::Malformed)?;
        let now = now.duration_since(UNIX_EPOCH).map_err(|_| WebhookError::Time)?.as_secs();
        // None is left out once one is right, so that time tells nothing.
        let mut is_right = Choice::from(0);
        for secret in &self.secrets {
            let key = key(secret).ok_or(WebhookError::Secret)?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| WebhookError::Secret)?;
            parts.iter().for_each(|part| mac.update(part));
            let expected = mac.finalize().into_bytes();
            for signature in &signatures {
                is_right |= expected.as_slice().ct_eq(signature);
            }
        }
        if !bool::from(is_right) {
            return Err(WebhookError::Signature);
        }
        if seconds.abs_diff(now) > self.tolerance.as_secs() { Err(WebhookError::Time) } else { Ok(seconds) }
    }
}

/// The bytes that Standard Webhooks signs under.
fn key(secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok().map(Zeroizing::new)
}

/// The one value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, WebhookError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(WebhookError::Missing)?;
    if values.next().is_some() {
        return Err(WebhookError::Malformed);
    }
    value.to_str().map_err(|_| WebhookError::Malformed)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    // The example of Standard Webhooks' specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const AT: u64 = 1_614_265_330;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const STANDARD_HEADERS: [(&str, &str); 3] = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", SIGNED),
    ];

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn verifier(secrets: &[&str]) -> Result<WebhookVerifier, WebhookError> {
        WebhookVerifier::new(secrets.iter().map(|secret| Secret::new(*secret)))
    }

    fn ours(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{AT}.").as_bytes());
        mac.update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={AT},v1={hex}")
    }

    #[test]
    fn what_was_signed_either_way_is_believed() {
        let verifier = verifier(&[SECRET]).unwrap();
        let received = verifier.verify(&headers(&STANDARD_HEADERS), BODY, at(AT)).unwrap();
        assert_eq!(received, Received { id: Some(STANDARD_HEADERS[0].1.to_owned()), timestamp: AT });
        let ours = headers(&[("x-cronflow-signature", &ours(SECRET, BODY))]);
        assert_eq!(verifier.verify(&ours, BODY, at(AT)).unwrap(), Received { id: None, timestamp: AT });
    }

    #[test]
    fn a_byte_another_secret_or_another_header_is_not() {
        let other = format!("{PREFIX}{}", STANDARD.encode([7; 32]));
        let check = |secret: &str, list: &[(&str, &str)], body: &[u8], expected| {
            let told = verifier(&[secret]).unwrap().verify(&headers(list), body, at(AT));
            assert_eq!(told.unwrap_err(), expected, "{list:?}");
        };
        check(SECRET, &STANDARD_HEADERS, b"{\"test\": 2432232315}", WebhookError::Signature);
        check(&other, &STANDARD_HEADERS, BODY, WebhookError::Signature);
        check(SECRET, &[("x-cronflow-signature", &ours(SECRET, BODY))], b"{}", WebhookError::Signature);
        check(SECRET, &[("x-cronflow-signature", &ours(&other, BODY))], BODY, WebhookError::Signature);
        check(SECRET, &[], BODY, WebhookError::Missing);
        check(SECRET, &STANDARD_HEADERS[1..], BODY, WebhookError::Missing);
        let [id, time, signature] = STANDARD_HEADERS;
        check(SECRET, &[id, id, time, signature], BODY, WebhookError::Malformed);
        check(SECRET, &[("webhook-id", "msg_other"), time, signature], BODY, WebhookError::Signature);
        check(SECRET, &[id, ("webhook-timestamp", "+1614265330"), signature], BODY, WebhookError::Malformed);
        for wrong in ["", "v1,", "v1a,AAAA", "v1,*"] {
            check(SECRET, &[id, time, ("webhook-signature", wrong)], BODY, WebhookError::Signature);
        }
        for wrong in ["", "t=1614265330", "v1=00", "t=1,t=1,v1=00", "t=x,v1=00"] {
            let told = verifier(&[SECRET]).unwrap().verify(&headers(&[("x-cronflow-signature", wrong)]), BODY, at(AT));
            assert!(told.is_err(), "{wrong}");
        }
        // The weaker one is no way around the other.
        let both = [id, time, ("webhook-signature", "v1,AAAA"), ("x-cronflow-signature", &ours(SECRET, BODY))];
        check(SECRET, &both, BODY, WebhookError::Signature);
    }

    #[test]
    fn clocks_may_differ_by_as_much_either_way() {
        let verifier = verifier(&[SECRET]).unwrap();
        let told = |now| verifier.verify(&headers(&STANDARD_HEADERS), BODY, at(now)).map(|_| ());
        assert_eq!((told(AT - 300), told(AT + 300)), (Ok(()), Ok(())));
        assert_eq!((told(AT - 301), told(AT + 301)), (Err(WebhookError::Time), Err(WebhookError::Time)));
    }

    #[test]
    fn during_a_rotation_either_secret_is_enough() {
        let new = format!("{PREFIX}{}", STANDARD.encode([9; 32]));
        for secrets in [[SECRET, &new], [&new, SECRET]] {
            assert!(verifier(&secrets).unwrap().verify(&headers(&STANDARD_HEADERS), BODY, at(AT)).is_ok());
        }
        let [id, time, _] = STANDARD_HEADERS;
        let several = [id, time, ("webhook-signature", &*format!("v1,AAAA v2,x {SIGNED}"))];
        assert!(verifier(&[SECRET]).unwrap().verify(&headers(&several), BODY, at(AT)).is_ok());
    }

    #[test]
    fn no_secret_is_no_verifier() {
        for secret in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"] {
            assert_eq!(verifier(&[SECRET, secret]).unwrap_err(), WebhookError::Secret, "{secret}");
        }
        assert_eq!(verifier(&[]).unwrap_err(), WebhookError::Secret);
    }
}
