//! The first look at a source: its tokens, counted without recursion, before a recursive parser sees it.

use cel::parser::pratt_parser::{Lexer, TokenKind};

use super::limits;
use crate::error::{GateErrorKind, Position};
use crate::text::{is_disguising, look_alike};

/// How far into a question `has(…)` the last token is.
#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Named,
    Inside,
}

/// Refuses what is too large or too deep to be parsed in bounded stack and time, and what the tree would not show.
pub(crate) fn scan(source: &str) -> Result<(), (Option<Position>, GateErrorKind)> {
    let at = |offset: usize| Some(Position::of(source, offset));
    if source.len() > limits::SOURCE_BYTES {
        let kind = GateErrorKind::FileTooLarge { size: source.len(), limit: limits::SOURCE_BYTES };
        return Err((at(limits::SOURCE_BYTES), kind));
    }
    let disguising = |c: char| is_disguising(c) || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    if let Some((offset, c)) = source.char_indices().find(|(_, c)| disguising(*c)) {
        return Err((at(offset), GateErrorKind::DisguisingCharacter(c.into())));
    }
    let mut lexer = Lexer::new(source);
    let (mut tokens, mut depth, mut conditionals) = (0usize, 0usize, 0usize);
    let mut asked = Asked::Nothing;
    loop {
        let token = lexer.lex();
        let over = |what, limit| Err((at(token.start), GateErrorKind::Limit { what, limit }));
        match token.kind {
            TokenKind::TokEnd => return Ok(()),
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            // the parser recovers from such tokens, at a risk that is not worth it
            TokenKind::TokError => {
                if let Some(c) =
                    source.get(token.start..).and_then(|rest| rest.chars().find(|c| !c.is_ascii_whitespace()))
                    && !c.is_ascii()
                {
                    return Err((at(token.start), GateErrorKind::ForeignCharacter(c.into())));
                }
                let message = lexer.get_error().map_or("the expression does not parse", |e| e.message.as_str());
                return Err((at(token.start), GateErrorKind::Syntax(message.to_owned())));
            }
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => depth += 1,
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                depth = depth.saturating_sub(1);
            }
            TokenKind::TokQuestion => conditionals += 1,
            TokenKind::TokString => {
                let text = source.get(token.start..token.end).unwrap_or_default();
                if let Some((offset, c)) = look_alike(text) {
                    return Err((at(token.start + offset), GateErrorKind::LookAlike(c.into())));
                }
            }
            _ => {}
        }
        // the parser makes one question of such two
        asked = match (asked, source.get(token.start..token.end)) {
            (Asked::Inside, Some("has")) => {
                let message =
                    "`has(…)` is no fact, so asking whether it is stated tells nothing; take one of the two out";
                return Err((at(token.start), GateErrorKind::OutsideProfile(message.to_owned())));
            }
            (_, Some("has")) => Asked::Named,
            (Asked::Named | Asked::Inside, Some("(")) => Asked::Inside,
            _ => Asked::Nothing,
        };
        tokens += 1;
        if depth > limits::BRACKET_DEPTH {
            return over("brackets within each other", limits::BRACKET_DEPTH);
        }
        if conditionals > limits::CONDITIONALS {
            return over("conditionals", limits::CONDITIONALS);
        }
        if tokens > limits::TOKENS {
            return over("tokens", limits::TOKENS);
        }
    }
}
