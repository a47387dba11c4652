//! One search parameter as the registry knows it.

/// The kind of a search parameter. <https://hl7.org/fhir/R4/valueset-search-param-type.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A number.
    Number,
    /// A date, a moment or a period.
    Date,
    /// Text, compared without case and accents.
    String,
    /// A code, optionally with its system.
    Token,
    /// A reference to a resource.
    Reference,
    /// Several parameters that must hold of one element.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
    /// Has rules of its own.
    Special,
}

impl Kind {
    /// The code of the kind in a SearchParameter or CapabilityStatement.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Date => "date",
            Kind::String => "string",
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Composite => "composite",
            Kind::Quantity => "quantity",
            Kind::Uri => "uri",
            Kind::Special => "special",
        }
    }

    /// The kind of that code.
    pub fn parse(code: &str) -> Option<Kind> {
        Some(match code {
            "number" => Kind::Number,
            "date" => Kind::Date,
            "string" => Kind::String,
            "token" => Kind::Token,
            "reference" => Kind::Reference,
            "composite" => Kind::Composite,
            "quantity" => Kind::Quantity,
            "uri" => Kind::Uri,
            "special" => Kind::Special,
            _ => return None,
        })
    }
}

/// A search parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Stable number of the parameter: see [`param_id`].
    pub id: u32,
    /// Name in a query.
    pub code: String,
    /// Kind of its values.
    pub kind: Kind,
    /// Canonical URL of its definition.
    pub url: String,
    /// Types that a reference parameter may point to; empty when any.
    pub targets: Vec<String>,
    /// What a composite parameter is made of, in order: the ids of other parameters and the kinds of their values.
    pub components: Vec<(u32, Kind)>,
    /// It refers by canonical URL alone: what it refers to is found by its `url`, not followed.
    pub is_canonical: bool,
    /// Somebody posted it: what it reads is not known beforehand.
    pub is_posted: bool,
}

impl Param {
    /// Whether a reference parameter may point to that type.
    pub fn may_refer_to(&self, type_name: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|target| target == type_name)
    }
}

/// The stable number of the search parameter with that canonical URL: 31 bits of its FNV-1a hash, so that index rows
/// stay valid across runs and versions of the binary. A test holds that no two R4 parameters share one.
pub fn param_id(url: &str) -> u32 {
    let hash = url
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Folding keeps the entropy of the high half; the sign bit stays free for a signed column.
    ((hash >> 32) ^ hash) as u32 & 0x7fff_ffff
}
