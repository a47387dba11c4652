//! Type 1 objections: whether GP-held data may leave for purposes beyond individual care.

use fhir::{FhirDate, Instant, Json, Node};

/// Codes of the objection in SNOMED CT, Read v2 and CTV3.
const DISSENT_CODES: [&str; 3] = ["827241000000103", "9Nu0.", "XaZ89"];

/// The code of its withdrawal in Read v2. No other is known for certain, and one that were wrong would release data.
const WITHDRAWAL: (&str, &str) = ("http://read.info/readv2", "9Nu1.");

/// Elements that date a coded entry, the best first.
const DATES: [&str; 6] = ["effectiveDateTime", "onsetDateTime", "recordedDate", "dateTime", "issued", "date"];

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DissentKind {
    /// The person objects.
    Dissent,
    /// The person takes the objection back.
    Withdrawal,
}

/// One recorded statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dissent {
    /// What was recorded.
    pub kind: DissentKind,
    /// When, if the record says so.
    pub at: Option<Instant>,
}

/// Says whether the objection stands: the latest statement decides and a tie is a dissent. A dissent without a date, or with one in
/// the future, cannot be placed before a withdrawal and so always stands; such a withdrawal says nothing.
pub fn type_1_dissent(statements: &[Dissent], now: Instant) -> bool {
    let placed = |s: &&Dissent| s.at.is_some_and(|at| at.0 <= now.0);
    let latest = |kind| statements.iter().filter(placed).filter(|s| s.kind == kind).filter_map(|s| s.at).max();
    if statements.iter().any(|s| s.kind == DissentKind::Dissent && !placed(&s)) {
        return true;
    }
    match (latest(DissentKind::Dissent), latest(DissentKind::Withdrawal)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(dissent), Some(withdrawal)) => dissent >= withdrawal,
    }
}

/// Reads the statement that a coded entry of a GP record makes, if it is one: an Observation, Condition or other resource with `code`.
pub fn type_1_statement(resource: &Json) -> Option<Dissent> {
    let root = resource.root();
    let is_retracted = |status: Node<'_>| {
        status.as_str().is_some_and(|code| code == "entered-in-error")
            || status
                .get("coding")
                .iter()
                .flat_map(Node::each)
                .any(|c| c.str("code").as_deref() == Some("entered-in-error"))
    };
    if ["status", "verificationStatus"].iter().filter_map(|name| root.get(name)).any(is_retracted) {
        return None;
    }
    let codings: Vec<_> = root.at(&["code", "coding"]).iter().flat_map(Node::each).collect();
    let has = |test: &dyn Fn(&str, &str) -> bool| {
        codings.iter().any(|c| test(&c.str("system").unwrap_or_default(), &c.str("code").unwrap_or_default()))
    };
    let kind = if has(&|_, code| DISSENT_CODES.contains(&code)) {
        DissentKind::Dissent
    } else if has(&|system, code| (system, code) == WITHDRAWAL) {
        DissentKind::Withdrawal
    } else {
        return None;
    };
    let date = DATES.iter().find_map(|name| FhirDate::parse(&root.str(name)?)).map(|date| date.range());
    // Of a partial date the side that favours the objection counts.
    let at = date.map(|(first, last)| if kind == DissentKind::Dissent { last } else { first });
    Some(Dissent { kind, at })
}
