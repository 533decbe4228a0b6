//! Every limit of the verified profile, in one place. Each has a test with an input that breaks it.

/// Bytes of source.
pub const SOURCE_BYTES: usize = 16 << 10;

/// Tokens of source, comments and white space not counted.
pub const TOKENS: usize = 3_000;

/// Brackets of any kind within each other.
pub const BRACKET_DEPTH: usize = 24;

/// Conditionals (`? :`) of a module.
pub const CONDITIONALS: usize = 100;

/// Nodes of a module's expression tree, with its macros expanded.
pub const NODES: usize = 3_000;

/// Depth of the tree of one condition or message. Chains such as `a + 1 + 1`, `x[0][0]` and `!!x` are as deep as they
/// are long; `&&` and `||` are not.
pub const EXPRESSION_DEPTH: usize = 40;

/// Comprehensions (`exists`, `all`, `map`, …) within each other.
pub const COMPREHENSION_DEPTH: usize = 2;

/// Findings that a refusal lists; an author mends those first.
pub const FINDINGS: usize = 20;

/// Stack of the thread that parses and verifies.
pub(crate) const GATE_STACK_BYTES: usize = 64 << 20;
