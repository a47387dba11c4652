//! One event of a person: its kind, its days, its identity.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::cell::normalise;
use super::column::Column;
use super::label::{self, Known, List};
use super::row::{Row, RowError, unknown_label};
use crate::{BusinessKey, system};

/// The four kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Assessment,
    Service,
    Review,
}

impl Kind {
    pub(super) fn parse(text: &str) -> Option<Kind> {
        match normalise(text).as_str() {
            "request" => Some(Self::Request),
            "assessment" => Some(Self::Assessment),
            "service" => Some(Self::Service),
            "review" => Some(Self::Review),
            _ => None,
        }
    }

    /// The word under which the kind is counted and coded.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Assessment => "assessment",
            Self::Service => "service",
            Self::Review => "review",
        }
    }
}

/// An event with what all four kinds share.
pub(super) struct Event<'a> {
    pub(super) row: &'a Row<'a>,
    pub(super) kind: Kind,
    pub(super) la_code: &'a str,
    pub(super) person_id: &'a str,
    pub(super) start: Date,
    /// The end that was sent, cropped at the date of death; a service may have none.
    pub(super) end: Option<Date>,
    pub(super) period_end: Date,
    pub(super) today: Date,
    pub(super) issues: Vec<fhir::Issue>,
    /// The identity of the event among those of the person.
    pub(super) identity: String,
}

impl<'a> Event<'a> {
    pub(super) fn read(row: &'a Row<'a>, today: Date) -> Result<Event<'a>, RowError> {
        let kind = Kind::parse(row.required(Column::EventType)?).ok_or_else(|| RowError {
            column: Column::EventType,
            reason: "Request, Assessment, Service or Review is expected".to_owned(),
        })?;
        let start = row.required_date(Column::EventStart)?;
        let sent_end = match kind {
            Kind::Service => row.date(Column::EventEnd)?,
            _ => Some(row.required_date(Column::EventEnd)?),
        };
        if sent_end.is_some_and(|end| end < start) {
            return Err(RowError { column: Column::EventEnd, reason: "it lies before the start".to_owned() });
        }
        let death = row.date(Column::DateOfDeath)?;
        if death.is_some_and(|death| death < start) {
            return Err(RowError { column: Column::EventStart, reason: "it lies after the date of death".to_owned() });
        }
        let end = match (sent_end, death) {
            (Some(end), Some(death)) => Some(end.min(death)),
            (end, death) => end.or(death),
        };
        let mut event = Event {
            row,
            kind,
            la_code: la_code(row)?,
            person_id: row.required(Column::PersonId)?,
            start,
            end,
            period_end: row.required_date(Column::PeriodEnd)?,
            today,
            issues: Vec::new(),
            identity: String::new(),
        };
        event.identity = event.identity_of(sent_end);
        Ok(event)
    }

    /// The event reference is not reliable: an event is what happened to whom, of which sort, from when to when.
    fn identity_of(&self, sent_end: Option<Date>) -> String {
        let part = |column: Column, list: &List| {
            self.row.text(column).map(|text| list.code(text).map_or_else(|| normalise(text), str::to_owned))
        };
        let mut parts = vec![Some(self.kind.code().to_owned()), Some(self.start.to_string())];
        if self.kind != Kind::Service {
            parts.push(sent_end.map(|end| end.to_string()));
        }
        parts.push(part(Column::ClientType, &label::CLIENT_TYPE));
        match self.kind {
            Kind::Request => parts.push(part(Column::RouteOfAccess, &label::ROUTE_OF_ACCESS)),
            Kind::Assessment => parts.push(part(Column::AssessmentType, &label::ASSESSMENT_TYPE)),
            Kind::Service => {
                parts.push(part(Column::ServiceType, &label::SERVICE_TYPE));
                parts.push(part(Column::ServiceComponent, &label::SERVICE_COMPONENT));
            }
            Kind::Review => parts.push(part(Column::ReviewReason, &label::REVIEW_REASON)),
        }
        parts.into_iter().map(|part| part.unwrap_or_else(|| "-".to_owned())).collect::<Vec<_>>().join("/")
    }

    /// The key of the patient: the council's own number of the person.
    pub(super) fn patient_key(&self) -> BusinessKey {
        BusinessKey::new("Patient", self.id_system("social-care-person"), self.person_id)
    }

    /// The key of a resource of this person.
    pub(super) fn key(&self, type_name: &str, what: &str) -> BusinessKey {
        let value = format!("{}/{what}", self.person_id);
        BusinessKey::new(type_name, self.id_system("social-care-event"), value)
    }

    /// The key of the event itself.
    pub(super) fn own_key(&self, type_name: &str) -> BusinessKey {
        self.key(type_name, &self.identity)
    }

    /// An identifier system of the council.
    pub(super) fn id_system(&self, name: &str) -> String {
        format!("https://fhir.nhs.uk/{}/Id/{name}", self.la_code)
    }

    /// The identifiers of an event resource: its identity, and the sender's reference.
    pub(super) fn identifiers(&self, key: &BusinessKey) -> Value {
        let mut identifiers = vec![json!({ "system": key.system, "value": key.value })];
        if let Some(reference) = self.row.text(Column::EventReference) {
            identifiers.push(json!({ "system": self.id_system("social-care-event-reference"), "value": reference }));
        }
        Value::Array(identifiers)
    }

    /// A reference to the person.
    pub(super) fn patient(&self) -> Value {
        crate::reference("Patient", &self.patient_key())
    }

    /// A reference to the council, by its code alone.
    pub(super) fn council(&self) -> Value {
        let system = if self.la_code.len() == 3 { system::ODS_ORGANISATION } else { "urn:weir:cld:la-code" };
        json!({ "type": "Organization", "identifier": { "system": system, "value": self.la_code } })
    }

    /// The days of the event.
    pub(super) fn period(&self) -> Value {
        let mut period = json!({ "start": self.start.to_string() });
        if let (Some(end), Some(period)) = (self.end, period.as_object_mut()) {
            period.insert("end".to_owned(), json!(end.to_string()));
        }
        period
    }

    /// Whether the event has ended by the day on which it was received.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= self.today)
    }

    /// The label in a column as a concept; one that the list does not know is kept as text with an issue.
    pub(super) fn concept(&mut self, column: Column, list: &List) -> Option<Value> {
        let (concept, known) = list.concept(self.row.text(column)?);
        if known == Known::No {
            self.issues.push(unknown_label(column));
        }
        Some(concept)
    }

    /// Client type, funding status and outcome have no place of their own in every resource: they are extensions.
    pub(super) fn extensions(&mut self, columns: &[(Column, &List)]) -> Vec<Value> {
        let concepts: Vec<_> =
            columns.iter().filter_map(|(column, list)| Some((list.system, self.concept(*column, list)?))).collect();
        concepts.into_iter().map(|(url, value)| json!({ "url": url, "valueCodeableConcept": value })).collect()
    }
}

/// The code of the council; what is not a code cannot name anything.
fn la_code<'a>(row: &Row<'a>) -> Result<&'a str, RowError> {
    let code = row.required(Column::LaCode)?;
    let is_code = (2..=10).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let reason = "letters and digits are expected".to_owned();
    if is_code { Ok(code) } else { Err(RowError { column: Column::LaCode, reason }) }
}

/// An input or output of a task, named in words.
pub(super) fn task_part(name: &str, value: &Value) -> Value {
    json!({ "type": { "text": name }, "valueCodeableConcept": value })
}

/// Puts an element into an object if there is one to put.
pub(super) fn put(resource: &mut Value, name: &str, value: Option<Value>) {
    let is_empty = value.as_ref().is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
    if let (Some(object), Some(value), false) = (resource.as_object_mut(), value, is_empty) {
        object.insert(name.to_owned(), value);
    }
}
