//! Names: paths of facts and declared attributes, found or refused with a suggestion.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue};

use super::lower::Lowering;
use super::schema::{self, Kind};
use super::slot::{Place, Slot};
use crate::error::GateErrorKind;
use crate::text::closest;

const PLACES: [Place; 3] = [Place::Context, Place::Resource, Place::Settings];

impl Lowering {
    /// `a.b.c`, or `has(a.b.c)`.
    pub(super) fn path(&mut self, id: u64, mut segments: Vec<String>, test: bool) -> IdedExpr {
        if let Some(local) = segments.first().filter(|first| self.locals.contains(first)) {
            if segments.len() == 1 {
                return IdedExpr { id, expr: Expr::Ident(local.clone()) };
            }
            let message = format!("`{local}` is an item of a list and has no fields");
            return self.outside(id, &message);
        }
        let written = segments.join(".");
        if segments.first().is_some_and(|first| first == "facts") {
            segments.remove(0);
        }
        let path = segments.join(".");
        let slot = match self.resolve(&path, &written, test) {
            Ok(slot) => slot,
            Err(kind) => return self.stop(id, kind),
        };
        IdedExpr { id, expr: Expr::Ident(slot.encode()) }
    }

    fn resolve(&self, path: &str, written: &str, test: bool) -> Result<Slot, GateErrorKind> {
        if let Some((index, row)) = schema::find(path) {
            return match row.kind {
                _ if test && !row.optional => Err(GateErrorKind::OutsideProfile(match row.optional_record() {
                    Some(record) => format!("`{written}` is stated where its record is; ask `has(facts.{record})`"),
                    None => format!("`{written}` is always stated, so asking `has(…)` tells nothing; take it out"),
                })),
                _ if test => Ok(Slot::FactStated(index)),
                Kind::Record | Kind::Attributes => Err(no_value(written)),
                Kind::Int | Kind::Text | Kind::Texts => Ok(Slot::Fact(index)),
            };
        }
        if matches!(path, "" | "settings") {
            return Err(no_value(written));
        }
        for place in PLACES {
            if let Some(name) = path.strip_prefix(place.prefix()).and_then(|rest| rest.strip_prefix('.')) {
                return self.attribute(place, name, test).ok_or_else(|| self.undeclared(place, name, written));
            }
        }
        let root = path.split('.').next().unwrap_or_default();
        if schema::find(root).is_some() {
            let suggestion = closest(path, schema::ROWS.iter().map(|row| row.path));
            return Err(GateErrorKind::UnknownField { name: written.to_owned(), suggestion });
        }
        let mut known: Vec<&str> = schema::roots().collect();
        known.extend(self.locals.iter().map(String::as_str));
        Err(GateErrorKind::UnknownVariable { name: root.to_owned(), suggestion: closest(root, known) })
    }

    fn attribute(&self, place: Place, name: &str, test: bool) -> Option<Slot> {
        let index = self.declared.iter().position(|declared| declared.place == place && declared.name == name)?;
        Some(if test { Slot::AttributeStated(index) } else { Slot::Attribute(index) })
    }

    fn undeclared(&self, place: Place, name: &str, written: &str) -> GateErrorKind {
        let siblings = self.declared.iter().filter(|declared| declared.place == place);
        match closest(name, siblings.map(|declared| declared.name.as_str())) {
            Some(suggestion) => GateErrorKind::UnknownField { name: written.to_owned(), suggestion: Some(suggestion) },
            None => GateErrorKind::UndeclaredAttribute(written.to_owned()),
        }
    }

    /// The slot of `context["name"]` and the like, where `of` is such a map and `name` a literal. `None` where `of` is
    /// something else.
    pub(super) fn keyed(&mut self, of: &IdedExpr, key: &IdedExpr, test: bool) -> Option<IdedExpr> {
        let place = self.place_of(of)?;
        let Expr::Literal(LiteralValue::String(name)) = &key.expr else {
            return Some(self.outside(key.id, "the name of an attribute is a string literal"));
        };
        let found = self.attribute(place, name.inner(), test);
        Some(match found {
            Some(slot) => IdedExpr { id: of.id, expr: Expr::Ident(slot.encode()) },
            None => {
                let kind = self.undeclared(place, name.inner(), name.inner());
                self.stop(key.id, kind)
            }
        })
    }

    fn place_of(&self, expr: &IdedExpr) -> Option<Place> {
        let mut segments = Vec::new();
        let mut expr = expr;
        loop {
            match &expr.expr {
                Expr::Select(select) if !select.test => {
                    segments.push(select.field.as_str());
                    expr = &select.operand;
                }
                Expr::Ident(name) if !self.locals.contains(name) => {
                    segments.push(name);
                    break;
                }
                _ => return None,
            }
        }
        if segments.len() > 1 && segments.last() == Some(&"facts") {
            segments.pop();
        }
        segments.reverse();
        let path = segments.join(".");
        PLACES.into_iter().find(|place| place.prefix() == path)
    }
}

fn no_value(written: &str) -> GateErrorKind {
    GateErrorKind::OutsideProfile(format!("`{written}` is no value itself; name one of its fields"))
}
