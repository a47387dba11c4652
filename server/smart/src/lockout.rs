//! Slows down guessing of passwords, from the count of failures kept with the user.

use fhir::Instant;

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 4;

const FIRST_LOCK_MS: i64 = 30_000;

const LONGEST_LOCK_MS: i64 = 60 * 60 * 1000;

/// Returns until when a login is locked after so many failures in a row: half a minute after the fifth, doubling to an hour.
pub fn locked_until(failures: u32, now: Instant) -> Option<Instant> {
    let doublings = failures.checked_sub(FREE_FAILURES + 1)?;
    let lock_ms = FIRST_LOCK_MS.saturating_mul(1 << doublings.min(20)).min(LONGEST_LOCK_MS);
    Some(Instant(now.0.saturating_add(lock_ms)))
}

/// Says whether a login may be tried now. While it is locked even the right password is refused, unread.
pub fn is_login_allowed(locked_until: Option<Instant>, now: Instant) -> bool {
    locked_until.is_none_or(|until| until.0 <= now.0)
}
