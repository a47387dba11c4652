//! A request for support: a ServiceRequest, and a Task for what came of it.

use serde_json::json;

use super::column::Column;
use super::event::{Event, put, task_part};
use super::label::{CLIENT_TYPE, OUTCOME, ROUTE_OF_ACCESS};
use crate::{Entry, codeable, profile_url, reference};

const SOURCE_OF_REQUEST: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-SourceOfServiceRequest";

/// Maps a request.
pub(super) fn entries(event: &mut Event<'_>) -> Vec<Entry> {
    let key = event.own_key("ServiceRequest");
    let mut extensions = event.extensions(&[(Column::ClientType, &CLIENT_TYPE)]);
    if let Some(route) = event.concept(Column::RouteOfAccess, &ROUTE_OF_ACCESS) {
        extensions.push(json!({ "url": SOURCE_OF_REQUEST, "valueCodeableConcept": route }));
    }
    let status = if event.is_over() { "completed" } else { "active" };
    let mut request = json!({
        "resourceType": "ServiceRequest",
        "meta": { "profile": [profile_url("ServiceRequest")] },
    });
    put(&mut request, "extension", Some(json!(extensions)));
    put(&mut request, "identifier", Some(event.identifiers(&key)));
    put(&mut request, "status", Some(json!(status)));
    put(&mut request, "intent", Some(json!("plan")));
    put(&mut request, "category", Some(json!([codeable("urn:weir:cld:event-type", "request", "Request for support")])));
    put(&mut request, "subject", Some(event.patient()));
    put(&mut request, "occurrencePeriod", Some(event.period()));
    put(&mut request, "authoredOn", Some(json!(event.start.to_string())));
    put(&mut request, "performer", Some(json!([event.council()])));
    put(&mut request, "note", event.row.text(Column::EventDescription).map(|text| json!([{ "text": text }])));
    let task = event.concept(Column::EventOutcome, &OUTCOME).map(|outcome| {
        let task_key = event.own_key("Task");
        let task = json!({
            "resourceType": "Task",
            "meta": { "profile": [profile_url("Task")] },
            "identifier": [{ "system": task_key.system, "value": task_key.value }],
            "status": status_of_task(event),
            "intent": "plan",
            "code": codeable("urn:weir:cld:event-type", "request", "Request for support"),
            "focus": reference("ServiceRequest", &key),
            "for": event.patient(),
            "executionPeriod": event.period(),
            "authoredOn": event.start.to_string(),
            "owner": event.council(),
            "output": [task_part("Event outcome", &outcome)],
        });
        Entry::upsert(task_key, task)
    });
    std::iter::once(Entry::upsert(key, request)).chain(task).collect()
}

/// A task is done when its event has ended.
pub(super) fn status_of_task(event: &Event<'_>) -> &'static str {
    if event.is_over() { "completed" } else { "in-progress" }
}
