//! A service: an EpisodeOfCare, and the ServiceRequest that orders it where the row says how much, how or from whom.

use serde_json::{Value, json};

use super::column::Column;
use super::event::{Event, put};
use super::label::{CLIENT_TYPE, DELIVERY_MECHANISM, FUNDING, OUTCOME, SERVICE_COMPONENT, SERVICE_TYPE};
use super::support_reason;
use crate::{Entry, codeable, profile_url, reference};

/// Maps a service.
pub(super) fn entries(event: &mut Event<'_>, reason: Option<&Entry>) -> Vec<Entry> {
    let component = event.concept(Column::ServiceComponent, &SERVICE_COMPONENT);
    let order = order(event, component.as_ref(), reason);
    let key = event.own_key("EpisodeOfCare");
    let mut extensions = event.extensions(&[
        (Column::ClientType, &CLIENT_TYPE),
        (Column::FundingStatus, &FUNDING),
        (Column::EventOutcome, &OUTCOME),
    ]);
    if let Some(text) = event.row.text(Column::EventDescription) {
        extensions.push(json!({ "url": "urn:weir:cld:event-description", "valueString": text }));
    }
    let types: Vec<Value> = component.into_iter().chain(event.concept(Column::ServiceType, &SERVICE_TYPE)).collect();
    let mut episode = json!({
        "resourceType": "EpisodeOfCare",
        "meta": { "profile": [profile_url("EpisodeOfCare")] },
    });
    put(&mut episode, "extension", Some(json!(extensions)));
    put(&mut episode, "identifier", Some(event.identifiers(&key)));
    put(&mut episode, "status", Some(json!(status(event))));
    put(&mut episode, "type", Some(json!(types)));
    let diagnosis = support_reason::reference(reason).map(|condition| json!([{ "condition": condition }]));
    put(&mut episode, "diagnosis", diagnosis);
    put(&mut episode, "patient", Some(event.patient()));
    put(&mut episode, "managingOrganization", Some(event.council()));
    put(&mut episode, "period", Some(event.period()));
    let ordered = order.as_ref().map(|order| json!([reference("ServiceRequest", &order.key)]));
    put(&mut episode, "referralRequest", ordered);
    order.into_iter().chain(std::iter::once(Entry::upsert(key, episode))).collect()
}

/// A service without an end goes on; one that starts later is planned.
fn status(event: &Event<'_>) -> &'static str {
    if event.is_over() {
        "finished"
    } else if event.start > event.today {
        "planned"
    } else {
        "active"
    }
}

fn order(event: &mut Event<'_>, component: Option<&Value>, reason: Option<&Entry>) -> Option<Entry> {
    let units = units(event);
    let mechanism = event.concept(Column::DeliveryMechanism, &DELIVERY_MECHANISM);
    let provider = provider(event);
    if units.is_none() && mechanism.is_none() && provider.is_none() {
        return None;
    }
    let key = event.own_key("ServiceRequest");
    let status = if event.is_over() { "completed" } else { "active" };
    let mut order = json!({
        "resourceType": "ServiceRequest",
        "meta": { "profile": [profile_url("ServiceRequest")] },
        "identifier": [{ "system": key.system, "value": key.value }],
        "status": status,
        "intent": "order",
        "category": [codeable("urn:weir:cld:event-type", "service", "Social care service")],
    });
    put(&mut order, "code", component.cloned());
    // Invariant prr-1: what details an order needs a code that it details.
    let details = mechanism.filter(|_| component.is_some()).map(|mechanism| json!([mechanism]));
    put(&mut order, "orderDetail", details);
    put(&mut order, "quantityQuantity", units);
    put(&mut order, "subject", Some(event.patient()));
    put(&mut order, "occurrencePeriod", Some(event.period()));
    put(&mut order, "authoredOn", Some(json!(event.start.to_string())));
    put(&mut order, "requester", Some(event.council()));
    put(&mut order, "performer", provider.map(|provider| json!([provider])));
    put(&mut order, "reasonReference", support_reason::reference(reason).map(|reason| json!([reason])));
    Some(Entry::upsert(key, order))
}

/// Planned units a week, in the unit of the cost frequency; the cost itself is not clinical and stays out.
fn units(event: &mut Event<'_>) -> Option<Value> {
    let text = event.row.text(Column::PlannedUnits)?;
    let is_number = text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0)
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit());
    if !is_number {
        let words = "column `Planned units per week`: a number is expected; it was left out";
        event.issues.push(fhir::Issue::warning("value", words).detail("element-left-out"));
        return None;
    }
    let value = serde_json::from_str::<Value>(text).ok()?;
    let unit = event.row.text(Column::CostFrequency).map_or_else(
        || "units per week".to_owned(),
        |frequency| format!("units per week ({})", frequency.to_lowercase()),
    );
    Some(json!({ "value": value, "unit": unit }))
}

fn provider(event: &Event<'_>) -> Option<Value> {
    let id = event.row.text(Column::ProviderId);
    let name = event.row.text(Column::ProviderName);
    if id.is_none() && name.is_none() {
        return None;
    }
    let mut provider = json!({ "type": "Organization" });
    put(&mut provider, "identifier", id.map(|id| json!({ "system": "urn:weir:cld:cqc-location-id", "value": id })));
    put(&mut provider, "display", name.map(|name| json!(name)));
    Some(provider)
}
