//! Passwords of people: which are taken (NIST SP 800-63B §3.1.1.2).
//!
//! Length counts, in code points after NFC, and composition does not. What everybody tries first is refused: a list of common
//! passwords, whatever digits and signs stand around them; pieces repeated over and over; runs; the member's own address and the
//! service's name. How passwords are kept is not known here.

use std::fmt;

use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::secret::PlainSecret;

/// Code points at most. The standard asks for 64 at least to be taken.
pub const MOST_CHARACTERS: usize = 128;
/// Code points at least, whatever a catalog says.
pub const LEAST_CHARACTERS: usize = 8;
/// Pieces up to this long make no password by being repeated.
const PIECE: usize = 4;
/// Code points of an address or of a service's name that are looked for.
const TELLING: usize = 4;

/// One a line, in lower case.
const COMMON: &str = include_str!("password/common.txt");

/// A password in the form that is compared (NFC). Wiped when dropped, and says nothing in `Debug`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// What passwords are asked to be.
#[derive(Debug, Clone, Copy)]
pub struct PasswordRules<'a> {
    /// Code points at least.
    pub characters: usize,
    /// What the service is called.
    pub service: &'a str,
    /// The address of whose password it is to be.
    pub email: &'a str,
}

/// A password that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few code points.
    #[error("it must have {0} characters at least; several words make a good one")]
    TooShort(usize),
    /// Too many code points.
    #[error("it may have {MOST_CHARACTERS} characters at most")]
    TooLong,
    /// Among the first that are tried.
    #[error("it is among the first that are tried; choose another, several words say")]
    Common,
    /// It holds the address or its beginning.
    #[error("it must not hold the e-mail address; choose another")]
    HoldsAddress,
    /// It holds the name of the service.
    #[error("it must not hold the service's name; choose another")]
    HoldsService,
}

impl Password {
    /// As it was presented, brought into the form that is compared.
    pub fn new(presented: &PlainSecret) -> Self {
        Self(Zeroizing::new(presented.expose().nfc().collect()))
    }

    /// What is hashed. Whoever calls this keeps it out of logs, errors and records.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether both are the same.
    pub fn is(&self, other: &Self) -> bool {
        bool::from(self.expose().ct_eq(other.expose()))
    }

    /// Refuses what is no good as a new password.
    ///
    /// # Errors
    /// [`PasswordError`] says what to do.
    pub fn check(&self, rules: &PasswordRules<'_>) -> Result<(), PasswordError> {
        let length = self.0.chars().count();
        let least = rules.characters.max(LEAST_CHARACTERS);
        if length < least {
            return Err(PasswordError::TooShort(least));
        }
        if length > MOST_CHARACTERS {
            return Err(PasswordError::TooLong);
        }
        let lower = Zeroizing::new(self.0.to_lowercase());
        let holds = |text: &str| text.chars().count() >= TELLING && lower.contains(&text.to_lowercase());
        if is_common(&lower) || is_patterned(&lower) {
            return Err(PasswordError::Common);
        }
        let local = rules.email.rsplit_once('@').map_or(rules.email, |(local, _)| local);
        if holds(rules.email) || holds(local) {
            return Err(PasswordError::HoldsAddress);
        }
        if rules.service.split_whitespace().any(holds) {
            return Err(PasswordError::HoldsService);
        }
        Ok(())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether it is a common one, or would be without the digits and signs around it.
fn is_common(lower: &str) -> bool {
    let core = lower.trim_matches(|character: char| !character.is_alphabetic());
    COMMON.lines().any(|common| common == lower || common == core)
}

/// Whether it is a short piece over and over, or a run such as `abcdefghijkl`.
fn is_patterned(lower: &str) -> bool {
    let characters: Zeroizing<Vec<u32>> = Zeroizing::new(lower.chars().map(u32::from).collect());
    let repeats = |piece: usize| characters.iter().zip(characters.iter().skip(piece)).all(|(one, other)| one == other);
    let mut steps = characters.iter().zip(characters.iter().skip(1)).map(|(one, other)| {
        // After nine comes zero.
        let is_turn = (*one, *other) == (u32::from('9'), u32::from('0'));
        if is_turn { 1 } else { i64::from(*other) - i64::from(*one) }
    });
    let first = steps.next();
    (1..=PIECE).any(repeats) || (first.is_some_and(|step| step.abs() == 1) && steps.all(|step| Some(step) == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), PasswordError> {
        let rules = PasswordRules { characters: 12, service: "CronFlow Access", email: "Grace.Hopper@acme.example" };
        Password::new(&PlainSecret::new(text.to_owned())).check(&rules)
    }

    #[test]
    fn length_is_counted_in_code_points_after_nfc() {
        assert_eq!(check("elf letters"), Err(PasswordError::TooShort(12)));
        assert_eq!(check("zwölf Zeichen"), Ok(()));
        // An u with a diaeresis beside it is one letter.
        assert_eq!(check("fu\u{308}nf worten"), Err(PasswordError::TooShort(12)));
        assert_eq!(check("🦀🐙 reef & tide"), Ok(()));
        let long: String = ('a'..='z').rev().cycle().step_by(3).take(MOST_CHARACTERS + 1).collect();
        assert_eq!(check(&long), Err(PasswordError::TooLong));
        assert_eq!(check(&long[1..]), Ok(()));
        let lenient = PasswordRules { characters: 0, service: "", email: "" };
        let short = Password::new(&PlainSecret::new("7 chars".into()));
        assert_eq!(short.check(&lenient), Err(PasswordError::TooShort(LEAST_CHARACTERS)));
    }

    #[test]
    fn both_forms_of_a_letter_are_the_same_password() {
        let of = |text: &str| Password::new(&PlainSecret::new(text.into())).expose().to_vec();
        assert_eq!(of("fu\u{308}nf"), of("fünf"));
        assert_ne!(of("fünf"), of("funf"));
    }

    #[test]
    fn no_composition_is_asked_for() {
        for good in ["correct horse battery staple", "quiet-lantern-orbit", "              x", "481902776350"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for bad in [
            "password1234",
            "PASSWORD!!!!",
            "!!iloveyou2026!!",
            "qwertyuiopasdf",
            "1qaz2wsx3edc",
            "123456789012",
            "abcdefghijkl",
            "ponmlkjihgfe",
            "aaaaaaaaaaaa",
            "abc1abc1abc1abc1",
            "letmeinletmein",
        ] {
            assert_eq!(check(bad), Err(PasswordError::Common), "{bad}");
        }
        for bad in ["my grace.hopper 1906", "Grace.Hopper@acme.example"] {
            assert_eq!(check(bad), Err(PasswordError::HoldsAddress), "{bad}");
        }
        assert_eq!(check("i run cronflow daily"), Err(PasswordError::HoldsService));
    }

    #[test]
    fn the_list_is_in_lower_case_and_nothing_is_there_twice() {
        let lines: Vec<&str> = COMMON.lines().collect();
        let distinct: std::collections::BTreeSet<&str> = lines.iter().copied().collect();
        assert_eq!((distinct.len(), lines.len() > 100), (lines.len(), true));
        assert!(lines.iter().all(|line| !line.is_empty() && line.to_lowercase() == **line));
    }

    #[test]
    fn nothing_is_shown() {
        assert_eq!(format!("{:?}", Password::new(&PlainSecret::new("x".into()))), "Password(…)");
    }
}
