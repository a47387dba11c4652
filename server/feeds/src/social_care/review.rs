//! A review of the support that somebody has: a Task with its reason and outcome.

use serde_json::{Value, json};

use super::assessment::task;
use super::column::Column;
use super::event::{Event, put, task_part};
use super::label::{METHOD, OUTCOME, OUTCOMES_ACHIEVED, REVIEW_REASON};
use crate::{Entry, codeable};

/// Maps a review.
pub(super) fn entry(event: &mut Event<'_>, reason: Option<&Entry>) -> Entry {
    let method: Vec<Value> =
        event.concept(Column::MethodOfReview, &METHOD).iter().map(|how| task_part("Method of review", how)).collect();
    let mut output = Vec::new();
    for (column, list, name) in [
        (Column::ReviewOutcomesAchieved, &OUTCOMES_ACHIEVED, "Review outcomes achieved"),
        (Column::EventOutcome, &OUTCOME, "Event outcome"),
    ] {
        output.extend(event.concept(column, list).iter().map(|value| task_part(name, value)));
    }
    let why = event.concept(Column::ReviewReason, &REVIEW_REASON);
    let code = codeable("urn:weir:cld:event-type", "review", "Review of support");
    let mut entry = task(event, code, reason, (method, output));
    put(&mut entry.resource, "reasonCode", why.map(|why| json!(why)));
    entry
}
