//! Recovery codes: what stands in for a lost second factor, each of them once (NIST SP 800-63B §3.1.2, look-up secrets).

use crate::entropy::{Entropy, EntropyError};
use crate::secret::PlainSecret;

/// Codes of one set.
pub const CODES: usize = 10;
/// Letters and digits of a code: fifty bits.
const LENGTH: usize = 10;
/// Where a hyphen stands, for the eye.
const HALF: usize = LENGTH / 2;
/// Crockford's base 32, in lower case: no letter is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Draws a set: `xxxxx-xxxxx` each.
///
/// # Errors
/// When the entropy has nothing to give.
pub fn draw(entropy: &dyn Entropy) -> Result<Vec<PlainSecret>, EntropyError> {
    (0..CODES).map(|_| draw_one(entropy)).collect()
}

fn draw_one(entropy: &dyn Entropy) -> Result<PlainSecret, EntropyError> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; LENGTH]);
    entropy.fill(bytes.as_mut_slice())?;
    // 32 divides 256, so every character is as likely as any other.
    let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
    let mut text = String::with_capacity(LENGTH + 1);
    for (at, character) in characters.enumerate() {
        if at == HALF {
            text.push('-');
        }
        text.push(char::from(*character));
    }
    Ok(PlainSecret::new(text))
}

/// A code as it is digested: what people type in capitals, without the hyphen or with `o` for zero is the same code.
pub fn normalized(presented: &PlainSecret) -> PlainSecret {
    let same = |character: char| match character.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    let is_part = |character: &char| !character.is_whitespace() && *character != '-';
    PlainSecret::new(presented.expose().chars().filter(is_part).take(LENGTH + 1).map(same).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_set_is_ten_codes_that_differ() {
        let codes = draw(&SeededEntropy::new(b"codes")).unwrap();
        let distinct: std::collections::BTreeSet<&str> = codes.iter().map(PlainSecret::expose).collect();
        assert_eq!(distinct.len(), CODES);
        for code in distinct {
            let (left, right) = code.split_once('-').unwrap();
            assert!((left.len(), right.len()) == (5, 5) && code.bytes().all(|b| b == b'-' || ALPHABET.contains(&b)));
        }
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let of = |text: &str| normalized(&PlainSecret::new(text.into())).expose().to_owned();
        assert_eq!(of("01abc-defgh"), "01abcdefgh");
        for typed in ["01ABC-DEFGH", " oLabc defgh ", "OIabcdefgh", "0-1-a-b-c-d-e-f-g-h"] {
            assert_eq!(of(typed), "01abcdefgh", "{typed}");
        }
        assert_ne!(of("01abc-defghj"), of("01abc-defgh"), "what is longer is another");
    }
}
