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

/// Patterns (`matches`) of a module.
pub const PATTERNS: usize = 16;

/// Bytes that a pattern may compile to.
pub const PATTERN_BYTES: usize = 32 << 10;

/// Groups of a pattern within each other.
pub const PATTERN_DEPTH: u32 = 24;

/// Bytes of working memory while a pattern matches.
pub(crate) const PATTERN_CACHE_BYTES: usize = 256 << 10;

/// Steps that one evaluation may cost at most, by the bound worked out at the gate from the sizes below. A step is about
/// one node evaluated or 16 bytes read.
pub const STEPS: u64 = 250_000;

/// Steps that all CEL policies of a tenant may cost together in one decision; those in monitor mode are counted apart.
pub const SET_STEPS: u64 = 1_000_000;

/// Bytes that all policies of a tenant may take together while they are loaded, on either engine, mostly of compiled code.
pub const SET_BYTES: u64 = 16 << 20;

/// Bytes of the facts of one decision. What the bound assumes of them is at least what a catalog may allow.
pub const FACTS_BYTES: usize = 64 << 10;

/// Bytes of `request.path`, as policies are given it.
pub const PATH_BYTES: usize = 8 << 10;

/// Bytes of any other string of the facts, as policies are given it.
pub const NAME_BYTES: usize = 4 << 10;

/// Networks of an allow-list, and organizations of a gateway.
pub const NETWORKS: usize = 256;

/// Scopes or roles of a principal.
pub const GRANTED: usize = 128;

/// Items of any other list of the facts.
pub const NAMES: usize = 64;

/// Bytes of a free attribute's or setting's string.
pub const ATTRIBUTE_BYTES: usize = 1 << 10;

/// Items of a free attribute's or setting's list.
pub const ATTRIBUTE_ITEMS: usize = 32;

/// Findings that a refusal lists; an author mends those first.
pub const FINDINGS: usize = 20;

/// Stack of the thread that parses and verifies, WebAssembly too. The chains of `tests/chains.rs` need less than 512 KiB of it in the dev
/// profile, so this is more than a hundred times what is needed; a page that is never touched costs nothing.
pub(crate) const GATE_STACK_BYTES: usize = 64 << 20;
