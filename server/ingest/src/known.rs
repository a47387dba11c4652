//! What is stored of the resources that a message tells of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use feeds::Mapped;
use fhir::Json;
use policy::Grant;
use serde_json::Value;
use store::{Standing, Store, StoreError};

use crate::confidentiality;
use crate::incoming::{Incoming, Naming};
use crate::logical_id::LogicalIds;

/// Resources as they stand, by type and id.
#[derive(Default)]
pub(crate) struct Known {
    of: HashMap<(String, String), Standing>,
}

impl Known {
    /// Reads what the message tells of, and the Patients that it merges.
    pub(crate) async fn read(
        store: &Store,
        grant: &Grant,
        ids: &LogicalIds,
        mapped: &[Mapped],
        own: &str,
        incoming: &Incoming,
    ) -> Result<Known, StoreError> {
        let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        // What a message that is run again has proved before is not forgotten.
        if incoming.replay.is_some() {
            let sha256 = incoming.sha256();
            let named = mapped.iter().map(|unit| ids.of_provenance(unit.source.feed.name(), &sha256, &unit.message_id));
            wanted.entry("Provenance").or_default().extend(named);
        }
        for unit in mapped {
            let naming = Naming::of(ids, unit, own);
            for entry in &unit.entries {
                wanted.entry(&entry.key.type_name).or_default().insert(naming.id(&entry.key));
            }
            for action in &unit.actions {
                let (survivor, loser) = naming.merge(action);
                wanted.entry("Patient").or_default().extend([survivor, loser]);
            }
        }
        let feed = incoming.feed.name();
        let mut known = Known::default();
        for (type_name, ids) in wanted {
            let ids: Vec<String> = ids.into_iter().collect();
            for standing in store.standings(grant, feed, type_name, &ids).await? {
                known.of.insert((type_name.to_owned(), standing.id.clone()), standing);
            }
        }
        let actions = mapped.iter().flat_map(|unit| unit.actions.iter().map(move |action| (unit, action)));
        let survivors = actions.map(|(unit, action)| Naming::of(ids, unit, own).merge(action).0);
        known.follow(store, grant, feed, survivors.collect()).await?;
        Ok(known)
    }

    /// Reads the records that took the place of the survivors, so that no merge is made in a circle.
    async fn follow(
        &mut self,
        store: &Store,
        grant: &Grant,
        feed: &str,
        survivors: Vec<String>,
    ) -> Result<(), StoreError> {
        let mut survivors: BTreeSet<String> = survivors.into_iter().collect();
        while !survivors.is_empty() {
            let next = survivors.iter().flat_map(|id| self.replacements(id));
            let unread: BTreeSet<String> = next.filter(|id| self.get("Patient", id).is_none()).collect();
            let ids: Vec<String> = unread.into_iter().collect();
            let found = store.standings(grant, feed, "Patient", &ids).await?;
            survivors = found.iter().map(|standing| standing.id.clone()).collect();
            for standing in found {
                self.of.insert(("Patient".to_owned(), standing.id.clone()), standing);
            }
        }
        Ok(())
    }

    /// The ids of the Patients of which a stored Patient says that they took its place.
    pub(crate) fn replacements(&self, id: &str) -> Vec<String> {
        let patient = self.value("Patient", id).unwrap_or_default();
        let links = patient.get("link").and_then(Value::as_array).into_iter().flatten();
        let replaced_by = links.filter(|link| link.get("type").and_then(Value::as_str) == Some("replaced-by"));
        let others =
            replaced_by.filter_map(|link| link.pointer("/other/reference")?.as_str()?.strip_prefix("Patient/"));
        others.map(str::to_owned).collect()
    }

    /// How a resource stands.
    pub(crate) fn get(&self, type_name: &str, id: &str) -> Option<&Standing> {
        self.of.get(&(type_name.to_owned(), id.to_owned()))
    }

    /// Version and whether it is a deletion.
    pub(crate) fn version(&self, type_name: &str, id: &str) -> Option<(u64, bool)> {
        self.get(type_name, id).map(|standing| (standing.version, standing.is_deleted))
    }

    /// The resource, unless it is deleted.
    pub(crate) fn json(&self, type_name: &str, id: &str) -> Option<Json> {
        let standing = self.get(type_name, id).filter(|standing| !standing.is_deleted)?;
        Json::parse(&standing.body).ok()
    }

    /// The resource as a value.
    pub(crate) fn value(&self, type_name: &str, id: &str) -> Option<Value> {
        self.json(type_name, id).map(|json| json.root().to_value())
    }

    /// Puts the labels that others gave the resource into what is to take its place; whether any was missing there.
    pub(crate) fn keep_labels(&self, type_name: &str, id: &str, resource: &mut Value) -> bool {
        let of_others = self.get(type_name, id).and_then(|standing| Json::parse(&standing.body_of_others).ok());
        of_others.is_some_and(|json| confidentiality::keep(&json.root().to_value(), resource))
    }
}
