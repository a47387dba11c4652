//! The functions by name and number of arguments, and the call of one.

use regex::Regex;

use crate::ast::Expr;
use crate::error::FhirpathError;
use crate::evaluate::{Evaluator, Items, Outcome, Scope, length_bytes, single};
use crate::functions::{boundaries, collections, conversions, numbers, resources, strings};
use crate::value::Value;

/// What functions have in common that are in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Collections,
    Conversions,
    Texts,
    Numbers,
    Boundaries,
    Resources,
}

macro_rules! functions {
    ($($group:ident { $($variant:ident $name:literal $least:literal $most:literal,)* })*) => {
        /// A function of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($($variant,)*)* }

        const TABLE: &[(Function, &str, usize, usize)] =
            &[$($((Function::$variant, $name, $least, $most),)*)*];

        impl Function {
            /// The name, for messages.
            pub(crate) fn name(self) -> &'static str {
                match self { $($(Function::$variant => $name,)*)* }
            }

            /// The file that it is in.
            pub(crate) fn group(self) -> Group {
                match self { $($(Function::$variant)|* => Group::$group,)* }
            }
        }
    };
}

functions! {
    Collections {
        Empty "empty" 0 0, Exists "exists" 0 1, All "all" 1 1, AllTrue "allTrue" 0 0, AnyTrue "anyTrue" 0 0,
        AllFalse "allFalse" 0 0, AnyFalse "anyFalse" 0 0, SubsetOf "subsetOf" 1 1, SupersetOf "supersetOf" 1 1,
        Count "count" 0 0, Distinct "distinct" 0 0, IsDistinct "isDistinct" 0 0, Not "not" 0 0,
        Where "where" 1 1, Select "select" 1 1, Repeat "repeat" 1 1, RepeatAll "repeatAll" 1 1,
        Coalesce "coalesce" 1 9, Aggregate "aggregate" 1 2, Sort "sort" 0 9,
        Single "single" 0 0, First "first" 0 0, Last "last" 0 0, Tail "tail" 0 0, Skip "skip" 1 1, Take "take" 1 1,
        Intersect "intersect" 1 1, Exclude "exclude" 1 1, Union "union" 1 1, Combine "combine" 1 1,
        Iif "iif" 2 3, Trace "trace" 1 2, DefineVariable "defineVariable" 1 2,
        Now "now" 0 0, Today "today" 0 0, TimeOfDay "timeOfDay" 0 0,
    }
    Conversions {
        ToBoolean "toBoolean" 0 0, ConvertsToBoolean "convertsToBoolean" 0 0,
        ToInteger "toInteger" 0 0, ConvertsToInteger "convertsToInteger" 0 0,
        ToDecimal "toDecimal" 0 0, ConvertsToDecimal "convertsToDecimal" 0 0,
        ToString "toString" 0 0, ConvertsToString "convertsToString" 0 0,
        ToDate "toDate" 0 0, ConvertsToDate "convertsToDate" 0 0,
        ToDateTime "toDateTime" 0 0, ConvertsToDateTime "convertsToDateTime" 0 0,
        ToTime "toTime" 0 0, ConvertsToTime "convertsToTime" 0 0,
        ToQuantity "toQuantity" 0 1, ConvertsToQuantity "convertsToQuantity" 0 1,
    }
    Texts {
        IndexOf "indexOf" 1 1, LastIndexOf "lastIndexOf" 1 1, Substring "substring" 1 2,
        StartsWith "startsWith" 1 1, EndsWith "endsWith" 1 1, Contains "contains" 1 1, Upper "upper" 0 0,
        Lower "lower" 0 0, Replace "replace" 2 2, Matches "matches" 1 2, MatchesFull "matchesFull" 1 2,
        ReplaceMatches "replaceMatches" 2 3, Length "length" 0 0, ToChars "toChars" 0 0, Trim "trim" 0 0,
        Split "split" 1 1, Join "join" 0 1, Encode "encode" 1 1, Decode "decode" 1 1, Escape "escape" 1 1,
        Unescape "unescape" 1 1,
    }
    Numbers {
        Abs "abs" 0 0, Ceiling "ceiling" 0 0, Exp "exp" 0 0, Floor "floor" 0 0, Ln "ln" 0 0, Log "log" 1 1,
        Power "power" 1 1, Round "round" 0 1, Sqrt "sqrt" 0 0, Truncate "truncate" 0 0,
    }
    Boundaries {
        LowBoundary "lowBoundary" 0 1, HighBoundary "highBoundary" 0 1, Precision "precision" 0 0,
        Comparable "comparable" 1 1,
    }
    Resources {
        Children "children" 0 0, Descendants "descendants" 0 0, Type "type" 0 0,
        Extension "extension" 1 1, HasExtension "hasExtension" 1 1, HasValue "hasValue" 0 0, GetValue "getValue" 0 0,
        Resolve "resolve" 0 0, MemberOf "memberOf" 1 1, ConformsTo "conformsTo" 1 1, HtmlChecks "htmlChecks" 0 0,
        Subsumes "subsumes" 1 1, SubsumedBy "subsumedBy" 1 1, CheckModifiers "checkModifiers" 0 9,
        ElementDefinition "elementDefinition" 0 0, Slice "slice" 2 2,
    }
}

impl Function {
    /// The function with that name that takes that many arguments.
    pub(crate) fn named(name: &str, arguments: usize) -> Option<Function> {
        let fits = |&&(_, known, least, most): &&(Function, &str, usize, usize)| {
            known == name && (least..=most).contains(&arguments)
        };
        TABLE.iter().find(fits).map(|(function, ..)| *function)
    }

    /// The System type of what it gives, where that is always the same.
    pub(crate) fn result(self) -> Option<&'static str> {
        use Function as F;
        Some(match self {
            F::Empty
            | F::Exists
            | F::All
            | F::AllTrue
            | F::AnyTrue
            | F::AllFalse
            | F::AnyFalse
            | F::SubsetOf
            | F::SupersetOf
            | F::IsDistinct
            | F::Not
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Matches
            | F::MatchesFull
            | F::Comparable
            | F::HasExtension
            | F::HasValue
            | F::MemberOf
            | F::ConformsTo
            | F::HtmlChecks
            | F::Subsumes
            | F::SubsumedBy
            | F::ToBoolean => "Boolean",
            F::Count | F::IndexOf | F::LastIndexOf | F::Length | F::Precision | F::ToInteger => "Integer",
            F::ToString | F::Join | F::Upper | F::Lower | F::Substring | F::Replace | F::ReplaceMatches => "String",
            F::Now | F::ToDateTime => "DateTime",
            F::Today | F::ToDate => "Date",
            F::TimeOfDay | F::ToTime => "Time",
            F::ToDecimal => "Decimal",
            F::ToQuantity => "Quantity",
            function if function.name().starts_with("convertsTo") => "Boolean",
            _ => return None,
        })
    }

    /// Whether a function has that name, whatever it takes.
    pub(crate) fn is_known(name: &str) -> bool {
        TABLE.iter().any(|(_, known, ..)| *known == name) || matches!(name, "is" | "as" | "ofType")
    }
}

/// A call under way: what every group of functions needs.
pub(crate) struct Call<'e, 's, 'c, 'a> {
    pub(crate) function: Function,
    pub(crate) evaluator: &'e Evaluator<'c, 'a>,
    pub(crate) arguments: &'e [Expr],
    /// The first argument as a compiled pattern, when it is a constant.
    pub(crate) pattern: Option<&'e Regex>,
    pub(crate) scope: Scope<'s, 'a>,
}

impl<'a> Call<'_, '_, '_, 'a> {
    /// Calls the function on its input.
    pub(crate) fn call(&self, input: Items<'a>) -> Outcome<'a> {
        let group = self.function.group();
        if !matches!(group, Group::Collections | Group::Resources) {
            // Reading a value may copy its text.
            self.evaluator.spend_text(length_bytes(&input))?;
        }
        match group {
            Group::Collections => collections::call(self, input),
            Group::Conversions => conversions::call(self, input),
            Group::Texts => strings::call(self, input),
            Group::Numbers => numbers::call(self, input),
            Group::Boundaries => boundaries::call(self, input),
            Group::Resources => resources::call(self, input),
        }
    }

    /// Evaluates an argument in the scope of the call; empty when it was not given.
    pub(crate) fn argument(&self, position: usize) -> Outcome<'a> {
        match self.arguments.get(position) {
            Some(argument) => self.evaluator.scoped(argument, self.scope),
            None => Ok(Vec::new()),
        }
    }

    /// An argument that is a single text.
    pub(crate) fn text_argument(&self, position: usize) -> Result<Option<String>, FhirpathError> {
        let Some(value) = single(self.argument(position)?, self.function.name())? else { return Ok(None) };
        self.evaluator.spend_text(value.length_bytes())?;
        match value.as_text() {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(FhirpathError::WrongType(self.function.name())),
        }
    }

    /// An argument that is a single whole number.
    pub(crate) fn integer_argument(&self, position: usize) -> Result<Option<i64>, FhirpathError> {
        let Some(value) = single(self.argument(position)?, self.function.name())? else { return Ok(None) };
        match value.as_integer() {
            Some(number) => Ok(Some(number)),
            None => Err(FhirpathError::WrongType(self.function.name())),
        }
    }

    /// Evaluates the first argument with an item as `$this`.
    pub(crate) fn of_item(&self, position: usize, item: &Value<'a>, index: usize) -> Outcome<'a> {
        let scope = Scope { this: item, index: Some(index), total: self.scope.total };
        match self.arguments.get(position) {
            Some(argument) => self.evaluator.scoped(argument, scope),
            None => Ok(Vec::new()),
        }
    }
}

/// A collection of one truth value.
pub(crate) fn boolean<'a>(value: bool) -> Outcome<'a> {
    Ok(vec![Value::Boolean(value)])
}

/// A collection of one value or none.
pub(crate) fn optional(value: Option<Value<'_>>) -> Outcome<'_> {
    Ok(value.into_iter().collect())
}
