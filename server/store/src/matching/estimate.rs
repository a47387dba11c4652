//! How many resources meet a condition, counted only as far as it matters.

use crate::builder::Builder;
use crate::error::StoreError;
use crate::matching::boolean::{Writer, push_rows};
use crate::matching::resolve::{Members, Resolved};
use crate::sql::Session;

/// Counting stops here: a condition that has as many rows is *large*.
pub(crate) const LARGE: i64 = 2_000;
/// Members of a chain up to which what refers to them is counted.
const MEMBERS_MAX: i64 = 200;

/// The number of resources, or [`LARGE`] when there are as many or they cannot be counted quickly.
pub(crate) fn estimate(session: &mut dyn Session, writer: &Writer<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    Ok(match resolved {
        Resolved::Index(index) => {
            let mut sql = Builder::new(session.dialect());
            sql.push("SELECT count(*) FROM (SELECT 1 FROM (");
            push_rows(&mut sql, index);
            sql.push(") counted LIMIT ").bind(LARGE).push(") limited");
            count(session, sql)?
        }
        Resolved::Keys(keys) => i64::try_from(keys.len()).unwrap_or(LARGE).min(LARGE),
        Resolved::Chain { targets, .. } => {
            let members: Result<Vec<i64>, StoreError> =
                targets.iter().map(|target| fewest(session, writer, target)).collect();
            if members?.into_iter().sum::<i64>() > MEMBERS_MAX { LARGE } else { counted(session, writer, resolved)? }
        }
        Resolved::Has { source, .. } => {
            if fewest(session, writer, source)? >= LARGE {
                LARGE
            } else {
                counted(session, writer, resolved)?
            }
        }
        Resolved::Words { .. } => counted(session, writer, resolved)?,
        Resolved::All(parts) => {
            let mut least = LARGE;
            for part in parts {
                least = least.min(estimate(session, writer, part)?);
            }
            least
        }
        Resolved::Any(parts) => {
            let mut sum = 0;
            for part in parts {
                sum += estimate(session, writer, part)?;
            }
            sum.min(LARGE)
        }
        Resolved::Updated(_) | Resolved::Present { .. } | Resolved::Not(_) => LARGE,
    })
}

fn fewest(session: &mut dyn Session, writer: &Writer<'_>, members: &Members) -> Result<i64, StoreError> {
    let mut least = LARGE;
    for condition in &members.conditions {
        least = least.min(estimate(session, writer, condition)?);
    }
    Ok(least)
}

fn counted(session: &mut dyn Session, writer: &Writer<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT count(*) FROM (SELECT 1 FROM resource r WHERE ");
    writer.whole(&mut sql, "r.res_key", resolved);
    sql.push(" LIMIT ").bind(LARGE).push(") limited");
    count(session, sql)
}

fn count(session: &mut dyn Session, sql: Builder) -> Result<i64, StoreError> {
    session.query(&sql.build())?.first().map_or(Ok(0), |row| row.i64(0))
}
