//! Every operator and function: what it takes, what it gives, and what it costs. The one table that lowering, the type
//! check, the cost bound and the author's page (`policies/CEL.md`) go by.

use cel::common::ast::operators as op;

/// A parameter's type, or a result's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) enum Of {
    Bool,
    Int,
    Double,
    Text,
    Ip,
    Cidr,
    Time,
    Duration,
    Pattern,
    Texts,
    /// Any type, the same wherever it stands in one overload.
    A,
    ListOfA,
    MapOfA,
}

/// How it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) enum Form {
    /// `a + b`
    Operator,
    /// `f(x)`
    Function,
    /// `x.f(y)`: the target is the first parameter.
    Method,
}

/// What a call costs beyond its operands, and how large its result may be. `cost` says how much each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) enum Cost {
    /// Nothing that depends on sizes; a number or a truth.
    Flat,
    /// Compares its operands; a truth.
    Compare,
    /// Looks an item up in a list or map; a truth.
    Among,
    /// Puts two together.
    Concat,
    /// An item.
    Pick,
    /// One of two branches.
    Choose,
    /// Reads its texts once; a number or a truth.
    Read,
    /// Reads its text once and makes another, no longer.
    Rewrite,
    /// Prints: no longer than its text, or than a number is.
    Print,
    /// A text with every occurrence of another replaced.
    Replace,
    /// A list of the parts of a text.
    Split,
    /// A text of the items of a list.
    Join,
    /// Compares every item with every other; a truth.
    Pairs,
    /// Reads a network, or each of a list; a truth.
    Networks,
    /// Matches a compiled pattern; a truth.
    Match,
}

/// One way to call something.
#[derive(Debug)]
pub(in crate::cel) struct Overload {
    pub(in crate::cel) name: &'static str,
    pub(in crate::cel) form: Form,
    pub(in crate::cel) takes: &'static [Of],
    pub(in crate::cel) gives: Of,
    pub(in crate::cel) cost: Cost,
}

/// The ways to call a name.
pub(in crate::cel) fn named(name: &str, form: Form) -> impl Iterator<Item = &'static Overload> {
    OVERLOADS.iter().filter(move |overload| overload.name == name && overload.form == form)
}

/// Every name of a form, each once where its overloads stand together.
pub(in crate::cel) fn names(form: Form) -> impl Iterator<Item = &'static str> {
    OVERLOADS.iter().filter(move |overload| overload.form == form).map(|overload| overload.name)
}

macro_rules! overloads {
    ($($form:ident $name:expr => $($takes:ident)*, $gives:ident, $cost:ident;)*) => {
        &[$(Overload {
            name: $name,
            form: Form::$form,
            takes: &[$(Of::$takes),*],
            gives: Of::$gives,
            cost: Cost::$cost,
        }),*]
    };
}

pub(in crate::cel) const OVERLOADS: &[Overload] = overloads! {
    Operator op::CONDITIONAL => Bool A A, A, Choose;
    Operator op::LOGICAL_AND => Bool Bool, Bool, Flat;
    Operator op::LOGICAL_OR => Bool Bool, Bool, Flat;
    Operator op::NOT_STRICTLY_FALSE => Bool, Bool, Flat;
    // numbers compare with each other, as at run time; everything else with its own type
    Operator op::EQUALS => A A, Bool, Compare;
    Operator op::EQUALS => Int Double, Bool, Compare;
    Operator op::EQUALS => Double Int, Bool, Compare;
    Operator op::NOT_EQUALS => A A, Bool, Compare;
    Operator op::NOT_EQUALS => Int Double, Bool, Compare;
    Operator op::NOT_EQUALS => Double Int, Bool, Compare;
    Operator op::LESS => Int Int, Bool, Compare;
    Operator op::LESS => Int Double, Bool, Compare;
    Operator op::LESS => Double Int, Bool, Compare;
    Operator op::LESS => Double Double, Bool, Compare;
    Operator op::LESS => Text Text, Bool, Compare;
    Operator op::LESS => Bool Bool, Bool, Compare;
    Operator op::LESS => Time Time, Bool, Compare;
    Operator op::LESS => Duration Duration, Bool, Compare;
    Operator op::LESS_EQUALS => Int Int, Bool, Compare;
    Operator op::LESS_EQUALS => Int Double, Bool, Compare;
    Operator op::LESS_EQUALS => Double Int, Bool, Compare;
    Operator op::LESS_EQUALS => Double Double, Bool, Compare;
    Operator op::LESS_EQUALS => Text Text, Bool, Compare;
    Operator op::LESS_EQUALS => Bool Bool, Bool, Compare;
    Operator op::LESS_EQUALS => Time Time, Bool, Compare;
    Operator op::LESS_EQUALS => Duration Duration, Bool, Compare;
    Operator op::GREATER => Int Int, Bool, Compare;
    Operator op::GREATER => Int Double, Bool, Compare;
    Operator op::GREATER => Double Int, Bool, Compare;
    Operator op::GREATER => Double Double, Bool, Compare;
    Operator op::GREATER => Text Text, Bool, Compare;
    Operator op::GREATER => Bool Bool, Bool, Compare;
    Operator op::GREATER => Time Time, Bool, Compare;
    Operator op::GREATER => Duration Duration, Bool, Compare;
    Operator op::GREATER_EQUALS => Int Int, Bool, Compare;
    Operator op::GREATER_EQUALS => Int Double, Bool, Compare;
    Operator op::GREATER_EQUALS => Double Int, Bool, Compare;
    Operator op::GREATER_EQUALS => Double Double, Bool, Compare;
    Operator op::GREATER_EQUALS => Text Text, Bool, Compare;
    Operator op::GREATER_EQUALS => Bool Bool, Bool, Compare;
    Operator op::GREATER_EQUALS => Time Time, Bool, Compare;
    Operator op::GREATER_EQUALS => Duration Duration, Bool, Compare;
    Operator op::ADD => Int Int, Int, Concat;
    Operator op::ADD => Double Double, Double, Concat;
    Operator op::ADD => Text Text, Text, Concat;
    Operator op::ADD => ListOfA ListOfA, ListOfA, Concat;
    Operator op::ADD => Time Duration, Time, Concat;
    Operator op::ADD => Duration Time, Time, Concat;
    Operator op::ADD => Duration Duration, Duration, Concat;
    Operator op::SUBSTRACT => Int Int, Int, Flat;
    Operator op::SUBSTRACT => Double Double, Double, Flat;
    Operator op::SUBSTRACT => Time Time, Duration, Flat;
    Operator op::SUBSTRACT => Time Duration, Time, Flat;
    Operator op::SUBSTRACT => Duration Duration, Duration, Flat;
    Operator op::MULTIPLY => Int Int, Int, Flat;
    Operator op::MULTIPLY => Double Double, Double, Flat;
    Operator op::DIVIDE => Int Int, Int, Flat;
    Operator op::DIVIDE => Double Double, Double, Flat;
    Operator op::MODULO => Int Int, Int, Flat;
    Operator op::NEGATE => Int, Int, Flat;
    Operator op::NEGATE => Double, Double, Flat;
    Operator op::IN => A ListOfA, Bool, Among;
    Operator op::IN => Text MapOfA, Bool, Among;
    Operator op::INDEX => ListOfA Int, A, Pick;
    Operator op::INDEX => MapOfA Text, A, Pick;

    Function "size" => Text, Int, Read;
    Function "size" => ListOfA, Int, Read;
    Function "size" => MapOfA, Int, Read;
    Function "string" => Text, Text, Print;
    Function "string" => Bool, Text, Print;
    Function "string" => Int, Text, Print;
    Function "string" => Double, Text, Print;
    Function "string" => Time, Text, Print;
    Function "string" => Duration, Text, Print;
    Function "string" => Ip, Text, Print;
    Function "string" => Cidr, Text, Print;
    Function "int" => Int, Int, Read;
    Function "int" => Double, Int, Read;
    Function "int" => Text, Int, Read;
    Function "int" => Time, Int, Read;
    Function "double" => Double, Double, Read;
    Function "double" => Int, Double, Read;
    Function "double" => Text, Double, Read;
    Function "bool" => Bool, Bool, Read;
    Function "bool" => Text, Bool, Read;
    Function "timestamp" => Text, Time, Read;
    Function "timestamp" => Int, Time, Read;
    Function "duration" => Text, Duration, Read;
    Function "matches" => Text Pattern, Bool, Match;
    Function "ip" => Text, Ip, Read;
    Function "cidr" => Text, Cidr, Read;
    Function "isIP" => Text, Bool, Read;
    Function "isCIDR" => Text, Bool, Read;
    Function "sets.contains" => ListOfA ListOfA, Bool, Pairs;
    Function "sets.equivalent" => ListOfA ListOfA, Bool, Pairs;
    Function "sets.intersects" => ListOfA ListOfA, Bool, Pairs;

    Method "size" => Text, Int, Read;
    Method "size" => ListOfA, Int, Read;
    Method "size" => MapOfA, Int, Read;
    Method "contains" => Text Text, Bool, Read;
    Method "startsWith" => Text Text, Bool, Compare;
    Method "endsWith" => Text Text, Bool, Compare;
    Method "matches" => Text Pattern, Bool, Match;
    Method "lowerAscii" => Text, Text, Rewrite;
    Method "upperAscii" => Text, Text, Rewrite;
    Method "trim" => Text, Text, Rewrite;
    Method "substring" => Text Int, Text, Rewrite;
    Method "substring" => Text Int Int, Text, Rewrite;
    Method "indexOf" => Text Text, Int, Read;
    Method "replace" => Text Text Text, Text, Replace;
    Method "split" => Text Text, Texts, Split;
    Method "join" => Texts, Text, Join;
    Method "join" => Texts Text, Text, Join;
    Method "containsIP" => Cidr Text, Bool, Networks;
    Method "containsIP" => Cidr Ip, Bool, Networks;
    Method "containsIP" => Texts Text, Bool, Networks;
    Method "containsIP" => Texts Ip, Bool, Networks;
    Method "containsCIDR" => Cidr Text, Bool, Networks;
    Method "containsCIDR" => Cidr Cidr, Bool, Networks;
    Method "containsCIDR" => Texts Text, Bool, Networks;
    Method "containsCIDR" => Texts Cidr, Bool, Networks;
    Method "family" => Ip, Int, Flat;
    Method "isUnspecified" => Ip, Bool, Flat;
    Method "isLoopback" => Ip, Bool, Flat;
    Method "isLinkLocalMulticast" => Ip, Bool, Flat;
    Method "isLinkLocalUnicast" => Ip, Bool, Flat;
    Method "isGlobalUnicast" => Ip, Bool, Flat;
    Method "ip" => Cidr, Ip, Flat;
    Method "masked" => Cidr, Cidr, Flat;
    Method "prefixLength" => Cidr, Int, Flat;
    Method "getFullYear" => Time, Int, Flat;
    Method "getFullYear" => Time Text, Int, Read;
    Method "getMonth" => Time, Int, Flat;
    Method "getMonth" => Time Text, Int, Read;
    Method "getDate" => Time, Int, Flat;
    Method "getDate" => Time Text, Int, Read;
    Method "getDayOfMonth" => Time, Int, Flat;
    Method "getDayOfMonth" => Time Text, Int, Read;
    Method "getDayOfWeek" => Time, Int, Flat;
    Method "getDayOfWeek" => Time Text, Int, Read;
    Method "getDayOfYear" => Time, Int, Flat;
    Method "getDayOfYear" => Time Text, Int, Read;
    Method "getHours" => Time, Int, Flat;
    Method "getHours" => Time Text, Int, Read;
    Method "getHours" => Duration, Int, Flat;
    Method "getMinutes" => Time, Int, Flat;
    Method "getMinutes" => Time Text, Int, Read;
    Method "getMinutes" => Duration, Int, Flat;
    Method "getSeconds" => Time, Int, Flat;
    Method "getSeconds" => Time Text, Int, Read;
    Method "getSeconds" => Duration, Int, Flat;
};
