//! Quoting what others wrote: nothing that breaks a line, and no word so long that it may be a secret.

use std::borrow::Cow;

/// What text for people may be, as a regular expression: nothing in it controls a terminal, turns the direction of what
/// follows, or can't be seen.
pub const PLAIN_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*$";
/// Characters of a word that are always shown. Our secrets have more than sixty.
const WORD: usize = 40;
/// Characters of a longer word that are shown.
const BEGINNING: usize = 12;

/// `text` with every long word cut to its beginning. A word is a run of letters, digits, `_` and `-`.
pub fn without_long_words(text: &str) -> Cow<'_, str> {
    let in_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    if text.split(|character| !in_word(character)).all(|word| word.len() <= WORD) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(1_024));
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|character| !in_word(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.len() <= WORD {
            shown.push_str(word);
        } else {
            shown.extend(word.chars().take(BEGINNING).chain(['…']));
        }
        let next = after.find(in_word).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        shown.push_str(between);
        rest = after;
    }
    Cow::Owned(shown)
}

/// Bytes as hexadecimal text, lower case.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
    text
}

/// What [`hex`] wrote, and nothing else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !text.len().is_multiple_of(2) || !text.bytes().all(is_lower) {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// `text` for a message: at most 80 characters, escaped, without long words.
pub fn quotable(text: &str) -> String {
    let short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    without_long_words(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_and_everything_else_stands() {
        assert_eq!(without_long_words("`jobs:read` is not in [scopes]"), "`jobs:read` is not in [scopes]");
        let secret = format!("cf_prod_{}", "a".repeat(56));
        assert_eq!(without_long_words(&format!("at `/v1/{secret}?x`.")), "at `/v1/cf_prod_aaaa…?x`.");
        assert_eq!(without_long_words(&secret), "cf_prod_aaaa…");
        assert_eq!(quotable("a\nb"), "a\\nb");
        assert_eq!(quotable(&secret), "cf_prod_aaaa…");
    }
}
