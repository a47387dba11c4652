//! What a message does to the store, worked out from what is stored. Pure: the same message and the same store give the same
//! plan, so that it can be made again when somebody else wrote in between.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use feeds::{Entry, EntryPart, Feed, Mapped, Method};
use fhir::{Instant, Issue, Json, Severity};
use policy::Interaction;
use profiles::{AnsweredFacts, Options, Question, Strictness, Validated, Validator, Verdict};
use search::Registry;
use serde_json::{Value, json};
use store::{Telling, WriteOp};

use crate::incoming::{Incoming, Naming};
use crate::known::Known;
use crate::logical_id::LogicalIds;
use crate::{UnitCounts, provenance};

/// Issues that are kept of one message or part: the first ones tell the cause.
pub(crate) const ISSUES_KEPT_MAX: usize = 100;

/// What a plan is made with.
pub(crate) struct Planner<'a> {
    pub(crate) ids: &'a LogicalIds,
    pub(crate) validator: &'a Validator,
    pub(crate) registry: &'a Registry,
    pub(crate) strictness: Strictness,
    /// What was found out of what validation asked before.
    pub(crate) facts: &'a AnsweredFacts,
    /// Whether it asks.
    pub(crate) asks: bool,
    pub(crate) questions: RefCell<HashSet<Question>>,
    /// The ODS code of the organisation that runs this server.
    pub(crate) own: &'a str,
    /// The time, for rules that ask for it.
    pub(crate) now: Instant,
}

/// A resource that is written.
pub(crate) struct Put {
    pub(crate) type_name: String,
    pub(crate) id: String,
    pub(crate) resource: Validated,
    value: Value,
    /// The part of the source that it was, where each is stored or refused by itself.
    part: Option<EntryPart>,
    /// Whether it bears labels that others gave it and this message does not.
    has_kept_labels: bool,
}

/// A part of a message that is not stored, and why.
pub(crate) struct Refusal {
    /// Which part, as `line-7`; none for the whole message.
    pub(crate) part: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) issues: Vec<Issue>,
}

/// A resource that is refused by itself.
struct RefusedEntry {
    type_name: String,
    id: String,
    part: Option<EntryPart>,
    code: &'static str,
    issues: Vec<Issue>,
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
    pub(crate) units: BTreeMap<String, UnitCounts>,
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
            let naming = Naming::of(self.ids, unit, self.own);
            let work = Unit { planner: self, incoming, mapped: unit, naming, known, sha256: &sha256 };
            work.count(&mut plan, |counts, count| counts.received += count);
            if let Err(refusal) = work.add_to(&mut plan) {
                work.count(&mut plan, |counts, count| counts.quarantined += count);
                plan.refused.push(refusal);
            }
        }
        plan
    }

    /// What of the resources could not be told.
    pub(crate) fn into_questions(self) -> Vec<Question> {
        self.questions.into_inner().into_iter().collect()
    }

    fn validate(&self, value: &Value) -> Result<Validated, Vec<Issue>> {
        let options =
            Options { strictness: self.strictness, asks: self.asks, now: Some(self.now), ..Options::default() };
        match self.validator.validate(Json::from_value(value), &options, self.facts) {
            Verdict::Needs { resource, issues, questions } => {
                self.questions.borrow_mut().extend(questions);
                accepted(Validator::judge(resource, issues, &options))
            }
            verdict => accepted(verdict),
        }
    }
}

/// Validates what was stored before, by what is known here.
pub(crate) fn validate(
    validator: &Validator,
    strictness: Strictness,
    now: Instant,
    value: &Value,
) -> Result<Validated, Vec<Issue>> {
    let options = Options { strictness, now: Some(now), ..Options::default() };
    accepted(validator.validate(Json::from_value(value), &options, &AnsweredFacts::new()))
}

fn accepted(verdict: Verdict) -> Result<Validated, Vec<Issue>> {
    match verdict {
        Verdict::Validated(validated) => Ok(validated),
        Verdict::Refused(issues) => Err(issues.into_iter().filter(Issue::is_error).collect()),
        Verdict::Needs { .. } => {
            Err(vec![Issue::error("processing", "the validation asks for what is not known here")])
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
        if let Some(own) = &self.incoming.organisation
            && self.mapped.source.ods_code.as_ref() != Some(own)
        {
            let text = "the record is another organisation's than the one for which this sender is registered";
            return Err(self.refusal("other-organisation", vec![Issue::error("business-rule", text)]));
        }
        if plan.source.as_ref().is_some_and(|source| *source != self.mapped.source) {
            let text = "a file holds what one organisation sends; this is another's than what stands before it";
            return Err(self.refusal("other-organisation", vec![Issue::error("business-rule", text)]));
        }
        let mut issues = self.mapped.issues.clone();
        let mut puts: Vec<Put> = Vec::new();
        let mut deletes = Vec::new();
        let mut refused: Vec<RefusedEntry> = Vec::new();
        let mut outdated = Vec::new();
        for entry in &self.mapped.entries {
            let id = self.naming.id(&entry.key);
            if self.is_old(&entry.key.type_name, &id) && !self.is_told(entry, &id, plan, &puts) {
                let text = format!("{}: newer facts are stored; left out", entry.key.type_name);
                issues.push(Issue::information("conflict", text).detail("older-than-stored"));
                outdated.push(entry);
            } else if entry.method == Method::Delete {
                deletes.push((entry.key.type_name.clone(), id));
            } else {
                match self.put(entry, id.clone(), plan, &puts) {
                    Ok(put) => puts.push(put),
                    Err(issues) => refused.push(RefusedEntry {
                        type_name: entry.key.type_name.clone(),
                        id,
                        part: entry.part.clone(),
                        code: "resource-invalid",
                        issues,
                    }),
                }
            }
        }
        let merges = self.merges(&mut issues);
        if self.has_circle(&merges, plan) {
            let text = "the survivor was merged into the record that is to be merged into it; undo that merge first";
            return Err(self.refusal("merge-circle", vec![Issue::error("business-rule", text).at("MRG-1")]));
        }
        self.replace(&merges, plan, &mut puts, &mut refused, &mut issues);
        if self.mapped.source.feed == Feed::GpConnect {
            self.refuse_with_patient(&mut puts, &mut refused);
        } else if !refused.is_empty() {
            return Err(self.refusal("resource-invalid", refused.into_iter().flat_map(|one| one.issues).collect()));
        }
        self.prove(&mut puts, plan).map_err(|found| self.refusal("provenance-invalid", found))?;
        self.count_entries(plan, &puts, &refused, &outdated);
        let patients = self.mapped.entries.iter().filter(|entry| entry.key.type_name == "Patient");
        plan.patients.extend(patients.map(|entry| self.naming.id(&entry.key)));
        plan.patients.extend(merges.iter().flat_map(|(survivor, loser)| [survivor.clone(), loser.clone()]));
        plan.merges.extend(merges);
        plan.accept(puts, deletes);
        plan.refused.extend(refused.into_iter().map(|one| Refusal {
            part: one.part.map(|part| part.name),
            code: one.code,
            issues: one.issues,
        }));
        plan.issues.extend(issues);
        plan.source = Some(self.mapped.source.clone());
        plan.event_time = plan.event_time.max(Some(self.incoming.event_time(self.mapped)));
        Ok(())
    }

    /// Counts what the source held of this unit.
    fn count(&self, plan: &mut Plan, add: impl Fn(&mut UnitCounts, u64)) {
        for (kind, count) in &self.mapped.counts {
            add(plan.units.entry(kind.clone()).or_default(), *count as u64);
        }
    }

    /// Counts what becomes of the unit: entry by entry where each is stored by itself, else as a whole.
    fn count_entries(&self, plan: &mut Plan, puts: &[Put], refused: &[RefusedEntry], outdated: &[&Entry]) {
        let mut by_entry = |part: &Option<EntryPart>, add: fn(&mut UnitCounts)| {
            part.iter().for_each(|part| add(plan.units.entry(part.kind.to_owned()).or_default()));
        };
        puts.iter().for_each(|put| by_entry(&put.part, |counts| counts.stored += 1));
        refused.iter().for_each(|one| by_entry(&one.part, |counts| counts.quarantined += 1));
        outdated.iter().for_each(|entry| by_entry(&entry.part, |counts| counts.outdated += 1));
        if self.mapped.entries.iter().all(|entry| entry.part.is_none()) {
            let deletes = self.mapped.entries.iter().any(|entry| entry.method == Method::Delete);
            let is_new = |put: &Put| put.type_name != "Provenance" && !self.is_known(put);
            let says_something = deletes || !self.mapped.actions.is_empty() || puts.iter().any(is_new);
            if !outdated.is_empty() && !says_something {
                self.count(plan, |counts, count| counts.outdated += count);
            } else {
                self.count(plan, |counts, count| counts.stored += count);
            }
        }
    }

    fn refusal(&self, code: &'static str, issues: Vec<Issue>) -> Refusal {
        Refusal { part: self.mapped.part.clone(), code, issues }
    }

    /// Whether newer facts are stored. A message that is run again gives way, besides, to what came after it: a message that
    /// tells of the same moment, and a change that no message told.
    fn is_old(&self, type_name: &str, id: &str) -> bool {
        let Some(standing) = self.known.get(type_name, id) else { return false };
        let event_time = self.incoming.event_time(self.mapped);
        match self.incoming.replay {
            None => standing.newest.is_some_and(|newest| newest.event_time > event_time),
            Some(replay) => {
                let own = Telling { event_time, message: replay.message };
                standing.newest.is_some_and(|newest| newest > own)
                    || standing.edited.is_some_and(|edited| edited > self.incoming.received)
            }
        }
    }

    /// Whether an old entry says what is stored already: then it is stored, no matter how old it is.
    fn is_told(&self, entry: &Entry, id: &str, plan: &Plan, before: &[Put]) -> bool {
        let put = || self.put(entry, id.to_owned(), plan, before);
        entry.method != Method::Delete && put().is_ok_and(|put| self.is_known(&put))
    }

    /// Whether a resource is what is stored.
    fn is_known(&self, put: &Put) -> bool {
        let stored = self.known.value(&put.type_name, &put.id).map(without_version);
        stored.is_some_and(|stored| stored == without_version(put.value.clone()))
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
        let has_kept_labels = self.known.keep_labels(&type_name, &id, &mut value);
        let resource = self.planner.validate(&value)?;
        Ok(Put { type_name, id, resource, value, part: entry.part.clone(), has_kept_labels })
    }

    /// Survivors and losers. A merge that was made before is not made again: somebody may have undone it since.
    fn merges(&self, issues: &mut Vec<Issue>) -> Vec<(String, String)> {
        let was_made = self.incoming.replay.is_some_and(|replay| replay.was_stored);
        if was_made && !self.mapped.actions.is_empty() {
            let text = "the merge was made when the message was first stored; it is not made again";
            issues.push(Issue::information("conflict", text).detail("merge-not-repeated"));
            return Vec::new();
        }
        self.mapped.actions.iter().map(|action| self.naming.merge(action)).collect()
    }

    /// Whether a merge would leave no record in use: the way from its survivor, by what took its place, leads to its loser.
    fn has_circle(&self, merges: &[(String, String)], plan: &Plan) -> bool {
        merges.iter().any(|(survivor, loser)| {
            let mut way = vec![survivor.clone()];
            let mut place = 0;
            while let Some(id) = way.get(place).cloned() {
                let of_message = plan.merges.iter().chain(merges).filter(|(_, merged)| *merged == id);
                let next = of_message.map(|(survivor, _)| survivor.clone()).chain(self.known.replacements(&id));
                let next: Vec<String> = next.filter(|id| !way.contains(id)).collect();
                way.extend(next);
                place += 1;
            }
            way.contains(loser)
        })
    }

    /// Tells readers of a merged Patient which record took its place. A Patient that is not stored yet is not made up: it
    /// points to the survivor's person all the same, now and when it comes.
    fn replace(
        &self,
        merges: &[(String, String)],
        plan: &Plan,
        puts: &mut Vec<Put>,
        refused: &mut Vec<RefusedEntry>,
        issues: &mut Vec<Issue>,
    ) {
        for (survivor, loser) in merges {
            let written = puts.iter().find(|put| put.is("Patient", loser)).or_else(|| plan.get("Patient", loser));
            let stored = written.map(|put| put.value.clone()).or_else(|| self.known.value("Patient", loser));
            let Some(mut value) = stored else {
                let text = "the record that is merged is not stored; when it comes it will be of the survivor's person";
                issues.push(Issue::warning("not-found", text).detail("merged-record-unknown"));
                continue;
            };
            replaced_by(&mut value, survivor);
            let (type_name, id) = ("Patient".to_owned(), loser.clone());
            match self.planner.validate(&value) {
                Ok(resource) => puts.push(Put { type_name, id, resource, value, part: None, has_kept_labels: false }),
                Err(issues) => {
                    refused.push(RefusedEntry { type_name, id, part: None, code: "resource-invalid", issues });
                }
            }
        }
    }

    /// A resource whose patient is refused would be about somebody who is not there.
    fn refuse_with_patient(&self, puts: &mut Vec<Put>, refused: &mut Vec<RefusedEntry>) {
        let of_patients = refused.iter().filter(|one| one.type_name == "Patient");
        let patients: BTreeSet<String> = of_patients.map(|one| format!("Patient/{}", one.id)).collect();
        if patients.is_empty() {
            return;
        }
        let about = |put: &Put| search::patients_of(put.resource.json(), self.planner.registry);
        let (strangers, known): (Vec<Put>, Vec<Put>) =
            std::mem::take(puts).into_iter().partition(|put| about(put).iter().any(|name| patients.contains(name)));
        *puts = known;
        refused.extend(strangers.into_iter().map(|put| RefusedEntry {
            issues: vec![Issue::error("business-rule", format!("the patient of this {} is refused", put.type_name))],
            type_name: put.type_name,
            id: put.id,
            part: put.part,
            code: "patient-refused",
        }));
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
        let id = self.planner.ids.of_provenance(self.naming.feed, self.sha256, &self.mapped.message_id);
        let before = self.known.value("Provenance", &id);
        targets.extend(before.iter().flat_map(provenance::targets));
        let statement = provenance::Statement {
            targets: &targets,
            occurred: self.incoming.event_time(self.mapped),
            received: self.incoming.received,
            author: self.naming.owner,
            assembler: self.planner.own,
            message_sha256: self.sha256,
        };
        let mut value = statement.to_value();
        let type_name = "Provenance".to_owned();
        let has_kept_labels = self.known.keep_labels(&type_name, &id, &mut value);
        let resource = self.planner.validate(&value)?;
        puts.push(Put { type_name, id, resource, value, part: None, has_kept_labels });
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

    /// What is to be known of what is stored: warnings, not mere information.
    pub(crate) fn noted(&self) -> Option<String> {
        let is_kept = |issue: &&Issue| !matches!(issue.severity, Severity::Information);
        let kept: Vec<Issue> = self.issues.iter().filter(is_kept).take(ISSUES_KEPT_MAX).cloned().collect();
        (!kept.is_empty()).then(|| fhir::operation_outcome(&kept).to_string())
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
            was_general_practice: false,
        }
    }

    /// Keeps the last word on each resource.
    fn accept(&mut self, puts: Vec<Put>, deletes: Vec<(String, String)>) {
        for put in puts {
            let errors = put.resource.issues().iter().filter(|issue| issue.is_error()).cloned();
            self.issues.extend(errors.map(|issue| Issue { severity: Severity::Warning, ..issue }));
            if put.has_kept_labels {
                let text = format!("{}: a confidentiality label that the sender does not know of stays", put.type_name);
                self.issues.push(Issue::information("informational", text).detail("label-kept"));
            }
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
            Some((version, false)) => (Interaction::Update, Some(version.into())),
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

/// A resource without what the store puts in.
fn without_version(mut resource: Value) -> Value {
    if let Some(resource) = resource.as_object_mut() {
        resource.shift_remove("id");
        let meta = resource.get_mut("meta").and_then(Value::as_object_mut);
        meta.into_iter().for_each(|meta| meta.retain(|name, _| name != "versionId" && name != "lastUpdated"));
        if resource.get("meta").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            resource.shift_remove("meta");
        }
    }
    resource
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
