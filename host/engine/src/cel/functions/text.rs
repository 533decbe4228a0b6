//! Strings: what authors reach for of cel-go's strings extension, under its names. Positions count code points.

use cel::common::types::{CelInt, CelList, CelString, INT_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env};

use super::{Result, arg, error, for_each, string};

pub(super) fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
    let text = || STRING_TYPE;
    env.add_member_overload("lowerAscii", "string_lower_ascii", text(), vec![], |args| {
        Ok(owned(string(&args, 0)?.to_ascii_lowercase()))
    })?;
    env.add_member_overload("upperAscii", "string_upper_ascii", text(), vec![], |args| {
        Ok(owned(string(&args, 0)?.to_ascii_uppercase()))
    })?;
    env.add_member_overload("trim", "string_trim", text(), vec![], |args| {
        Ok(owned(string(&args, 0)?.trim().to_owned()))
    })?;
    env.add_member_overload("substring", "string_substring_int", text(), vec![INT_TYPE], substring)?;
    env.add_member_overload("substring", "string_substring_int_int", text(), vec![INT_TYPE, INT_TYPE], substring)?;
    env.add_member_overload("indexOf", "string_index_of_string", text(), vec![text()], |args| {
        let found = string(&args, 0)?.split_once(string(&args, 1)?);
        let place = found.map(|(before, _)| i64::try_from(before.chars().count()).unwrap_or(i64::MAX));
        Ok(CowVal::owned(CelInt::from(place.unwrap_or(-1))))
    })?;
    env.add_member_overload("replace", "string_replace_string_string", text(), vec![text(), text()], |args| {
        Ok(owned(string(&args, 0)?.replace(string(&args, 1)?, string(&args, 2)?)))
    })?;
    env.add_member_overload("split", "string_split_string", text(), vec![text()], split)?;
    env.add_member_overload("join", "list_join", LIST_TYPE, vec![], join)?;
    env.add_member_overload("join", "list_join_string", LIST_TYPE, vec![text()], join)
}

fn owned<'b, 'v>(text: String) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(text))
}

/// `text.substring(start)`, `text.substring(start, end)`: an error where they are not within the text.
fn substring<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let text = string(&args, 0)?;
    let wrong = || error("substring", "out of range");
    // the byte at a position in code points
    let place = |index: usize| -> Result<usize> {
        let position = arg(&args, index)?.downcast_ref::<CelInt>().map(|position| *position.inner());
        let position = position.and_then(|position| usize::try_from(position).ok()).ok_or_else(wrong)?;
        let mut bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        bytes.nth(position).ok_or_else(wrong)
    };
    let end = if args.len() > 2 { place(2)? } else { text.len() };
    Ok(owned(text.get(place(1)?..end).ok_or_else(wrong)?.to_owned()))
}

/// `text.split(separator)`: into code points where the separator is empty.
fn split<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let (text, separator) = (string(&args, 0)?, string(&args, 1)?);
    let boxed = |part: String| Box::new(CelString::from(part)) as Box<dyn Val + 'v>;
    let parts: Vec<Box<dyn Val + 'v>> = if separator.is_empty() {
        text.chars().map(|c| boxed(c.to_string())).collect()
    } else {
        text.split(separator).map(|part| boxed(part.to_owned())).collect()
    };
    Ok(CowVal::owned(CelList::from(parts)))
}

/// `list.join()`, `list.join(separator)`, for messages.
fn join<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let separator = if args.len() > 1 { string(&args, 1)? } else { "" };
    let mut joined = String::new();
    let mut first = true;
    for_each(arg(&args, 0)?, |item| {
        let text = item.downcast_ref::<CelString>().ok_or_else(|| error("join", "not a list of strings"))?;
        if !std::mem::take(&mut first) {
            joined.push_str(separator);
        }
        joined.push_str(text.inner());
        Ok(false)
    })?;
    Ok(owned(joined))
}
