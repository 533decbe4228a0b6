//! What an evaluation may cost at most, from the source and the largest facts, before there is any evaluation.
//!
//! Every part of an expression has a bound on its work and on the size of what it comes to. Work is counted in units, of
//! which [`UNITS`] make a step. What a size is bounded by is enforced: larger facts are an error to the policy.
//!
//! A comprehension's body is bounded twice: for an empty item, and for an item that holds all the text of its list. All
//! bounds are convex in the sizes they are made of (sums, products and maxima of what only grows), so that no list of
//! `n` strings with `t` bytes in all costs more than `n` bodies for empty items and one for an item of `t` bytes.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators as op};

use super::limits;
use super::regexes::Pattern;
use super::schema::{self, Kind};
use super::slot::{Declared, Slot};
use super::types::form;
use super::types::overloads::{self, Cost};
use crate::manifest::AttributeType;

/// Units of a step: a node evaluated.
const UNITS: u64 = 256;
/// Comparing a byte with another.
const COMPARED: u64 = 1;
/// Reading or copying a byte.
const READ: u64 = 16;
/// Comparing a value of a list, its text not counted.
const LOOKED_AT: u64 = 32;
/// Making a value of a list, its text not counted.
const VALUE: u64 = 64;
/// Reading a network or address out of its text. What is longer than any is found out as soon.
const NETWORK: u64 = 2 * UNITS;
/// Bytes of a printed number, time, address or network at most.
const PRINTED: u64 = 64;

/// How large a value may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Size {
    /// Bytes of text in it, at any depth.
    pub(super) bytes: u64,
    /// Values in it, at any depth; itself at least.
    pub(super) values: u64,
    /// Items, where it is a list or map.
    pub(super) items: u64,
    /// Whether its text is its own, so that a copy of it copies that. Facts are borrowed.
    owned: bool,
    /// Its largest item.
    each: Option<Box<Size>>,
}

/// A bound: work in units, and the size of what comes of it.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    units: u64,
    pub(super) size: Size,
}

impl Bound {
    /// In whole steps, rounded up.
    pub(super) fn steps(&self) -> u64 {
        self.units.div_ceil(UNITS)
    }
}

impl Size {
    const SCALAR: Self = Self { bytes: 0, values: 1, items: 0, owned: false, each: None };

    fn text(bytes: u64) -> Self {
        Self { bytes, owned: true, ..Self::SCALAR }
    }

    /// A list of `items`, each at most so large, with so many bytes in all.
    fn list(items: u64, bytes: u64, each: Size) -> Self {
        let values = items.saturating_mul(each.values).saturating_add(1);
        Self { bytes, values, items, owned: each.owned, each: Some(Box::new(each)) }
    }

    fn item(&self) -> Self {
        self.each.as_deref().cloned().unwrap_or(Self::SCALAR)
    }

    /// As large as either, in every respect.
    fn or(&self, other: &Self) -> Self {
        let each = match (&self.each, &other.each) {
            (Some(a), Some(b)) => Some(Box::new(a.or(b))),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        Self {
            bytes: self.bytes.max(other.bytes),
            values: self.values.max(other.values),
            items: self.items.max(other.items),
            owned: self.owned || other.owned,
            each,
        }
    }

    fn copied(&self) -> u64 {
        let text = if self.owned { READ.saturating_mul(self.bytes) } else { 0 };
        text.saturating_add(VALUE.saturating_mul(self.values))
    }

    fn compared(&self) -> u64 {
        COMPARED.saturating_mul(self.bytes).saturating_add(LOOKED_AT.saturating_mul(self.values))
    }
}

/// Bounds expressions of one module.
pub(super) struct Bounds<'l> {
    pub(super) declared: &'l [Declared],
    pub(super) patterns: &'l [Pattern],
    locals: Vec<(&'l str, Size)>,
}

impl<'l> Bounds<'l> {
    pub(super) fn new(declared: &'l [Declared], patterns: &'l [Pattern]) -> Self {
        Self { declared, patterns, locals: Vec::new() }
    }

    /// Bounds a lowered and checked expression. Recurses as deep as it, twice in the body of a comprehension, which nest no
    /// deeper than [`limits::COMPREHENSION_DEPTH`].
    pub(super) fn of(&mut self, expr: &'l IdedExpr) -> Bound {
        match &expr.expr {
            Expr::Literal(LiteralValue::String(text)) => Bound { units: UNITS, size: Size::text(length(text.inner())) },
            Expr::Literal(_) | Expr::Unspecified => Bound { units: UNITS, size: Size::SCALAR },
            Expr::Ident(name) => self.named(name),
            Expr::List(list) => self.made(&list.elements, 0),
            Expr::Map(map) => {
                let pairs = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(pair) => Some(pair),
                    EntryExpr::StructField(_) => None,
                });
                let keys = pairs.clone().map(|pair| match &pair.key.expr {
                    Expr::Literal(LiteralValue::String(key)) => length(key.inner()),
                    _ => 0,
                });
                self.made(pairs.map(|pair| &pair.value), keys.sum())
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            // lowering leaves none of these
            Expr::Select(_) | Expr::Struct(_) => Bound { units: u64::MAX, size: Size::SCALAR },
        }
    }

    /// A list or map literal, whose parts are copied into it.
    fn made(&mut self, parts: impl IntoIterator<Item = &'l IdedExpr>, keys: u64) -> Bound {
        let mut size = Size { bytes: keys, ..Size::SCALAR };
        let mut units = UNITS.saturating_add(READ.saturating_mul(keys));
        for part in parts {
            let part = self.of(part);
            units = units.saturating_add(part.units).saturating_add(part.size.copied());
            size.bytes = size.bytes.saturating_add(part.size.bytes);
            size.values = size.values.saturating_add(part.size.values);
            size.items += 1;
            size.owned |= part.size.owned;
            size.each = Some(Box::new(size.each.map_or(part.size.clone(), |each| each.or(&part.size))));
        }
        Bound { units, size }
    }

    fn named(&self, name: &str) -> Bound {
        if let Some((_, local)) = self.locals.iter().rev().find(|(local, _)| *local == name) {
            return Bound { units: UNITS, size: local.clone() };
        }
        let text = |bytes: usize| Size { owned: false, ..Size::text(number(bytes)) };
        let texts = |items: usize, bytes: usize, all: usize| Size::list(number(items), number(all), text(bytes));
        let size = match Slot::decode(name) {
            Some(Slot::Fact(row)) => match schema::row(row).map(|row| (row.kind, row.most())) {
                Some((Kind::Text, most)) => text(most),
                Some((Kind::Texts, most)) => texts(most, limits::FACTS_BYTES, limits::FACTS_BYTES),
                _ => Size::SCALAR,
            },
            Some(Slot::Attribute(index)) => match self.declared.get(index).map(|declared| declared.kind) {
                Some(AttributeType::String) => text(limits::ATTRIBUTE_BYTES),
                Some(AttributeType::Strings) => {
                    let (items, bytes) = (limits::ATTRIBUTE_ITEMS, limits::ATTRIBUTE_BYTES);
                    texts(items, bytes, items * bytes)
                }
                _ => Size::SCALAR,
            },
            _ => Size::SCALAR,
        };
        // a list of the facts is looked over, and made into CEL's own
        let made = 2u64.saturating_mul(VALUE).saturating_mul(size.items);
        Bound { units: UNITS.saturating_add(made), size }
    }

    fn call(&mut self, call: &'l CallExpr) -> Bound {
        let args: Vec<Bound> = call.target.as_deref().into_iter().chain(&call.args).map(|arg| self.of(arg)).collect();
        let cost = overloads::named(&call.func_name, form(call)).next().map(|overload| overload.cost);
        let own = match cost {
            Some(cost) => self.own(cost, call, &args),
            None => Bound { units: u64::MAX, size: Size::SCALAR },
        };
        let operands = match (cost, args.as_slice()) {
            (Some(Cost::Choose), [condition, then, otherwise]) => {
                condition.units.saturating_add(then.units.max(otherwise.units))
            }
            _ => args.iter().fold(0, |sum: u64, arg| sum.saturating_add(arg.units)),
        };
        Bound { units: operands.saturating_add(own.units).saturating_add(UNITS), size: own.size }
    }

    /// What a call costs beside its operands, and the size of what it gives.
    fn own(&self, cost: Cost, call: &CallExpr, args: &[Bound]) -> Bound {
        let at = |place: usize| args.get(place).map_or(Size::SCALAR, |arg| arg.size.clone());
        let bytes = args.iter().fold(0, |sum: u64, arg| sum.saturating_add(arg.size.bytes));
        let read = READ.saturating_mul(bytes);
        let scalar = |units| Bound { units, size: Size::SCALAR };
        match cost {
            Cost::Flat => scalar(0),
            Cost::Compare => scalar(args.iter().fold(0, |sum: u64, arg| sum.saturating_add(arg.size.compared()))),
            Cost::Among => scalar(at(0).compared().saturating_add(at(1).compared())),
            Cost::Read => scalar(read),
            Cost::Networks => {
                let networks = at(0).items.max(1).saturating_add(1);
                scalar(NETWORK.saturating_mul(networks))
            }
            Cost::Pairs => {
                let (a, b) = (at(0), at(1));
                let values = LOOKED_AT.saturating_mul(a.values).saturating_mul(b.values);
                // only texts of one length are compared, so each of one list meets no more than the other's text
                let all = COMPARED.saturating_mul(a.bytes).saturating_mul(b.items);
                let ways = if call.func_name == "sets.equivalent" { 2 } else { 1 };
                scalar(values.saturating_add(all).saturating_mul(ways))
            }
            Cost::Match => {
                let compiled = call.args.last().and_then(|pattern| match &pattern.expr {
                    Expr::Ident(name) => Slot::decode(name),
                    _ => None,
                });
                let compiled = match compiled {
                    Some(Slot::Pattern(index)) => self.patterns.get(index).map(|pattern| pattern.size),
                    _ => None,
                };
                // every state of the pattern may have to be looked at for every byte
                scalar(compiled.unwrap_or(u64::MAX).saturating_mul(bytes.saturating_add(1)))
            }
            Cost::Pick => Bound { units: 0, size: at(0).item() },
            Cost::Choose => Bound { units: 0, size: at(1).or(&at(2)) },
            Cost::Concat => {
                let (a, b) = (at(0), at(1));
                let each = match (&a.each, &b.each) {
                    (Some(x), Some(y)) => Some(Box::new(x.or(y))),
                    (x, y) => x.clone().or_else(|| y.clone()),
                };
                let items = a.items.saturating_add(b.items);
                let values = if items == 0 { 1 } else { a.values.saturating_add(b.values) };
                let owned = items == 0 || a.owned || b.owned;
                let size = Size { bytes, values, items, owned, each };
                Bound { units: size.copied(), size }
            }
            Cost::Rewrite => Bound { units: read.saturating_mul(2), size: Size::text(at(0).bytes) },
            Cost::Print => {
                let size = Size::text(bytes.saturating_add(PRINTED));
                Bound { units: size.copied(), size }
            }
            Cost::Replace => {
                // what is replaced may be nothing, which stands before and after every character
                let made = at(0).bytes.saturating_add(1).saturating_mul(at(2).bytes).saturating_add(at(0).bytes);
                Bound { units: read.saturating_add(READ.saturating_mul(made)), size: Size::text(made) }
            }
            Cost::Split => {
                let all = at(0).bytes;
                let size = Size::list(all.saturating_add(1), all, Size::text(all));
                Bound { units: read.saturating_add(size.copied()), size }
            }
            Cost::Join => {
                let separators = at(0).items.saturating_mul(at(1).bytes);
                let size = Size::text(at(0).bytes.saturating_add(separators));
                Bound { units: READ.saturating_mul(size.bytes).saturating_add(at(0).copied()), size }
            }
        }
    }

    fn comprehension(&mut self, c: &'l ComprehensionExpr) -> Bound {
        let range = self.of(&c.iter_range);
        let start = self.of(&c.accu_init);
        let items = range.size.items;
        let largest = range.size.item();
        // bounds for one item alone; the body appends to the list so far, or makes the next scalar
        let (appended, filters) = appended(c);
        let mut body = |item: Size| {
            self.locals.push((&c.iter_var, item.clone()));
            self.locals.push((&c.accu_var, Size::SCALAR));
            let condition = self.of(&c.loop_cond);
            let step = self.of(&c.loop_step);
            let made = appended.map(|appended| self.of(appended).size);
            self.locals.truncate(self.locals.len().saturating_sub(2));
            let copied = item.copied().saturating_add(made.as_ref().map_or(0, Size::copied));
            let units = condition.units.saturating_add(step.units).saturating_add(copied).saturating_add(4 * UNITS);
            (units, made)
        };
        // all the text of the list in one item, and none in the others; what is no string is at its largest every time
        let (units, made) = if largest.items == 0 {
            let (least, empty) = body(Size { bytes: 0, ..largest.clone() });
            let (most, full) = body(Size { bytes: range.size.bytes, ..largest.clone() });
            let (_, each) = body(largest);
            let units = least.saturating_mul(items).saturating_add(most);
            let made = each.map(|each| {
                let bytes = |size: &Option<Size>| size.as_ref().map_or(0, |size| size.bytes);
                let all = bytes(&empty).saturating_mul(items).saturating_add(bytes(&full));
                Size::list(items, if filters { range.size.bytes } else { all }, each)
            });
            (units, made)
        } else {
            let (units, made) = body(largest);
            let made = made.map(|each| Size::list(items, each.bytes.saturating_mul(items), each));
            (units.saturating_mul(items), made)
        };
        let all = [range.units, start.units, units, 2 * UNITS].into_iter().fold(0, u64::saturating_add);
        Bound { units: all, size: made.unwrap_or(start.size) }
    }
}

/// What a comprehension that makes a list appends for an item, and whether that is the item itself.
fn appended(c: &ComprehensionExpr) -> (Option<&IdedExpr>, bool) {
    if !matches!(c.accu_init.expr, Expr::List(_)) {
        return (None, false);
    }
    let mut step = &c.loop_step;
    loop {
        let Expr::Call(CallExpr { func_name, args, .. }) = &step.expr else { return (None, false) };
        match (func_name.as_str(), args.as_slice()) {
            (op::CONDITIONAL, [_, then, _]) => step = then,
            (op::ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) => {
                let item = list.elements.first();
                let itself = item.is_some_and(|item| matches!(&item.expr, Expr::Ident(name) if *name == c.iter_var));
                return (item, itself);
            }
            _ => return (None, false),
        }
    }
}

fn length(text: &str) -> u64 {
    number(text.len())
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
