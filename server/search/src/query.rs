//! A search request, understood: what the store turns into SQL and [`crate::matches`] answers in memory.
//!
//! Every comparison is made on closed ranges, so that dates, numbers and quantities share one table
//! (<https://hl7.org/fhir/R4/search.html#prefix>); [`Prefix::accepts`] is that table.

use fhir::Issue;

use crate::param::Kind;

/// A parsed search over one resource type. A search over several types is one of these for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The type that is searched.
    pub type_name: String,
    /// Conditions that must all hold.
    pub conditions: Vec<Condition>,
    /// What else is given with the matches.
    pub includes: Vec<Include>,
    /// Order of the matches; the store adds a last tie-breaker of its own.
    pub sort: Vec<(SortKey, Direction)>,
    /// `_count`, not yet capped by the server's own page limit.
    pub count: Option<u32>,
    /// `_total`.
    pub total: Total,
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`; empty when the whole resource is wanted.
    pub elements: Vec<String>,
    /// `_format` as sent; the HTTP layer negotiates with it.
    pub format: Option<String>,
    /// `_pretty`.
    pub is_pretty: bool,
    /// What was understood, for the self link: the parameters as sent, in their order.
    pub self_params: Vec<(String, String)>,
    /// Lenient handling: what was left out, and why.
    pub notices: Vec<Issue>,
}

/// What a resource must meet.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A look at one parameter.
    Filter(Filter),
    /// `subject:Patient.name=…`: it refers to a resource that meets the conditions.
    Chain(Chain),
    /// `_has:Observation:patient:code=…`: a resource that meets the conditions refers to it.
    Has(Has),
    /// `_list`: a current entry of the List with that logical id refers to it.
    List(String),
    /// `_text` (the narrative) or `_content` (all text).
    Text(TextCondition),
    /// All hold.
    All(Vec<Condition>),
    /// One holds at least; none of an empty list does.
    Any(Vec<Condition>),
    /// Does not hold.
    Not(Box<Condition>),
}

/// A chained condition. <https://hl7.org/fhir/R4/search.html#chaining>
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// Id of the reference parameter.
    pub param: u32,
    /// What the target must meet, for each type that it may be of; conditions that a type does not know leave it out.
    pub targets: Vec<Target>,
}

/// Resources of a type that meet conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The type.
    pub type_name: String,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// A reverse chained condition. <https://hl7.org/fhir/R4/search.html#has>
#[derive(Debug, Clone, PartialEq)]
pub struct Has {
    /// Id of the reference parameter by which the source refers.
    pub param: u32,
    /// What the source must be and meet.
    pub source: Target,
}

/// Words that must stand in the text of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextCondition {
    /// The narrative alone (`_text`), or all text (`_content`).
    pub is_narrative: bool,
    /// What must stand there.
    pub words: Words,
}

/// An expression over words, each folded by [`crate::normalise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// The word as a whole.
    Word(String),
    /// A word that begins so.
    Prefix(String),
    /// All hold.
    All(Vec<Words>),
    /// One holds.
    Any(Vec<Words>),
    /// The first holds and the second does not.
    Without(Box<Words>, Box<Words>),
}

/// Resources that come along with the matches. <https://hl7.org/fhir/R4/search.html#include>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The type whose resources refer.
    pub source_type: String,
    /// Ids of the reference parameters; all of the type for `*`.
    pub params: Vec<u32>,
    /// Only targets of this type.
    pub target_type: Option<String>,
    /// `_revinclude`: those that refer to what is there, instead of those that it refers to.
    pub is_reverse: bool,
    /// `:iterate`: also from what was included.
    pub is_iterated: bool,
}

/// One look: any of `values` must hold for some value of the parameter.
///
/// With [`Modifier::Not`] none of them may hold for any value (a resource without a value matches).
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What is looked at.
    pub param: FilterParam,
    /// How it is looked at.
    pub modifier: Modifier,
    /// Alternatives, at least one (none for [`Modifier::Missing`]; none at all matches nothing, as an empty value set does).
    pub values: Vec<FilterValue>,
}

impl Filter {
    /// The id of the parameter, where index entries answer it.
    pub fn param_id(&self) -> Option<u32> {
        match self.param {
            FilterParam::Param(id, _) => Some(id),
            FilterParam::Id | FilterParam::LastUpdated => None,
        }
    }
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterParam {
    /// `_id`: the logical id of the resource. Values are [`FilterValue::Id`].
    Id,
    /// `_lastUpdated`: the moment of the version. Values are [`FilterValue::Date`].
    LastUpdated,
    /// An indexed parameter by its stable id.
    Param(u32, Kind),
}

/// The modifier of a condition, already checked against the kind of the parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifier {
    /// The default comparison of the kind.
    None,
    /// `:missing=true` (no index entry of the parameter, of whatever kind of value) or `:missing=false`.
    Missing(bool),
    /// `:exact`: the text as written, case and accents included (`IndexValue::String::exact`).
    Exact,
    /// `:contains`: the normalised value anywhere in the normalised text.
    Contains,
    /// `ew` of `_filter`: the normalised value at the end of the normalised text.
    EndsWith,
    /// `:text` on a token: values are [`FilterValue::String`], compared with the start of the Text entries
    /// that a token parameter has for the texts and displays of its codes.
    Text,
    /// `:not` on a token; `:not-in` is read as `:not` of the value set's codes.
    Not,
    /// `:of-type` on an identifier: values are [`FilterValue::OfType`].
    OfType,
    /// `:Patient` on a reference; the type is also set in each value, so nothing more need be done.
    Type(String),
    /// `:identifier` on a reference: values are [`FilterValue::Token`], compared with the Token entries that a
    /// reference parameter has for logical references.
    Identifier,
    /// `:below` on a uri: the value, which does not end with `/`, or anything that starts with it and `/`. `:above` is read as the values
    /// above, without a modifier.
    Below,
}

/// One value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterValue {
    /// A logical id.
    Id(String),
    /// `code`, `system|code`, `|code` (`system: Some(None)`, no system) or `system|` (`code: None`).
    Token {
        /// `None` any system, `Some(None)` no system.
        system: Option<Option<String>>,
        /// `None` any code of the system.
        code: Option<String>,
    },
    /// The text as sent, escapes undone. Default comparison: `normalise(text)` is the start of the normalised entry.
    String(String),
    /// A moment or a span, both ends included, in milliseconds since the epoch (UTC).
    Date {
        /// The comparison.
        prefix: Prefix,
        /// First millisecond.
        start: i64,
        /// Last millisecond.
        end: i64,
    },
    /// A number; for `eq` and `ne` the span that its written precision implies, both ends included.
    Number {
        /// The comparison.
        prefix: Prefix,
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
    },
    /// A number with a unit. `code` without `system` matches an entry of any system, code or human unit; a unit of UCUM
    /// ([`crate::unit::UCUM_SYSTEM`]) those in every unit to which [`crate::unit::convert_span`] takes the span.
    Quantity {
        /// The comparison.
        prefix: Prefix,
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
        /// System of the unit; `None` any.
        system: Option<String>,
        /// Code of the unit; `None` any.
        code: Option<String>,
    },
    /// A reference. With `url`, the entry's url must be equal; without it the entry must be local (no url) with that id,
    /// and that type if one is given.
    Reference {
        /// Type of the target, where known.
        type_name: Option<String>,
        /// Logical id; empty when only `url` counts (`urn:` and other texts).
        id: String,
        /// Absolute or other reference text, without a version.
        url: Option<String>,
    },
    /// A URI, compared exactly.
    Uri(String),
    /// A value for each component of a composite parameter, in their order; all must hold of one element.
    Composite(Vec<FilterValue>),
    /// An identifier with the type that it must have.
    OfType {
        /// System of the type; `None` any.
        system: Option<String>,
        /// Code of the type.
        code: String,
        /// The identifier's value.
        value: String,
    },
    /// A place (`near`): within that distance, or nearer than that.
    Near {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Metres on the surface of the earth.
        distance_m: f64,
    },
}

/// Comparison prefix of a date, number or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Within the searched span.
    Eq,
    /// Not within it.
    Ne,
    /// Reaches above it.
    Gt,
    /// Reaches below it.
    Lt,
    /// `Gt` or `Eq`.
    Ge,
    /// `Lt` or `Eq`.
    Le,
    /// Starts after it.
    Sa,
    /// Ends before it.
    Eb,
    /// Overlaps it (the parser has widened the span).
    Ap,
}

impl Prefix {
    /// Whether the entry `low..=high` satisfies this prefix for the searched span `from..=to`.
    pub fn accepts<T: PartialOrd>(self, (from, to): (T, T), (low, high): (T, T)) -> bool {
        match self {
            Prefix::Eq => low >= from && high <= to,
            Prefix::Ne => !(low >= from && high <= to),
            Prefix::Gt => high > to,
            Prefix::Lt => low < from,
            Prefix::Ge => high > to || low >= from,
            Prefix::Le => low < from || high <= to,
            Prefix::Sa => low > to,
            Prefix::Eb => high < from,
            Prefix::Ap => low <= to && high >= from,
        }
    }
}

/// What the matches are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// `_id`.
    Id,
    /// `_lastUpdated`.
    LastUpdated,
    /// An indexed parameter: its lowest entry (ascending) or highest (descending); resources without one come last.
    Param(u32, Kind),
}

/// Which way an order runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lowest first.
    Ascending,
    /// Highest first (`_sort=-date`).
    Descending,
}

/// `_total`: how much the client wants to know about the number of matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Total {
    /// Not asked: the server may tell if it is cheap.
    #[default]
    Unspecified,
    /// `none`.
    None,
    /// `estimate`.
    Estimate,
    /// `accurate`.
    Accurate,
}

/// `_summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summary {
    /// `false` or absent: whole resources.
    #[default]
    False,
    /// `true`: elements marked as summary.
    True,
    /// `text`.
    Text,
    /// `data`: without the narrative.
    Data,
    /// `count`: the total only.
    Count,
}

impl Summary {
    /// What `_summary` may be, for whoever gave something else.
    pub const WORDS: &'static str = "`_summary` is `true`, `text`, `data`, `count` or `false`";

    /// Reads the value of `_summary`.
    pub fn parse(text: &str) -> Option<Summary> {
        Some(match text {
            "false" => Summary::False,
            "true" => Summary::True,
            "text" => Summary::Text,
            "data" => Summary::Data,
            "count" => Summary::Count,
            _ => return None,
        })
    }
}
