//! Taking back a merge or a link: the pointer moves back, and the merged Patient no longer says that another took its place.

use policy::{Grant, Version};
use serde_json::{Value, json};
use store::{PersonUndo, StoreError, WriteBatch, WriteOp};

use crate::{Ingest, IngestError};

impl Ingest {
    /// Undoes the newest merge or link of a Patient. `false`: there is none.
    pub async fn unmerge(&self, patient_id: &str, reason: &str) -> Result<bool, IngestError> {
        let (store, grant) = (self.store(), self.grant());
        let Some(event) = store.last_person_event(patient_id).await? else { return Ok(false) };
        let moved = store.patients_moved(event).await?;
        let Some(person) = store.person_of_patient(patient_id).await? else { return Ok(false) };
        let stay = store.patients_of_person(person).await?.into_iter().filter(|id| !moved.contains(id));
        let survivors: Vec<String> = stay.map(|id| format!("Patient/{id}")).collect();
        let mut batch = WriteBatch::new(Vec::new(), policy::Source::feed("weir"));
        for id in &moved {
            let Some(version) = store.read(grant, "Patient", id).await?.filter(|version| !version.facts().deleted)
            else {
                continue;
            };
            let Some(value) = self.restored(&version, &survivors).await? else { continue };
            let resource = match self.validate_again(&value) {
                Ok(resource) => resource,
                Err(_) => {
                    tracing::warn!(patient = id, "the merged Patient is left as it stands: it is not valid any more");
                    continue;
                }
            };
            batch.source = version.facts().source.clone();
            let if_match = Some(version.facts().version.into());
            let interaction = policy::Interaction::Update;
            batch.ops.push(WriteOp::Put { resource, id: id.clone(), interaction, if_match, if_none_exist: None });
        }
        batch.undo = Some(PersonUndo { event, reason: reason.to_owned() });
        store.write(grant, batch).await?;
        Ok(true)
    }

    /// The Patient without its pointers to the survivors, active as it was before; none when it has no such pointer.
    async fn restored(&self, version: &Version, survivors: &[String]) -> Result<Option<Value>, StoreError> {
        let Some(mut value) = body(version, self.grant()) else { return Ok(None) };
        if !is_replaced(&value, survivors) {
            return Ok(None);
        }
        let facts = version.facts();
        let mut active = None;
        for number in (1..facts.version).rev() {
            let earlier = self.store().vread(self.grant(), "Patient", &facts.id, number).await?;
            let earlier = earlier.as_ref().and_then(|earlier| body(earlier, self.grant()));
            if let Some(earlier) = earlier.filter(|earlier| !is_replaced(earlier, survivors)) {
                active = earlier.get("active").cloned();
                break;
            }
        }
        if let Some(patient) = value.as_object_mut() {
            let links = patient.get("link").and_then(Value::as_array).cloned().unwrap_or_default();
            let others: Vec<Value> = links.into_iter().filter(|link| !replaces(link, survivors)).collect();
            set(patient, "link", (!others.is_empty()).then(|| json!(others)));
            set(patient, "active", active);
        }
        Ok(Some(value))
    }
}

fn body(version: &Version, grant: &Grant) -> Option<Value> {
    fhir::Json::parse(version.system_body(grant)?).ok().map(|json| json.root().to_value())
}

fn is_replaced(patient: &Value, survivors: &[String]) -> bool {
    let links = patient.get("link").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    links.iter().any(|link| replaces(link, survivors))
}

fn replaces(link: &Value, survivors: &[String]) -> bool {
    let other = link.pointer("/other/reference").and_then(Value::as_str).unwrap_or_default();
    link.get("type").and_then(Value::as_str) == Some("replaced-by") && survivors.iter().any(|one| one == other)
}

fn set(object: &mut serde_json::Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.shift_remove(name),
    };
}
