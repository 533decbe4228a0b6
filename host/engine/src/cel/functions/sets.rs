//! Lists as sets, in cel-go's spelling.

use cel::common::types::LIST_TYPE;
use cel::common::value::Val;
use cel::{DeclarationError, Env};

use super::{Result, arg, for_each, not_a_list, truth};

pub(super) fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
    let list = || LIST_TYPE;
    env.add_overload("sets.contains", "list_sets_contains", vec![list(), list()], |args| {
        Ok(truth(holds_all(arg(&args, 0)?, arg(&args, 1)?)?))
    })?;
    env.add_overload("sets.equivalent", "list_sets_equivalent", vec![list(), list()], |args| {
        let (a, b) = (arg(&args, 0)?, arg(&args, 1)?);
        Ok(truth(holds_all(a, b)? && holds_all(b, a)?))
    })?;
    env.add_overload("sets.intersects", "list_sets_intersects", vec![list(), list()], |args| {
        let container = arg(&args, 1)?.as_container().ok_or_else(not_a_list)?;
        for_each(arg(&args, 0)?, |item| container.contains(item)).map(truth)
    })
}

fn holds_all(list: &dyn Val, wanted: &dyn Val) -> Result<bool> {
    let container = list.as_container().ok_or_else(not_a_list)?;
    for_each(wanted, |item| Ok(!container.contains(item)?)).map(|missing| !missing)
}
