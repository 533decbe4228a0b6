//! Names and messages as text: what is printable, what disguises, what was meant.

/// The most characters that a reason's message may have; the rest is cut off.
pub(crate) const MESSAGE_LIMIT: usize = 512;

/// Makes a message fit for logs and headers: no control characters, bounded length.
pub(crate) fn clean_message(message: &str) -> String {
    let fits = message.len() <= MESSAGE_LIMIT;
    if fits && !message.contains(|c: char| c.is_control() || is_disguising(c)) {
        return message.to_owned();
    }
    let mut clean: String =
        message.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() || is_disguising(c) { ' ' } else { c }).collect();
    if message.chars().nth(MESSAGE_LIMIT).is_some() {
        clean.push('…');
    }
    clean
}

/// Characters that are invisible or turn the direction of text, so that source or a message reads differently from what
/// it says (Unicode TR39 and the "trojan source" set).
pub(crate) fn is_disguising(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The first letter of a word that mixes Latin letters with those of a script that has look-alikes of them, with its offset.
pub(crate) fn look_alike(text: &str) -> Option<(usize, char)> {
    let (mut latin, mut foreign) = (false, None);
    let mut characters = text.char_indices();
    while let Some((offset, c)) = characters.next() {
        if c == '\\' {
            // what an escape begins with is no letter of the text
            characters.next();
        }
        if !c.is_alphabetic() {
            (latin, foreign) = (false, None);
        } else if c.is_ascii() {
            latin = true;
        } else if has_look_alikes(c) {
            foreign = foreign.or(Some((offset, c)));
        }
        if latin && foreign.is_some() {
            return foreign;
        }
    }
    None
}

/// Greek, Cyrillic, Armenian, Cherokee, Coptic, Lisu, full-width and mathematical letters (after Unicode TR39).
fn has_look_alikes(c: char) -> bool {
    matches!(c,
        '\u{370}'..='\u{58F}' | '\u{13A0}'..='\u{13FF}' | '\u{1C80}'..='\u{1C8F}' | '\u{1F00}'..='\u{1FFF}'
        | '\u{2C80}'..='\u{2CFF}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A4D0}'..='\u{A4FF}' | '\u{A640}'..='\u{A69F}'
        | '\u{AB70}'..='\u{ABBF}' | '\u{FF21}'..='\u{FF5A}' | '\u{1D400}'..='\u{1D7FF}')
}

/// The candidate closest to `name`, if one is close enough to have been meant.
pub(crate) fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let longest = 64;
    if name.len() > longest {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| match name.eq_ignore_ascii_case(candidate) {
            true => (0, candidate),
            false => (distance(name, candidate), candidate),
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Levenshtein's distance, by bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = substituted.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_close_and_nothing_else() {
        let known = ["principal.scopes", "principal.kind", "request.environment"];
        assert_eq!(closest("principal.scope", known).as_deref(), Some("principal.scopes"));
        assert_eq!(closest("request.enviroment", known).as_deref(), Some("request.environment"));
        assert_eq!(closest("zzz", known), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn messages_carry_no_control_characters_and_stay_short() {
        assert_eq!(clean_message("needs jobs:read"), "needs jobs:read");
        assert_eq!(clean_message("a\r\nb\u{202E}c"), "a  b c");
        assert_eq!(clean_message(&"ü".repeat(10_000)).chars().count(), MESSAGE_LIMIT + 1);
    }
}
