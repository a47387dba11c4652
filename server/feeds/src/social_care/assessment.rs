//! An assessment: a Task whose output is the outcome.

use serde_json::{Value, json};

use super::column::Column;
use super::event::{Event, put, task_part};
use super::label::{ASSESSMENT_TYPE, CLIENT_TYPE, FUNDING, METHOD, OUTCOME};
use super::request::status_of_task;
use super::support_reason;
use crate::{Entry, codeable, codeable_text, profile_url};

/// Maps an assessment.
pub(super) fn entry(event: &mut Event<'_>, reason: Option<&Entry>) -> Entry {
    let kind = event.concept(Column::AssessmentType, &ASSESSMENT_TYPE);
    let code = kind.unwrap_or_else(|| codeable("urn:weir:cld:event-type", "assessment", "Assessment"));
    let method: Vec<Value> = event
        .concept(Column::MethodOfAssessment, &METHOD)
        .iter()
        .map(|how| task_part("Method of assessment", how))
        .collect();
    let mut output: Vec<Value> = Vec::new();
    if let Some(needs) = event.row.text(Column::EligibleNeeds) {
        output.push(task_part("Eligible needs identified", &codeable_text(needs)));
    }
    output.extend(
        event.concept(Column::EventOutcome, &OUTCOME).iter().map(|outcome| task_part("Event outcome", outcome)),
    );
    task(event, code, reason, (method, output))
}

/// The Task of an assessment or a review.
pub(super) fn task(
    event: &mut Event<'_>,
    code: Value,
    reason: Option<&Entry>,
    (input, output): (Vec<Value>, Vec<Value>),
) -> Entry {
    let key = event.own_key("Task");
    let extensions = event.extensions(&[(Column::ClientType, &CLIENT_TYPE), (Column::FundingStatus, &FUNDING)]);
    let mut task = json!({
        "resourceType": "Task",
        "meta": { "profile": [profile_url("Task")] },
    });
    put(&mut task, "extension", Some(json!(extensions)));
    put(&mut task, "identifier", Some(event.identifiers(&key)));
    put(&mut task, "status", Some(json!(status_of_task(event))));
    put(&mut task, "intent", Some(json!("plan")));
    put(&mut task, "code", Some(code));
    put(&mut task, "description", event.row.text(Column::EventDescription).map(|text| json!(text)));
    put(&mut task, "for", Some(event.patient()));
    put(&mut task, "executionPeriod", Some(event.period()));
    put(&mut task, "authoredOn", Some(json!(event.start.to_string())));
    put(&mut task, "owner", Some(event.council()));
    put(&mut task, "reasonReference", support_reason::reference(reason));
    put(&mut task, "input", Some(json!(input)));
    put(&mut task, "output", Some(json!(output)));
    Entry::upsert(key, task)
}
