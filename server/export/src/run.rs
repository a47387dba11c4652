//! One run of one job, from nothing to its files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fhir::Instant;
use policy::{Facts, Grant, PersonKey, Released, release};
use serde_json::{Value, json};
use store::audit::{AuditOutcome, AuditRecord};
use store::{CommitSeq, Job, JobFile, JobOutcome, Scan, Stop, StoreError, is_stopped};

use crate::evidence::hours_between;
use crate::manifest::JobResult;
use crate::mention::{Mentions, mentions};
use crate::output::{Output, make_folder, sync_folder};
use crate::request::JobRequest;
use crate::selection::Selection;
use crate::{Export, ExportError, ExportEvidence};

/// Versions read at a time.
const PAGE: u32 = 500;
/// How often an export begins again because a newer answer came while it ran.
const ANSWERS_MAX: u32 = 3;

/// Why a run ended without its files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// It went wrong.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> RunError {
        RunError::Export(error.into())
    }
}

impl From<std::io::Error> for RunError {
    fn from(error: std::io::Error) -> RunError {
        RunError::Export(error.into())
    }
}

/// A run.
pub(crate) struct Run<'a> {
    pub(crate) export: &'a Export,
    pub(crate) job: &'a Job,
    pub(crate) lease: &'a str,
    pub(crate) stop: &'a Stop,
    /// For the client: which of how many types.
    pub(crate) progress: &'a Mutex<String>,
}

/// What a run has written.
#[derive(Default)]
struct Tally {
    files: Vec<JobFile>,
    resources: BTreeMap<String, u64>,
    /// Left out for whom they mention.
    mentioning_others: u64,
    /// Counted only where no cohort says it.
    persons: HashSet<PersonKey>,
}

/// What all types of a run share.
struct Work<'a> {
    request: &'a JobRequest,
    grant: Grant,
    selection: Option<&'a Selection>,
    as_of: CommitSeq,
    folder: &'a Path,
}

impl Run<'_> {
    /// The folder of this attempt: an attempt that was thought dead cannot touch the files of the next.
    pub(crate) fn folder(&self) -> PathBuf {
        self.export.job_folder(&self.job.id).join(self.lease)
    }

    /// Writes the files and ends the job.
    pub(crate) async fn run(&self) -> Result<(), RunError> {
        let request = JobRequest::of(self.job)?;
        let folder = self.folder();
        for _ in 0..ANSWERS_MAX {
            crate::output::remove_folder(&self.export.job_folder(&self.job.id)).await?;
            make_folder(&folder).await?;
            let selection = if request.needs_cohort() { Some(self.export.select().await?) } else { None };
            let mut grant = request.decide(&self.job.client_id)?;
            if let Some(selection) = &selection {
                grant = grant.with_cohort(selection.cohort.clone());
            }
            let transaction_time = self.export.now();
            let as_of = self.state_of_now().await?;
            let work = Work { request: &request, grant, selection: selection.as_ref(), as_of, folder: &folder };
            let tally = self.write_types(&work).await?;
            sync_folder(folder.clone()).await?;
            if let Some(selection) = &selection {
                // Files that were built on an answer which is no longer the newest, or no longer fresh, must not leave.
                if self.export.fresh_answer().await?.id != selection.answer.id {
                    continue;
                }
            }
            return self.complete(&request, selection.as_ref(), tally, transaction_time).await;
        }
        Err(RunError::Export(StoreError::Conflict("opt-out answers keep changing under the export".to_owned()).into()))
    }

    /// A state that holds every write stamped before now: a statement of our own goes through the writer after them.
    async fn state_of_now(&self) -> Result<CommitSeq, RunError> {
        let store = &self.export.options.store;
        let until = store::lease_until(self.export.now());
        store.heartbeat_job(&self.job.id, self.lease, until, None).await?;
        Ok(store.commit_seq().await?)
    }

    async fn write_types(&self, work: &Work<'_>) -> Result<Tally, RunError> {
        let mut tally = Tally::default();
        let bytes_max = self.export.options.file_bytes_max;
        let mut deleted = Output::new(work.folder, "Bundle", "deleted", bytes_max);
        let types = &work.request.types;
        for (position, type_name) in types.iter().enumerate() {
            if let Ok(mut progress) = self.progress.lock() {
                *progress = format!("{position} of {} types written", types.len());
            }
            let mut output = Output::new(work.folder, type_name, "output", bytes_max);
            self.write_type(work, type_name, (&mut output, &mut deleted), &mut tally).await?;
            tally.files.extend(output.finish().await?);
        }
        tally.files.extend(deleted.finish().await?);
        Ok(tally)
    }

    async fn write_type(
        &self,
        work: &Work<'_>,
        type_name: &str,
        (output, deleted): (&mut Output<'_>, &mut Output<'_>),
        tally: &mut Tally,
    ) -> Result<(), RunError> {
        let since = work.request.first_moment();
        let mut scan = Scan { type_name: type_name.to_owned(), as_of: work.as_of, since, after: None, count: PAGE };
        let mut count = 0;
        loop {
            if is_stopped(self.stop) {
                return Err(RunError::Stopped);
            }
            let page = self.export.options.store.scan(&work.grant, scan.clone()).await?;
            let mut gone = Vec::new();
            let covered = page.versions.into_iter().filter(|version| match work.selection {
                Some(selection) => selection.covers(version.facts()),
                None => true,
            });
            let mut page_released: Vec<Released> =
                covered.filter_map(|version| release(&work.grant, version).ok()).collect();
            if let Some(selection) = work.selection {
                let before = page_released.len();
                page_released = self.without_others(page_released, selection).await?;
                tally.mentioning_others += (before - page_released.len()) as u64;
            }
            for released in page_released {
                if released.facts().deleted {
                    gone.push(delete_entry(released.facts()));
                    continue;
                }
                output.line(released.bytes()).await?;
                count += 1;
                if work.selection.is_none() {
                    tally.see(&released);
                }
            }
            if since.is_some() && !gone.is_empty() {
                let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": gone});
                deleted.line(bundle.to_string().as_bytes()).await?;
            }
            match page.next {
                Some(next) => scan.after = Some(next),
                None => break,
            }
        }
        if count > 0 {
            tally.resources.insert(type_name.to_owned(), count);
        }
        Ok(())
    }

    /// Those that mention nobody but people of the export, themselves or through what they refer to.
    async fn without_others(&self, released: Vec<Released>, selection: &Selection) -> Result<Vec<Released>, RunError> {
        let options = &self.export.options;
        let read = |released: Released| {
            let is_gone = released.facts().deleted;
            let mentions = if is_gone {
                Mentions::default()
            } else {
                mentions(released.bytes(), &selection.cleared, &options.base_url)
            };
            (released, mentions)
        };
        let read: Vec<(Released, Mentions)> =
            released.into_iter().map(read).filter(|(_, mentions)| !mentions.is_other).collect();
        let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (type_name, ids) in read.iter().flat_map(|(_, mentions)| &mentions.targets) {
            asked.entry(type_name).or_default().extend(ids.iter().map(String::as_str));
        }
        let mut others: BTreeSet<(String, String)> = BTreeSet::new();
        for (type_name, ids) in asked {
            let ids: Vec<&str> = ids.into_iter().collect();
            for facts in self.export.facts_of(type_name, &ids).await? {
                if !selection.covers(&facts) {
                    others.insert((facts.type_name, facts.id));
                }
            }
        }
        let is_other = |mentions: &Mentions| {
            let mut targets = mentions.targets.iter().flat_map(|(name, ids)| ids.iter().map(move |id| (name, id)));
            targets.any(|(name, id)| others.contains(&(name.clone(), id.clone())))
        };
        Ok(read.into_iter().filter(|(_, mentions)| !is_other(mentions)).map(|(released, _)| released).collect())
    }

    async fn complete(
        &self,
        request: &JobRequest,
        selection: Option<&Selection>,
        tally: Tally,
        transaction_time: Instant,
    ) -> Result<(), RunError> {
        let (options, now) = (&self.export.options, self.export.now());
        let mut evidence = ExportEvidence {
            client_id: self.job.client_id.clone(),
            purpose: request.purpose.to_string(),
            request: request.request_url.clone(),
            request_id: request.request_id.clone(),
            ods_code: options.ods_code.clone(),
            types: request.types.clone(),
            transaction_time: transaction_time.to_fhir(),
            finished: now.to_fhir(),
            persons_released: tally.persons.len() as u64,
            resources_mentioning_others: tally.mentioning_others,
            resources: tally.resources,
            ..ExportEvidence::default()
        };
        if let Some(selection) = selection {
            tell_selection(&mut evidence, selection);
        }
        let evidence = to_json(&evidence)?;
        let mut record = AuditRecord::new(now, "export-complete", AuditOutcome::Success);
        record.client_id = Some(self.job.client_id.clone());
        record.purpose = Some(request.purpose.to_string());
        record.request_id = Some(request.request_id.clone());
        record.id = Some(self.job.id.clone());
        record.detail = serde_json::from_str(&evidence).ok();
        options.store.audit().append(record).await?;
        let result = to_json(&JobResult { transaction_time_ms: transaction_time.0, folder: self.lease.to_owned() })?;
        let outcome = JobOutcome { result, files: tally.files, evidence: Some(evidence), kept: None };
        Ok(options.store.complete_job(&self.job.id, self.lease, outcome, now).await?)
    }
}

impl Tally {
    fn see(&mut self, released: &Released) {
        self.persons.extend(&released.facts().persons);
    }
}

fn tell_selection(evidence: &mut ExportEvidence, selection: &Selection) {
    let answer = &selection.answer;
    let by_rule = selection.withheld.by_rule.iter();
    evidence.persons_released = selection.persons_released;
    evidence.without_general_practice = selection.withheld.without_general_practice;
    evidence.withheld_by_rule = by_rule.map(|(rule, count)| (rule.to_string(), *count)).collect();
    evidence.opt_out_applied = true;
    evidence.opt_out_request = Some(answer.id.clone());
    evidence.asked_at = Some(answer.asked_at.to_fhir());
    evidence.answered_at = answer.answered_at.map(Instant::to_fhir);
    evidence.answer_age_hours = Some(hours_between(answer.asked_at, selection.decided_at));
    evidence.asked = Some(answer.asked_count);
    evidence.returned = answer.returned_count;
}

fn delete_entry(facts: &Facts) -> Value {
    json!({"request": {"method": "DELETE", "url": format!("{}/{}", facts.type_name, facts.id)}})
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Invalid("a job's result cannot be written".to_owned()))
}
