//! How many resources match.

use search::{Query, Summary, Total};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::matching::boolean::Writer;
use crate::matching::resolve::{Index, Resolved};
use crate::sql::{Session, Statement};

/// Whether a total was asked for.
pub(crate) fn is_asked(query: &Query) -> bool {
    matches!(query.total, Total::Accurate | Total::Estimate) || query.summary == Summary::Count
}

/// The number of matches in the newest state; nothing when it was not asked for and is not at hand.
pub(crate) fn total(
    session: &mut dyn Session,
    writer: &Writer<'_>,
    query: &Query,
    resolved: &[Resolved],
) -> Result<Option<u64>, StoreError> {
    let type_name = &query.type_name;
    let is_unlimited = writer.visible.is_unlimited(type_name);
    if resolved.is_empty() && is_unlimited && query.total != Total::None {
        let sql = "SELECT live FROM resource_count WHERE type = $1";
        let rows = session.query(&Statement::new(sql, vec![type_name.into()]))?;
        return rows.first().map_or(Ok(Some(0)), |row| row.i64(0).map(|live| u64::try_from(live).ok()));
    }
    if !is_asked(query) {
        return Ok(None);
    }
    let mut sql = Builder::new(session.dialect());
    match driver(resolved).filter(|_| is_unlimited) {
        // There are index rows of live resources only, one a resource at a point.
        Some((place, index)) => {
            let Some(range) = index.ranges.first() else { return Ok(Some(0)) };
            sql.push(&format!("SELECT count(*) FROM {} d WHERE ", range.table));
            range.push(&mut sql, "d");
            push_others(&mut sql, writer, ("d.res_key", Some(place)), resolved);
        }
        None => {
            sql.push("SELECT count(*) FROM resource r WHERE r.type = ").bind(type_name).push(" AND r.deleted = 0");
            push_others(&mut sql, writer, ("r.res_key", None), resolved);
            writer.visible.push(&mut sql, "r", type_name);
        }
    }
    let rows = session.query(&sql.build())?;
    rows.first().map_or(Ok(Some(0)), |row| row.i64(0).map(|count| u64::try_from(count).ok()))
}

fn driver(resolved: &[Resolved]) -> Option<(usize, &Index)> {
    resolved.iter().enumerate().find_map(|(place, one)| match one {
        Resolved::Index(index) if matches!(index.ranges.as_slice(), [only] if only.is_point()) => Some((place, index)),
        _ => None,
    })
}

fn push_others(sql: &mut Builder, writer: &Writer<'_>, (key, driven): (&str, Option<usize>), resolved: &[Resolved]) {
    for (_, one) in resolved.iter().enumerate().filter(|(place, _)| Some(*place) != driven) {
        sql.push(" AND ");
        // A whole condition is read once; a look for each row pays where another condition has narrowed them.
        if driven.is_some() && writer.can_seek(one) {
            writer.seek(sql, key, one, 0);
        } else {
            writer.whole(sql, key, one);
        }
    }
}
