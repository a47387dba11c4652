//! What a message does to the store, worked out from what is stored. Pure: the same message and the same store give the same
//! plan, so that it can be made again when somebody else wrote in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use feeds::{Entry, Feed, Mapped, Method};
use fhir::{Instant, Issue, Json, Severity};
use policy::Interaction;
use profiles::{AnsweredFacts, Options, Strictness, Validated, Validator, Verdict};
use search::Registry;
use serde_json::{Value, json};
use store::WriteOp;

use crate::incoming::{Incoming, Naming};
use crate::known::Known;
use crate::logical_id::LogicalIds;
use crate::provenance;

/// What a plan is made with.
pub(crate) struct Planner<'a> {
    pub(crate) ids: &'a LogicalIds,
    pub(crate) validator: &'a Validator,
    pub(crate) registry: &'a Registry,
    pub(crate) strictness: Strictness,
    /// The ODS code of the organisation that runs this server.
    pub(crate) own: &'a str,
}

/// A resource that is written.
pub(crate) struct Put {
    pub(crate) type_name: String,
    pub(crate) id: String,
    pub(crate) resource: Validated,
    value: Value,
}

/// A part of a message that is not stored, and why.
pub(crate) struct Refusal {
    pub(crate) unit: String,
    pub(crate) code: &'static str,
    pub(crate) issues: Vec<Issue>,
}

/// What a message does.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) puts: Vec<Put>,
    place: HashMap<(String, String), usize>,
    pub(crate) deletes: Vec<(String, String)>,
    /// Survivor and loser.
    pub(crate) merges: Vec<(String, String)>,
    pub(crate) refused: Vec<Refusal>,
    /// What was said about what is stored.
    pub(crate) issues: Vec<Issue>,
    pub(crate) counts: BTreeMap<String, u64>,
    /// Logical ids of the Patients that it is about.
    pub(crate) patients: BTreeSet<String>,
    pub(crate) event_time: Option<Instant>,
    source: Option<feeds::Source>,
}

impl Planner<'_> {
    /// Makes the plan.
    pub(crate) fn plan(&self, incoming: &Incoming, mapped: &[Mapped], known: &Known) -> Plan {
        let mut plan = Plan::default();
        let sha256 = incoming.sha256();
        for unit in mapped {
            for (kind, count) in &unit.counts {
                *plan.counts.entry(kind.clone()).or_default() += *count as u64;
            }
            let naming = Naming::of(self.ids, unit, self.own);
            let work = Unit { planner: self, incoming, mapped: unit, naming, known, sha256: &sha256 };
            if let Err(refusal) = work.add_to(&mut plan) {
                plan.refused.push(refusal);
            }
        }
        plan
    }

    fn validate(&self, value: &Value) -> Result<Validated, Vec<Issue>> {
        let options = Options { strictness: self.strictness, ..Options::default() };
        let json = Json::from_value(value);
        match self.validator.validate(json, &options, &AnsweredFacts::new()) {
            Verdict::Validated(validated) => Ok(validated),
            Verdict::Refused(issues) => Err(issues.into_iter().filter(Issue::is_error).collect()),
            Verdict::Needs { .. } => {
                Err(vec![Issue::error("processing", "the validation asks for what is not known here")])
            }
        }
    }
}

/// One mapped unit on its way into the plan.
struct Unit<'a> {
    planner: &'a Planner<'a>,
    incoming: &'a Incoming,
    mapped: &'a Mapped,
    naming: Naming<'a>,
    known: &'a Known,
    sha256: &'a str,
}

impl Unit<'_> {
    fn add_to(&self, plan: &mut Plan) -> Result<(), Refusal> {
        if self.mapped.issues.iter().any(Issue::is_error) {
            return Err(self.refusal("mapping-refused", self.mapped.issues.clone()));
        }
        if plan.source.as_ref().is_some_and(|source| *source != self.mapped.source) {
            let text = "a file holds what one organisation sends; this is another's than what stands before it";
            return Err(self.refusal("other-organisation", vec![Issue::error("business-rule", text)]));
        }
        let mut issues = self.mapped.issues.clone();
        let mut puts: Vec<Put> = Vec::new();
        let mut deletes = Vec::new();
        let mut refused: Vec<Refusal> = Vec::new();
        for entry in &self.mapped.entries {
            let id = self.naming.id(&entry.key);
            if self.is_old(&entry.key.type_name, &id) {
                let text = format!("{}: newer facts are stored; left out", entry.key.type_name);
                issues.push(Issue::information("conflict", text).detail("older-than-stored"));
            } else if entry.method == Method::Delete {
                deletes.push((entry.key.type_name.clone(), id));
            } else {
                match self.put(entry, id.clone(), plan, &puts) {
                    Ok(put) => puts.push(put),
                    Err(found) => refused.push(Refusal {
                        unit: format!("{}#{}/{id}", self.mapped.message_id, entry.key.type_name),
                        code: "resource-invalid",
                        issues: found,
                    }),
                }
            }
        }
        self.merge(plan, &mut puts, &mut refused, &mut issues);
        if self.mapped.source.feed == Feed::GpConnect {
            self.refuse_with_patient(&mut puts, &mut refused);
        } else if !refused.is_empty() {
            return Err(self.refusal("resource-invalid", refused.into_iter().flat_map(|one| one.issues).collect()));
        }
        self.prove(&mut puts, plan).map_err(|found| self.refusal("provenance-invalid", found))?;
        for action in &self.mapped.actions {
            plan.merges.push(self.naming.merge(action));
        }
        plan.accept(puts, deletes);
        plan.refused.extend(refused);
        plan.issues.extend(issues);
        plan.source = Some(self.mapped.source.clone());
        plan.event_time = plan.event_time.max(Some(self.incoming.event_time(self.mapped)));
        Ok(())
    }

    fn refusal(&self, code: &'static str, issues: Vec<Issue>) -> Refusal {
        Refusal { unit: self.mapped.message_id.clone(), code, issues }
    }

    fn is_old(&self, type_name: &str, id: &str) -> bool {
        let happened = self.incoming.event_time(self.mapped);
        self.known.event_time(type_name, id).is_some_and(|newest| newest > happened)
    }

    /// An entry as it will be stored: laid over what this message said before, or over what is stored.
    fn put(&self, entry: &Entry, id: String, plan: &Plan, before: &[Put]) -> Result<Put, Vec<Issue>> {
        let type_name = entry.key.type_name.clone();
        let stored = match entry.method {
            Method::Merge => {
                let earlier = before.iter().find(|put| put.is(&type_name, &id)).or_else(|| plan.get(&type_name, &id));
                earlier.map(|put| put.value.clone()).or_else(|| self.known.value(&type_name, &id))
            }
            Method::Upsert | Method::Delete => None,
        };
        let mut value = entry.onto(stored.as_ref());
        self.naming.link(&mut value);
        let resource = self.planner.validate(&value)?;
        Ok(Put { type_name, id, resource, value })
    }

    /// Tells readers of a merged Patient which record took its place. A Patient that is not stored yet is not made up: it
    /// points to the survivor's person all the same, now and when it comes.
    fn merge(&self, plan: &Plan, puts: &mut Vec<Put>, refused: &mut Vec<Refusal>, issues: &mut Vec<Issue>) {
        for action in &self.mapped.actions {
            let (survivor, loser) = self.naming.merge(action);
            let written = puts.iter().find(|put| put.is("Patient", &loser)).or_else(|| plan.get("Patient", &loser));
            let stored = written.map(|put| put.value.clone()).or_else(|| self.known.value("Patient", &loser));
            let Some(mut value) = stored else {
                let text = "the record that is merged is not stored; when it comes it will be of the survivor's person";
                issues.push(Issue::warning("not-found", text).detail("merged-record-unknown"));
                continue;
            };
            replaced_by(&mut value, &survivor);
            match self.planner.validate(&value) {
                Ok(resource) => puts.push(Put { type_name: "Patient".to_owned(), id: loser, resource, value }),
                Err(found) => {
                    refused.push(Refusal { unit: format!("Patient/{loser}"), code: "resource-invalid", issues: found });
                }
            }
        }
    }

    /// A resource whose patient is refused would be about somebody who is not there.
    fn refuse_with_patient(&self, puts: &mut Vec<Put>, refused: &mut Vec<Refusal>) {
        let suffix = |refusal: &Refusal| refusal.unit.rsplit('#').next().unwrap_or_default().to_owned();
        let patients: BTreeSet<String> =
            refused.iter().map(suffix).filter(|name| name.starts_with("Patient/")).collect();
        if patients.is_empty() {
            return;
        }
        puts.retain(|put| {
            let about = search::patients_of(put.resource.json(), self.planner.registry);
            let is_stranger = about.iter().any(|name| patients.contains(name));
            if is_stranger {
                let text = format!("the patient of this {} is refused", put.type_name);
                refused.push(Refusal {
                    unit: format!("{}#{}/{}", self.mapped.message_id, put.type_name, put.id),
                    code: "patient-refused",
                    issues: vec![Issue::error("business-rule", text)],
                });
            }
            !is_stranger
        });
    }

    /// Adds the Provenance of all that is written; it is about every Patient that they are about.
    fn prove(&self, puts: &mut Vec<Put>, plan: &mut Plan) -> Result<(), Vec<Issue>> {
        if puts.is_empty() {
            return Ok(());
        }
        let mut targets: BTreeSet<String> = puts.iter().map(|put| format!("{}/{}", put.type_name, put.id)).collect();
        for put in puts.iter() {
            let about = search::patients_of(put.resource.json(), self.planner.registry);
            targets.extend(about.into_iter().filter(|name| name.starts_with("Patient/")));
        }
        let statement = provenance::Statement {
            targets: &targets,
            occurred: self.incoming.event_time(self.mapped),
            received: self.incoming.received,
            author: self.naming.owner,
            assembler: self.planner.own,
            message_sha256: self.sha256,
        };
        let value = statement.to_value();
        let resource = self.planner.validate(&value)?;
        let id = self.planner.ids.of_provenance(self.naming.feed, self.sha256, &self.mapped.message_id);
        puts.push(Put { type_name: "Provenance".to_owned(), id, resource, value });
        let ids = targets.iter().filter_map(|name| name.strip_prefix("Patient/")).map(str::to_owned);
        plan.patients.extend(ids);
        Ok(())
    }
}

impl Put {
    fn is(&self, type_name: &str, id: &str) -> bool {
        self.type_name == type_name && self.id == id
    }
}

impl Plan {
    /// A resource that is written.
    pub(crate) fn get(&self, type_name: &str, id: &str) -> Option<&Put> {
        self.place.get(&(type_name.to_owned(), id.to_owned())).and_then(|place| self.puts.get(*place))
    }

    /// Whether nothing of the message is stored though something should be.
    pub(crate) fn is_refused(&self) -> bool {
        !self.refused.is_empty() && self.puts.is_empty() && self.deletes.is_empty() && self.merges.is_empty()
    }

    /// Where it comes from, for policy.
    pub(crate) fn source(&self, feed: Feed, own: &str) -> policy::Source {
        let source = self.source.as_ref();
        policy::Source {
            feed: feed.name().to_owned(),
            system: source.and_then(|source| source.system.clone()),
            ods_code: Some(source.and_then(|source| source.ods_code.clone()).unwrap_or_else(|| own.to_owned())),
        }
    }

    /// Keeps the last word on each resource.
    fn accept(&mut self, puts: Vec<Put>, deletes: Vec<(String, String)>) {
        for put in puts {
            let errors = put.resource.issues().iter().filter(|issue| issue.is_error()).cloned();
            self.issues.extend(errors.map(|issue| Issue { severity: Severity::Warning, ..issue }));
            let key = (put.type_name.clone(), put.id.clone());
            match self.place.get(&key).and_then(|place| self.puts.get_mut(*place)) {
                Some(earlier) => *earlier = put,
                None => {
                    self.place.insert(key, self.puts.len());
                    self.puts.push(put);
                }
            }
        }
        self.deletes.extend(deletes);
    }

    /// The writes, each held to the version that the plan was made from.
    pub(crate) fn take_operations(&mut self, known: &Known) -> Vec<WriteOp> {
        let expected = |type_name: &str, id: &str| match known.version(type_name, id) {
            // A Provenance is the message's own: nobody else writes it.
            _ if type_name == "Provenance" => (Interaction::Update, None),
            None => (Interaction::Create, None),
            Some((_, true)) => (Interaction::Update, None),
            Some((version, false)) => (Interaction::Update, Some(version)),
        };
        let puts = std::mem::take(&mut self.puts).into_iter().map(|put| {
            let (interaction, if_match) = expected(&put.type_name, &put.id);
            WriteOp::Put { resource: put.resource, id: put.id, interaction, if_match, if_none_exist: None }
        });
        let deletes = self.deletes.iter().map(|(type_name, id)| WriteOp::Delete {
            type_name: type_name.clone(),
            id: id.clone(),
            if_match: expected(type_name, id).1,
        });
        puts.chain(deletes).collect()
    }
}

/// <https://hl7.org/fhir/R4/valueset-link-type.html>: the record is out of use and the survivor's is to be used.
fn replaced_by(patient: &mut Value, survivor: &str) {
    let Some(patient) = patient.as_object_mut() else { return };
    let link = json!({ "other": { "reference": format!("Patient/{survivor}") }, "type": "replaced-by" });
    patient.insert("active".to_owned(), json!(false));
    match patient.get_mut("link") {
        Some(Value::Array(links)) if links.contains(&link) => {}
        Some(Value::Array(links)) => links.push(link),
        _ => {
            patient.insert("link".to_owned(), json!([link]));
        }
    }
}
