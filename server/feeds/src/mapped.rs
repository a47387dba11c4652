//! What a mapping gives: resources with their business keys, issues, the source, and acts on patients.

use std::collections::BTreeMap;

use fhir::{Instant, Issue};
use serde_json::Value;

use crate::{BusinessKey, Feed};

/// One message (or one row) mapped to UK Core.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The resources, those referred to before those that refer.
    pub entries: Vec<Entry>,
    /// What was left out or looked odd. An issue of severity error sends the message to quarantine.
    pub issues: Vec<Issue>,
    /// Where it came from.
    pub source: Source,
    /// The sender's own id of the message, for idempotency: control id, bundle id, event key.
    pub message_id: String,
    /// Which part of the source it is, as `line-7`, when the source holds several; no two alike, and nothing that was sent.
    pub part: Option<String>,
    /// Acts on patients that are not a resource of their own.
    pub actions: Vec<PatientAction>,
    /// When it happened, as the source says; an older message never overwrites a newer fact.
    pub event_time: Option<Instant>,
    /// How many things of each kind the source held (messages, STU3 entries, rows), for reconciliation.
    pub counts: BTreeMap<String, usize>,
}

/// One resource and how it is to be stored.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The resource, without an id; references are conditional (see [`crate::reference`]).
    pub resource: Value,
    /// By what a later message finds the same resource.
    pub key: BusinessKey,
    /// How it meets what is stored.
    pub method: Method,
    /// Top-level elements that the source asks to delete (HL7 v2 `""`); used by [`Method::Merge`].
    pub cleared: Vec<String>,
    /// The part of the source that it was, where each is stored or refused by itself.
    pub part: Option<EntryPart>,
}

/// A part of a source message that became one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPart {
    /// What the source calls it, as it is counted in [`Mapped::counts`].
    pub kind: &'static str,
    /// Which one it is, as `entry-7`.
    pub name: String,
}

/// How an entry meets a stored resource with the same business key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The source tells the whole resource: it takes the place of what is stored.
    Upsert,
    /// The source tells what it knows: elements that it does not send stay (see [`Entry::onto`]).
    Merge,
    /// The source says that it is no more.
    Delete,
}

/// What a message does to patients besides their resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatientAction {
    /// Two records are one patient (A40): the loser is replaced by the survivor.
    Merge {
        /// The record that stays.
        survivor: BusinessKey,
        /// The record that is merged into it.
        loser: BusinessKey,
    },
}

/// Where a message came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The kind of feed.
    pub feed: Feed,
    /// The sending application, as `EPIC`.
    pub system: Option<String>,
    /// The sending organisation.
    pub ods_code: Option<String>,
}

/// A security label of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The code system, as [`crate::system::CONFIDENTIALITY`].
    pub system: String,
    /// The code, as `R`.
    pub code: String,
}

impl Entry {
    /// An entry that takes the place of what is stored.
    pub fn upsert(key: BusinessKey, resource: Value) -> Self {
        Self { resource, key, method: Method::Upsert, cleared: Vec::new(), part: None }
    }

    /// An entry that adds to what is stored.
    pub fn merge(key: BusinessKey, resource: Value) -> Self {
        Self { resource, key, method: Method::Merge, cleared: Vec::new(), part: None }
    }

    /// The resource to store, given what is stored now (with its id and meta, or none).
    ///
    /// `Merge` keeps elements that the source did not send. `identifier` is joined by system and value (the NHS
    /// number by system), `extension` by url, `period` and `hospitalization` by member; `meta.profile` and `meta.security` are unions: a label falls only when the
    /// source clears it (`meta.security` in [`Entry::cleared`]). A choice element (`deceased[x]`) leaves as one.
    pub fn onto(&self, stored: Option<&Value>) -> Value {
        let (Method::Merge, Some(Value::Object(stored))) = (self.method, stored) else {
            return self.resource.clone();
        };
        let Value::Object(new) = &self.resource else {
            return self.resource.clone();
        };
        let mut joined = stored.clone();
        for name in &self.cleared {
            match name.as_str() {
                "meta.security" => {
                    if let Some(Value::Object(meta)) = joined.get_mut("meta") {
                        meta.remove("security");
                    }
                }
                choice if choice.ends_with("[x]") => remove_choice(&mut joined, choice.trim_end_matches("[x]")),
                name => {
                    joined.remove(name);
                }
            }
        }
        for (name, value) in new {
            if let Some(stem) = CHOICES.iter().find(|stem| name.starts_with(**stem)) {
                remove_choice(&mut joined, stem);
            }
            let value = match (name.as_str(), joined.get(name)) {
                ("identifier", Some(old)) => union(value, old, same_identifier),
                ("extension", Some(old)) => union(value, old, |a, b| a.get("url") == b.get("url")),
                ("meta", Some(old)) => join_meta(value, old),
                ("period" | "hospitalization", Some(old)) => join_members(value, old),
                _ => value.clone(),
            };
            joined.insert(name.clone(), value);
        }
        Value::Object(joined)
    }
}

/// Stems of the choice elements that merged resources use.
const CHOICES: [&str; 2] = ["deceased", "multipleBirth"];

fn remove_choice(resource: &mut serde_json::Map<String, Value>, stem: &str) {
    resource.retain(|name, _| !name.trim_start_matches('_').starts_with(stem));
}

/// A person has one NHS number: a corrected one takes the place of the wrong one, which stays in history.
fn same_identifier(a: &Value, b: &Value) -> bool {
    let is_nhs_number = a.get("system").and_then(Value::as_str) == Some(crate::system::NHS_NUMBER);
    a.get("system") == b.get("system") && (is_nhs_number || a.get("value") == b.get("value"))
}

/// The new items, then the old ones that none of them replaces.
fn union(new: &Value, old: &Value, same: impl Fn(&Value, &Value) -> bool) -> Value {
    let (Value::Array(new), Value::Array(old)) = (new, old) else {
        return new.clone();
    };
    let kept = old.iter().filter(|item| !new.iter().any(|other| same(other, item)));
    Value::Array(new.iter().chain(kept).cloned().collect())
}

/// The new members, and the old ones that are not sent: an admission time stays when the discharge comes.
fn join_members(new: &Value, old: &Value) -> Value {
    let (Value::Object(new), Value::Object(old)) = (new, old) else {
        return new.clone();
    };
    let mut joined = old.clone();
    joined.extend(new.clone());
    Value::Object(joined)
}

fn join_meta(new: &Value, old: &Value) -> Value {
    let (Value::Object(new), Value::Object(old)) = (new, old) else {
        return new.clone();
    };
    let mut joined = old.clone();
    for (name, value) in new {
        let value = joined.get(name).map_or_else(|| value.clone(), |old| union(value, old, |a, b| a == b));
        joined.insert(name.clone(), value);
    }
    Value::Object(joined)
}
