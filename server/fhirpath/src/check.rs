//! Checks an expression against the types that it will meet, without a resource: the strict mode of the official suite.
//!
//! Every part of an expression may give values of some types. Where that is known and nothing there has the name that is asked for, the
//! expression is wrong; where it is not known (contained resources, resolved references, variables), it is let pass.

use definitions::{Definitions, ElementDef, TypeKind};

use crate::ast::{Expr, Literal, Namespace, Operator, Step, TypeName};
use crate::element::{Shape, choice_shapes, shape_of_element};
use crate::error::FhirpathError;
use crate::functions::{Function, Group};

/// Types of which other types are: what is in a value of them is not known.
const OPEN_TYPES: [&str; 4] = ["Resource", "DomainResource", "Element", "BackboneElement"];
const SYSTEM_TYPES: [&str; 9] =
    ["Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "Any"];
/// Rounds of `repeat` until no new types are expected any more.
const REPEAT_ROUNDS: usize = 4;

/// Checks an expression whose focus is of that type.
pub(crate) fn check(expression: &Expr, type_name: &str, definitions: &Definitions) -> Result<(), FhirpathError> {
    let focus = match definitions.type_named(type_name) {
        Some(definition) => Found::of(Kind::Shape(Shape::Type(definition))),
        None => Found::unknown(),
    };
    let checker = Checker { definitions, root: focus.clone() };
    checker.alternative(expression, &focus)
}

/// A type of a value.
#[derive(Clone, Copy)]
enum Kind<'d> {
    Shape(Shape<'d>),
    System(&'static str),
}

/// What a part of an expression may give; `None` when that is not known.
#[derive(Clone)]
struct Found<'d> {
    kinds: Option<Vec<Kind<'d>>>,
    /// Children and descendants come in no order.
    is_ordered: bool,
}

impl<'d> Found<'d> {
    fn unknown() -> Found<'d> {
        Found { kinds: None, is_ordered: true }
    }

    fn of(kind: Kind<'d>) -> Found<'d> {
        Found::among(vec![kind])
    }

    fn among(kinds: Vec<Kind<'d>>) -> Found<'d> {
        Found { kinds: Some(kinds), is_ordered: true }
    }

    fn system(name: &'static str) -> Found<'d> {
        Found::of(Kind::System(name))
    }

    fn or(self, other: Found<'d>) -> Found<'d> {
        let kinds = self.kinds.zip(other.kinds).map(|(left, right)| left.into_iter().chain(right).collect());
        Found { kinds, is_ordered: true }
    }

    /// Whether there is something known, and all of it is as said.
    fn is_all(&self, is_so: impl Fn(&Kind<'d>) -> bool) -> bool {
        self.kinds.as_ref().is_some_and(|kinds| !kinds.is_empty() && kinds.iter().all(is_so))
    }
}

impl<'d> Kind<'d> {
    fn name(&self) -> &'d str {
        match self {
            Kind::Shape(shape) => shape.name().unwrap_or("an element"),
            Kind::System(name) => name,
        }
    }

    fn is_complex(&self) -> bool {
        match self {
            Kind::Shape(Shape::Type(definition)) => {
                definition.kind != TypeKind::Primitive && !OPEN_TYPES.contains(&definition.name.as_str())
            }
            Kind::Shape(Shape::Nested(_)) => true,
            Kind::Shape(Shape::Unknown) => false,
            Kind::System(name) => *name == "TypeInfo",
        }
    }

    fn is_resource(&self) -> bool {
        matches!(self, Kind::Shape(Shape::Type(definition)) if definition.kind == TypeKind::Resource)
    }

    fn is_boolean(&self) -> bool {
        match self {
            Kind::Shape(Shape::Unknown) => true,
            Kind::Shape(shape) => shape.name() == Some("boolean"),
            Kind::System(name) => *name == "Boolean",
        }
    }
}

struct Checker<'d> {
    definitions: &'d Definitions,
    root: Found<'d>,
}

fn fault<T>(offset: u32, reason: String) -> Result<T, FhirpathError> {
    Err(FhirpathError::Semantic { offset: offset as usize, reason })
}

impl<'d> Checker<'d> {
    /// Checks an alternative of a union at the top: one about another type of resource just finds nothing, as those of search parameters do.
    fn alternative(&self, expression: &Expr, focus: &Found<'d>) -> Result<(), FhirpathError> {
        let Expr::Binary { operator: Operator::Union, left, right, .. } = expression else {
            return self.infer(expression, focus).map(|_| ());
        };
        for side in [left, right] {
            let opening = crate::expression::opening_type(side);
            let is_elsewhere = opening.is_some_and(|name| self.definitions.is_resource_type(name));
            if matches!(**side, Expr::Binary { .. }) || !is_elsewhere || self.is_of(focus, opening.unwrap_or_default())
            {
                self.alternative(side, focus)?;
            }
        }
        Ok(())
    }

    fn is_of(&self, found: &Found<'d>, name: &str) -> bool {
        let is_it = |kind: &Kind<'d>| match kind {
            Kind::Shape(shape) => shape.name().is_some_and(|own| self.definitions.is_subtype(own, name)),
            Kind::System(_) => false,
        };
        found.kinds.as_ref().is_some_and(|kinds| kinds.iter().any(is_it))
    }

    fn infer(&self, expression: &Expr, this: &Found<'d>) -> Result<Found<'d>, FhirpathError> {
        Ok(match expression {
            Expr::Empty => Found::among(Vec::new()),
            Expr::Literal(literal) => Found::system(type_of(literal)),
            Expr::This => this.clone(),
            Expr::Index => Found::system("Integer"),
            Expr::Total => Found::unknown(),
            Expr::Variable { name, .. } => match name.as_str() {
                "context" => self.root.clone(),
                "resource" | "rootResource" if self.root.is_all(Kind::is_resource) => self.root.clone(),
                _ => Found::unknown(),
            },
            Expr::Path { base, steps } => {
                let mut found = base.as_ref().map_or_else(|| Ok(this.clone()), |base| self.infer(base, this))?;
                for step in steps {
                    found = self.step(found, step)?;
                }
                found
            }
            Expr::Item { base, index, offset } => {
                self.infer(index, this)?;
                ordered(self.infer(base, this)?, "[]", *offset)?
            }
            Expr::Negate { value, .. } => self.infer(value, this)?,
            Expr::Binary { .. } => self.binary(expression, this)?,
            Expr::Is { value, type_name, offset } => {
                self.infer(value, this)?;
                self.type_named(type_name, *offset)?;
                Found::system("Boolean")
            }
            Expr::OfType { value, type_name, offset, .. } => {
                if let Some(value) = value {
                    self.infer(value, this)?;
                }
                self.type_named(type_name, *offset)?
            }
            Expr::Call { base, function, arguments, offset, .. } => {
                let input = base.as_ref().map_or_else(|| Ok(this.clone()), |base| self.infer(base, this))?;
                self.call(*function, input, arguments, this, *offset)?
            }
        })
    }

    /// A chain of operators nests to the left and may be long: it is walked in a loop.
    fn binary(&self, chain: &Expr, this: &Found<'d>) -> Result<Found<'d>, FhirpathError> {
        let mut rights = Vec::new();
        let mut leftmost = chain;
        while let Expr::Binary { operator, left, right, .. } = leftmost {
            rights.push((*operator, &**right));
            leftmost = left;
        }
        let mut found = self.infer(leftmost, this)?;
        for (operator, right) in rights.into_iter().rev() {
            let right = self.infer(right, this)?;
            found = match operator {
                Operator::Union => found.or(right),
                Operator::Concatenate => Found::system("String"),
                Operator::Multiply
                | Operator::Divide
                | Operator::Div
                | Operator::Mod
                | Operator::Add
                | Operator::Subtract => Found::unknown(),
                _ => Found::system("Boolean"),
            };
        }
        Ok(found)
    }

    fn step(&self, found: Found<'d>, step: &Step) -> Result<Found<'d>, FhirpathError> {
        if step.may_be_type && self.is_of(&found, &step.name) {
            return Ok(found);
        }
        let Some(kinds) = &found.kinds else { return Ok(Found::unknown()) };
        let (mut next, mut is_known, mut has_any) = (Vec::new(), true, kinds.is_empty());
        for kind in kinds {
            match self.member(kind, &step.name) {
                Member::Some(kinds) => {
                    has_any = true;
                    next.extend(kinds);
                }
                Member::None => {}
                Member::Unknown => {
                    has_any = true;
                    is_known = false;
                }
            }
        }
        if !has_any {
            let mut names: Vec<&str> = kinds.iter().map(Kind::name).collect();
            names.dedup();
            names.truncate(3);
            return fault(step.offset, format!("`{}` is not an element of {}", step.name, names.join(" or ")));
        }
        Ok(if is_known { Found::among(next) } else { Found::unknown() })
    }

    fn member(&self, kind: &Kind<'d>, name: &str) -> Member<'d> {
        match kind {
            Kind::System("Quantity") if matches!(name, "value" | "unit") => Member::Unknown,
            Kind::System("TypeInfo") if matches!(name, "name" | "namespace") => {
                Member::Some(vec![Kind::System("String")])
            }
            Kind::System(_) => Member::None,
            Kind::Shape(Shape::Unknown) => Member::Unknown,
            Kind::Shape(shape) if name == "value" && shape.is_primitive() => Member::Unknown,
            Kind::Shape(shape) => match shape.element(name) {
                Some(element) => self.of_element(element),
                // The structural type of a nested element is one of them, too, but its elements are known.
                None if matches!(shape, Shape::Type(definition) if OPEN_TYPES.contains(&definition.name.as_str())) => {
                    Member::Unknown
                }
                None => Member::None,
            },
        }
    }

    fn of_element(&self, element: &'d ElementDef) -> Member<'d> {
        let shapes = if element.is_choice {
            choice_shapes(element, self.definitions)
        } else {
            vec![shape_of_element(element, self.definitions)]
        };
        let is_open = |shape: &Shape<'_>| matches!(shape, Shape::Unknown) || shape.name() == Some("Resource");
        if shapes.iter().any(is_open) {
            return Member::Unknown;
        }
        Member::Some(shapes.into_iter().map(Kind::Shape).collect())
    }

    fn type_named(&self, wanted: &TypeName, offset: u32) -> Result<Found<'d>, FhirpathError> {
        let system = SYSTEM_TYPES.iter().find(|known| **known == wanted.name);
        let own = self.definitions.type_named(&wanted.name);
        match (wanted.namespace, system, own) {
            (Some(Namespace::System), Some(name), _) => Ok(Found::system(name)),
            // An unknown System type has no values.
            (Some(Namespace::System), None, _) => Ok(Found::unknown()),
            (None, Some(_), Some(_)) => Ok(Found::unknown()),
            (_, _, Some(definition)) if OPEN_TYPES.contains(&definition.name.as_str()) => Ok(Found::unknown()),
            (_, _, Some(definition)) => Ok(Found::of(Kind::Shape(Shape::Type(definition)))),
            (None, Some(name), None) => Ok(Found::system(name)),
            _ => fault(offset, format!("type `{}` is not known", wanted.name)),
        }
    }

    fn call(
        &self,
        function: Function,
        input: Found<'d>,
        arguments: &[Expr],
        this: &Found<'d>,
        offset: u32,
    ) -> Result<Found<'d>, FhirpathError> {
        use Function as F;
        let name = function.name();
        let input = match function {
            F::First | F::Last | F::Tail | F::Skip | F::Take => ordered(input, name, offset)?,
            _ => input,
        };
        if function.group() == Group::Texts && function != F::Join && input.is_all(Kind::is_complex) {
            return fault(offset, format!("`{name}` takes a text"));
        }
        // What iterates evaluates its arguments on each item, the others where they stand.
        let iterates = matches!(
            function,
            F::Where | F::Select | F::All | F::Exists | F::Sort | F::Trace | F::DefineVariable | F::Iif | F::Aggregate
        );
        let scope = if iterates { &input } else { this };
        if matches!(function, F::Repeat | F::RepeatAll) {
            return self.repeat(input, arguments);
        }
        let mut found = Vec::new();
        for argument in arguments {
            found.push(self.infer(argument, scope)?);
        }
        if function == F::Iif && found.first().is_some_and(|found| found.is_all(|kind| !kind.is_boolean())) {
            return fault(offset, "the criterion of `iif` is not a boolean".to_owned());
        }
        let mut found = found.into_iter();
        Ok(match function {
            F::Where
            | F::First
            | F::Last
            | F::Tail
            | F::Skip
            | F::Take
            | F::Single
            | F::Distinct
            | F::Sort
            | F::Exclude
            | F::Intersect
            | F::Trace
            | F::DefineVariable
            | F::CheckModifiers => input,
            F::Select => found.next().unwrap_or_else(Found::unknown),
            F::Union | F::Combine => input.or(found.next().unwrap_or_else(Found::unknown)),
            F::Iif | F::Coalesce => {
                let branches = found.skip(usize::from(function == F::Iif));
                branches.fold(Found::among(Vec::new()), Found::or)
            }
            F::Children | F::Descendants => Found { is_ordered: false, ..Found::unknown() },
            F::Type => Found::system("TypeInfo"),
            F::Extension => match self.definitions.type_named("Extension") {
                Some(definition) => Found::of(Kind::Shape(Shape::Type(definition))),
                None => Found::unknown(),
            },
            function => match function.result() {
                Some(name) => Found::system(name),
                None => Found::unknown(),
            },
        })
    }

    fn repeat(&self, input: Found<'d>, arguments: &[Expr]) -> Result<Found<'d>, FhirpathError> {
        let Some(projection) = arguments.first() else { return Ok(Found::unknown()) };
        let mut found = self.infer(projection, &input)?;
        for _ in 0..REPEAT_ROUNDS {
            // Further down a name may have come to its end on some of the types.
            match self.infer(projection, &found) {
                Ok(next) => found = found.or(next),
                Err(_) => break,
            }
            if found.kinds.as_ref().is_none_or(|kinds| kinds.len() > 16) {
                return Ok(Found::unknown());
            }
        }
        Ok(found)
    }
}

enum Member<'d> {
    Some(Vec<Kind<'d>>),
    None,
    Unknown,
}

fn ordered<'d>(found: Found<'d>, name: &str, offset: u32) -> Result<Found<'d>, FhirpathError> {
    if !found.is_ordered {
        return fault(offset, format!("children come in no order: `{name}` means nothing on them"));
    }
    Ok(found)
}

fn type_of(literal: &Literal) -> &'static str {
    match literal {
        Literal::Boolean(_) => "Boolean",
        Literal::String(_) => "String",
        Literal::Integer(_) => "Integer",
        Literal::Decimal(_) => "Decimal",
        Literal::Date(_) => "Date",
        Literal::DateTime(_) => "DateTime",
        Literal::Time(_) => "Time",
        Literal::Quantity(_) => "Quantity",
    }
}
