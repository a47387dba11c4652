//! Codes by value set and hierarchy, as a terminology service knows them.

use crate::param::Param;
use crate::parse::{Refusal, firmly_not_supported, too_costly, wrong};
use crate::parse_condition::Reader;
use crate::parse_value;
use crate::query::{FilterValue, Modifier};

/// Answers about codes; the caller of [`crate::parse`] implements it.
pub trait Codes: std::fmt::Debug + Sync {
    /// All codes of a value set, by its url or `ValueSet/id`, each with its system where it has one.
    fn value_set(&self, url: &str) -> Result<Vec<(Option<String>, String)>, CodesError>;

    /// The code and all that it subsumes, in the same system.
    fn below(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError>;

    /// The code and all that subsume it, in the same system.
    fn above(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError>;
}

/// Why there are no codes. No text in it may repeat what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodesError {
    /// Nobody knows that value set, code system or code.
    #[error("it is not known here")]
    Unknown,
    /// There are more than can be listed.
    #[error("it has too many codes")]
    TooMany,
    /// It is known and cannot be listed, with the reason.
    #[error("{0}")]
    NotListed(&'static str),
}

/// How the codes of a resource have to stand to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// `:in`.
    In,
    /// `:not-in`.
    NotIn,
    /// `:above`.
    Above,
    /// `:below`.
    Below,
}

impl Relation {
    pub(crate) fn modifier(self) -> Modifier {
        if self == Relation::NotIn { Modifier::Not } else { Modifier::None }
    }

    /// The codes that the values of a parameter mean.
    pub(crate) fn values(self, param: &Param, text: &str, reader: &Reader<'_>) -> Result<Vec<FilterValue>, Refusal> {
        let mut values = Vec::new();
        for piece in parse_value::pieces(param, text, &reader.options.limits)? {
            let found = self.of(param, piece, reader)?;
            reader.count_values(found.len())?;
            let token = |(system, code): (Option<String>, String)| FilterValue::Token {
                system: system.map(Some),
                code: Some(parse_value::held(&code)),
            };
            values.extend(found.into_iter().map(token));
        }
        Ok(values)
    }

    fn code(self) -> &'static str {
        match self {
            Relation::In => "in",
            Relation::NotIn => "not-in",
            Relation::Above => "above",
            Relation::Below => "below",
        }
    }

    fn of(self, param: &Param, piece: &str, reader: &Reader<'_>) -> Result<Vec<(Option<String>, String)>, Refusal> {
        let name = format!("`{}:{}`", param.code, self.code());
        let Some(codes) = reader.options.terminology else {
            return Err(firmly_not_supported(format!("{name} needs a terminology service, and there is none")));
        };
        if let Relation::In | Relation::NotIn = self {
            let found = codes.value_set(&parse_value::unescape(piece));
            return found.map_err(|error| refused(&name, "value set", &error));
        }
        let Some(FilterValue::Token { system: Some(Some(system)), code: Some(code) }) = parse_value::token(piece)
        else {
            return Err(wrong("invalid", format!("a value of {name} is not `system|code`")));
        };
        let found = if self == Relation::Above { codes.above(&system, &code) } else { codes.below(&system, &code) };
        let found = found.map_err(|error| refused(&name, "code", &error))?;
        Ok(found.into_iter().map(|code| (Some(system.clone()), code)).collect())
    }
}

fn refused(name: &str, what: &str, error: &CodesError) -> Refusal {
    let diagnostics = format!("{name}: the {what} cannot be expanded: {error}");
    match error {
        CodesError::TooMany => too_costly(diagnostics),
        CodesError::Unknown | CodesError::NotListed(_) => wrong("not-found", diagnostics),
    }
}
