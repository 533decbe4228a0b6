//! One-time passwords by time (RFC 6238): SHA-1, six digits, thirty seconds, which every authenticator app knows.

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::clock::Timestamp;
use crate::secret::PlainSecret;

/// Bytes of a shared secret (RFC 4226 §4, R6).
pub const SECRET_LENGTH: usize = 20;
/// How long a code is the current one.
pub const STEP: Duration = Duration::from_secs(30);
/// Codes so many steps to and fro are taken as well, for clocks that differ (RFC 6238 §5.2).
const SKEW: u64 = 1;
/// Digits of a code.
const DIGITS: u32 = 6;
/// No step: there is none so late.
const NONE: u64 = u64::MAX;
/// RFC 4648 §6, without padding.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a code turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// That of this step, which was not used before.
    Right(u64),
    /// That of a step that was used, or is before one that was.
    Used,
    /// None.
    Wrong,
}

/// The number of the step at an instant, from 1970 on.
pub fn step_at(now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or_default() / 1_000 / STEP.as_secs()
}

/// The code of a step, as an app shows it.
pub fn code_at(secret: &[u8], step: u64) -> PlainSecret {
    PlainSecret::new(format!("{:0width$}", value(secret, step, DIGITS), width = DIGITS as usize))
}

/// What `code` is at `now`, when `last_step` was the last that was used.
///
/// INVARIANT: all steps are compared, in time that does not depend on the code.
pub fn check(secret: &[u8], code: &PlainSecret, now: Timestamp, last_step: Option<u64>) -> Checked {
    let presented = code.expose().chars().filter(|character| !character.is_whitespace()).collect();
    let presented = PlainSecret::new(presented);
    let current = step_at(now);
    // Of two steps with the same code the later counts, so that neither serves again.
    let mut found = NONE;
    for step in current.saturating_sub(SKEW)..=current.saturating_add(SKEW) {
        let expected = code_at(secret, step);
        let is_it = expected.expose().as_bytes().ct_eq(presented.expose().as_bytes());
        found.conditional_assign(&step, is_it);
    }
    match found {
        NONE => Checked::Wrong,
        step if last_step.is_some_and(|last| step <= last) => Checked::Used,
        step => Checked::Right(step),
    }
}

/// A shared secret as people type it: base 32.
pub fn base32(bytes: &[u8]) -> PlainSecret {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, held >> bits);
        }
    }
    if bits > 0 {
        push(&mut text, held << (5 - bits));
    }
    PlainSecret::new(text)
}

fn push(text: &mut String, value: u32) {
    let digit = BASE32.get((value & 31) as usize).copied().unwrap_or_default();
    text.push(char::from(digit));
}

/// What an authenticator app reads from a QR code.
pub fn uri(secret: &[u8], service: &str, account: &str) -> PlainSecret {
    let (service, account) = (encoded(service), encoded(account));
    let secret = base32(secret);
    PlainSecret::new(format!(
        "otpauth://totp/{service}:{account}?secret={}&issuer={service}&algorithm=SHA1&digits={DIGITS}&period={}",
        secret.expose(),
        STEP.as_secs()
    ))
}

/// RFC 3986 §2.1: everything but the unreserved characters.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut to, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(to, "%{byte:02X}");
        }
        to
    })
}

/// RFC 4226 §5.3, of a time step.
fn value(secret: &[u8], step: u64, digits: u32) -> u32 {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mac = Hmac::<Sha1>::new_from_slice(secret).expect("any length is a key");
    let mac: [u8; 20] = mac.chain_update(step.to_be_bytes()).finalize().into_bytes().into();
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0xf);
    let dynamic = mac.iter().skip(offset).take(4).fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
    (dynamic & 0x7fff_ffff) % 10_u32.pow(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the rows of SHA-1.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let now = Timestamp::from_millis(seconds * 1_000);
            assert_eq!(value(SECRET, step_at(now), 8), expected, "{seconds}");
            assert_eq!(code_at(SECRET, step_at(now)).expose(), format!("{:06}", expected % 1_000_000));
        }
    }

    #[test]
    fn a_code_is_taken_a_step_to_and_fro_and_never_again() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let step = step_at(now);
        let check = |of: u64, last| check(SECRET, &code_at(SECRET, of), now, last);
        for taken in [step - 1, step, step + 1] {
            assert_eq!(check(taken, None), Checked::Right(taken));
            assert_eq!(check(taken, Some(taken)), Checked::Used);
            assert_eq!(check(taken, Some(step + 1)), Checked::Used, "nor one before the last that was used");
        }
        assert_eq!(check(step + 1, Some(step)), Checked::Right(step + 1));
        for wrong in [step - 2, step + 2] {
            assert_eq!(check(wrong, None), Checked::Wrong);
        }
    }

    #[test]
    fn what_is_no_code_is_wrong_and_spaces_do_not_matter() {
        let now = Timestamp::from_millis(59_000);
        let check = |text: &str| check(SECRET, &PlainSecret::new(text.to_owned()), now, None);
        assert_eq!(check("287082"), Checked::Right(1));
        assert_eq!(check(" 287 082\n"), Checked::Right(1));
        for wrong in ["", "28708", "2870820", "94287082", "28708a", "-28708", "+28708", "２８７０８２", "000000"]
        {
            assert_eq!(check(wrong), Checked::Wrong, "{wrong}");
        }
    }

    /// RFC 4648 §10, without padding.
    #[test]
    fn base_32_is_that_of_the_rfc() {
        for (plain, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()).expose(), expected);
        }
    }

    #[test]
    fn an_uri_names_service_and_account() {
        assert_eq!(
            uri(SECRET, "Cron Flow", "a+b@acme.example").expose(),
            "otpauth://totp/Cron%20Flow:a%2Bb%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Cron%20Flow&algorithm=SHA1&digits=6&period=30"
        );
    }
}
