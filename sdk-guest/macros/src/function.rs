//! What `#[policy]` must know of the function that it stands on.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;

/// A policy's function.
pub(crate) struct Function {
    /// What it is called.
    pub(crate) name: Ident,
    /// Its doc comment.
    pub(crate) description: String,
    /// The type of its settings, if it takes any.
    pub(crate) settings: Option<TokenStream>,
}

impl Function {
    /// Reads it; on failure, a `compile_error!` at the place.
    pub(crate) fn read(arguments: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        if let Some(argument) = arguments.into_iter().next() {
            return Err(error(argument.span(), "`#[policy]` takes no arguments"));
        }
        let mut description = Vec::new();
        let mut tokens = item.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = tokens.next() {
                        description.extend(doc_line(&attribute));
                    }
                }
                TokenTree::Ident(word) if *word == "async" || *word == "unsafe" => {
                    return Err(error(word.span(), "a policy is a plain function: neither async nor unsafe"));
                }
                TokenTree::Ident(word) if *word == "fn" => {
                    let (Some(TokenTree::Ident(name)), Some(next)) = (tokens.next(), tokens.next()) else { break };
                    let TokenTree::Group(parameters) = next else {
                        return Err(error(next.span(), "a policy's function is not generic"));
                    };
                    let description = description.join("\n").trim().to_owned();
                    if description.is_empty() {
                        let message =
                            "say in a doc comment what the policy does: it is what the host describes it with";
                        return Err(error(name.span(), message));
                    }
                    return Ok(Self { settings: settings(&name, parameters.stream())?, name, description });
                }
                _ => {}
            }
        }
        Err(error(Span::call_site(), "`#[policy]` stands on a function"))
    }
}

/// The type of the second parameter, without its `&`.
fn settings(name: &Ident, parameters: TokenStream) -> Result<Option<TokenStream>, TokenStream> {
    let mut kinds = split(parameters).into_iter();
    let takes = "a policy's function takes `facts: &Facts` and, if it has any, `settings: &Settings`";
    let (Some(_facts), settings, None) = (kinds.next(), kinds.next(), kinds.next()) else {
        return Err(error(name.span(), takes));
    };
    let Some(settings) = settings else { return Ok(None) };
    let mut kind = settings
        .into_iter()
        .skip_while(|token| !matches!(token, TokenTree::Punct(colon) if colon.as_char() == ':'))
        .skip(1);
    match kind.next() {
        Some(TokenTree::Punct(and)) if and.as_char() == '&' => Ok(Some(kind.collect())),
        _ => Err(error(name.span(), takes)),
    }
}

/// Parameters, parted at the commas that are not within `<…>`.
fn split(parameters: TokenStream) -> Vec<TokenStream> {
    let (mut parts, mut part, mut depth) = (Vec::new(), TokenStream::new(), 0_usize);
    for token in parameters {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' && depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        part.extend([token]);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// The text of `[doc = "…"]`.
fn doc_line(attribute: &Group) -> Option<String> {
    let mut tokens = attribute.stream().into_iter();
    match (attribute.delimiter(), tokens.next()?, tokens.next()?, tokens.next()?) {
        (Delimiter::Bracket, TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Literal(text))
            if word == "doc" =>
        {
            Some(unquote(&text.to_string()))
        }
        _ => None,
    }
}

/// The text of a string literal as it stands in the source.
fn unquote(literal: &str) -> String {
    if let Some(raw) = literal.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw).trim().to_owned();
    }
    let inner = literal.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(literal);
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })),
            letter => text.push(letter),
        }
    }
    text.trim().to_owned()
}

fn error(span: Span, message: &str) -> TokenStream {
    quote_spanned!(span=> ::core::compile_error!(#message);)
}
