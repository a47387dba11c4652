//! Type 1 objections: whether GP-held data may leave for purposes beyond individual care.

use fhir::Instant;

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
