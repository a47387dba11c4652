//! Says how a search is answered, for administrators. Values are not told: they are personal data.

use crate::error::StoreError;
use crate::matching::boolean::Writer;
use crate::matching::estimate::{LARGE, estimate};
use crate::matching::order::Order;
use crate::matching::plan::{Driver, Plan};
use crate::matching::resolve::Resolved;
use crate::sql::Session;

/// Lines for a person.
pub(crate) fn explain(
    session: &mut dyn Session,
    writer: &Writer<'_>,
    (plan, resolved): (&Plan, &[Resolved]),
) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    for (place, one) in resolved.iter().enumerate() {
        let rows = match estimate(session, writer, one)? {
            LARGE => format!("{LARGE} rows or more"),
            rows => format!("{rows} rows"),
        };
        let role = match &plan.driver {
            Driver::Points(driven) | Driver::Whole(driven) if *driven == place => "walked",
            _ if plan.seeks.contains(&place) => "looked up in the index for each candidate",
            _ if plan.judged.contains(&place) => "judged from the body of each candidate",
            _ => "walked as rows of an index",
        };
        lines.push(format!("condition {}: {}, {rows}; {role}", place + 1, what(one)));
    }
    let driver = match &plan.driver {
        Driver::Points(place) => format!("the index rows of condition {} in the order of keys", place + 1),
        Driver::Whole(place) => format!("all that meets condition {} in the order of keys", place + 1),
        Driver::Ranges { ranges, .. } => format!("{} range(s) of an index in its own order", ranges.len()),
        Driver::Person(_) => "the compartment of the person whom the token names".to_owned(),
        Driver::Commits(_) => "the type in the order of commits".to_owned(),
        Driver::Ids(_) => "the type in the order of ids".to_owned(),
    };
    lines.push(format!("walk: {driver}"));
    let order = match &plan.order {
        Order::Key => "by key",
        Order::Commit => "by commit",
        Order::Row(..) => "by the index that is walked",
        Order::Sort(_) if plan.gathers => "as asked; candidates are gathered and sorted",
        Order::Sort(_) => "as asked, which is the order of the walk",
    };
    lines.push(format!("order: {order}"));
    Ok(lines)
}

fn what(one: &Resolved) -> &'static str {
    match one {
        Resolved::Index(index) => index.ranges.first().map_or("values that are not here", |range| range.table),
        Resolved::Keys(_) => "given resources",
        Resolved::Updated(_) => "last updated",
        Resolved::Present { .. } => "a value is there",
        Resolved::Chain { .. } => "a chain",
        Resolved::Has { .. } => "a reverse chain",
        Resolved::Words { .. } => "words",
        Resolved::All(_) => "all of several",
        Resolved::Any(_) => "one of several",
        Resolved::Not(_) => "none of these",
    }
}
