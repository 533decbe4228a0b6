//! What the profile adds to CEL's own functions, one file per subject. What each takes and gives stands in
//! `types/overloads.rs`; a test holds that each of those rows can be evaluated.

pub(super) mod net;
mod sets;
mod text;
pub(super) mod time;

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelString, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{Context, DeclarationError, Env, ExecutionError};

use super::regexes::Pattern;

type Result<T> = std::result::Result<T, ExecutionError>;

/// The context that every evaluation's scope hangs from: functions, no variables.
pub(super) fn root() -> &'static Context<'static, 'static> {
    static ROOT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        // A declaration that clashed would leave its function out, and evaluations that call it would err, which denies.
        // A test holds that none does.
        let _ = declare(&mut env);
        Context::with_env(Arc::new(env))
    });
    &ROOT
}

fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
    net::declare(env)?;
    sets::declare(env)?;
    text::declare(env)?;
    time::declare(env)?;
    let pattern = || Pattern::cel_type().to_owned();
    env.add_overload("matches", "matches_pattern", vec![STRING_TYPE, pattern()], matches)?;
    env.add_member_overload("matches", "string_matches_pattern", STRING_TYPE, vec![pattern()], matches)
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let pattern = arg(&args, 1)?.downcast_ref::<Pattern>().ok_or_else(|| error("matches", "not a pattern"))?;
    Ok(truth(pattern.is_match(string(&args, 0)?)))
}

/// Visits a list's items until one answers true.
fn for_each(list: &dyn Val, mut visit: impl FnMut(&dyn Val) -> Result<bool>) -> Result<bool> {
    let mut items = list.as_iterable().ok_or_else(not_a_list)?.iter();
    while let Some(item) = items.next() {
        if visit(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn arg<'s, 'b, 'v>(args: &'s [CowVal<'b, 'v>], index: usize) -> Result<&'s (dyn Val + 'v)> {
    args.get(index).map(|arg| &**arg).ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn string<'s>(args: &'s [CowVal<'_, '_>], index: usize) -> Result<&'s str> {
    let text = arg(args, index)?.downcast_ref::<CelString>().ok_or_else(|| error("string", "not a string"))?;
    Ok(text.inner())
}

fn truth<'b, 'v>(truth: bool) -> CowVal<'b, 'v> {
    CowVal::Borrowed(if truth { &super::values::TRUE } else { &super::values::FALSE })
}

/// Never says what the value was.
fn error(function: &str, message: &str) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

fn not_a_list() -> ExecutionError {
    error("list", "not a list")
}

/// A small type of our own as a CEL value, with what it can do beside being compared for equality.
macro_rules! plain_value {
    ($type:ident, $name:literal $(, $($can:ident)*)?) => {
        impl cel::common::value::Val for $type {
            fn get_type(&self) -> &cel::common::types::Type {
                Self::cel_type()
            }

            fn cel_type() -> &'static cel::common::types::Type {
                static TYPE: cel::common::types::Type = cel::common::types::Type::new_unspecified_type($name);
                &TYPE
            }

            fn equals(&self, other: &dyn cel::common::value::Val) -> bool {
                other.downcast_ref::<Self>().is_some_and(|other| self == other)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn cel::common::value::Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }

            $($($crate::cel::functions::plain_value!(@$can);)*)?
        }

        impl cel::common::value::StaticVal for $type {}
    };
    (@comparer) => {
        fn as_comparer(&self) -> Option<&dyn cel::common::traits::Comparer> {
            Some(self)
        }
    };
    (@adder) => {
        fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn cel::common::traits::Adder + 'v)>
        where
            Self: 'v,
        {
            Some(self)
        }
    };
    (@subtractor) => {
        fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn cel::common::traits::Subtractor + 'v)>
        where
            Self: 'v,
        {
            Some(self)
        }
    };
}
pub(super) use plain_value;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_do_not_clash() {
        assert_eq!(declare(&mut Env::stdlib()), Ok(()));
    }
}
