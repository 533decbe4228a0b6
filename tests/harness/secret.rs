//! Secrets that nobody issued: well-formed, malformed, and everything between.

/// Characters of the checksum at a secret's end.
const CHECKSUM: usize = 6;
/// Characters of the public id after the prefix; the first two are the home shard.
const ID_BODY: usize = 18;

/// `secret` with another id, and a checksum that is right: nobody's.
#[must_use]
pub fn of_nobody(secret: &str, number: usize) -> String {
    let begins = secret.rfind('_').expect("a prefix") + 1;
    let mut forged = secret.to_owned();
    forged.replace_range(begins + 2..begins + ID_BODY, &format!("{number:016}"));
    with_checksum(&forged)
}

/// `secret` with the right id, other randomness, and a checksum that is right: a guess.
#[must_use]
pub fn guessed(secret: &str) -> String {
    let begins = secret.rfind('_').expect("a prefix") + 1 + ID_BODY;
    let mut forged = secret.to_owned();
    let other = if secret[begins..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(begins..=begins, other);
    with_checksum(&forged)
}

/// `secret` with one character of its checksum changed.
#[must_use]
pub fn with_broken_checksum(secret: &str) -> String {
    let other = if secret.ends_with('0') { "1" } else { "0" };
    format!("{}{other}", &secret[..secret.len() - 1])
}

/// `secret` with the checksum that belongs to it: CRC-32 in base 62, most significant digit first.
#[must_use]
pub fn with_checksum(secret: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let covered = &secret[..secret.len() - CHECKSUM];
    let mut rest = crc32fast::hash(covered.as_bytes()) as usize;
    let mut digits = Vec::new();
    for _ in 0..CHECKSUM {
        digits.insert(0, char::from(DIGITS[rest % 62]));
        rest /= 62;
    }
    covered.chars().chain(digits).collect()
}
