//! NDJSON of R4 resources: each line is stored under the id that it bears, as an update would store it.
//! <https://hl7.org/fhir/R4/nd-json.html>
//!
//! Pieces of a file are read and validated on several threads and written by the store's one writer, a piece a transaction. What is stored
//! already is left as it is, so that files which were stored in part are loaded again from their beginning.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use fhir::{Issue, Json};
use policy::{Grant, Interaction, Source, SystemToken, Task};
use profiles::{AnsweredFacts, InForce, Options, Validated, Verdict};
use store::audit::{AuditOutcome, AuditRecord};
use store::{Store, StoreError, WriteBatch, WriteOp, WriteStatus, Written};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Clock, IngestError};

/// The name under which it is kept as a source.
pub const NDJSON_FEED: &str = "ndjson";

/// The parts and settings of a load.
pub struct NdjsonOptions {
    /// Where it all goes.
    pub store: Store,
    /// Profiles.
    pub validators: Arc<InForce>,
    /// What resources are held against; as writes over REST are.
    pub validation: Options,
    /// The time.
    pub clock: Clock,
    /// The right to write.
    pub token: SystemToken,
    /// ODS code of the organisation whose data they are.
    pub ods_code: String,
    /// Base URL of this server: a reference by it means the resource here.
    pub base_url: String,
    /// Who loads, for the audit log.
    pub user: String,
    /// Pieces that are read, and pieces that are written, at a time.
    pub threads: usize,
}

/// Lines of one file that follow each other.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Which file, in the caller's counting.
    pub file: usize,
    /// The lines; blank ones are left out.
    pub lines: Vec<Line>,
}

/// A line of a file.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// What it says; empty when it is longer than what is read of a line.
    pub text: Bytes,
}

/// What became of the lines of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// There was none of that id.
    pub created: u64,
    /// There is a new version.
    pub updated: u64,
    /// It was stored like that before.
    pub unchanged: u64,
}

/// A line that is not stored.
#[derive(Debug, Clone)]
pub struct RefusedLine {
    /// The line.
    pub line: Line,
    /// Why.
    pub issues: Vec<Issue>,
}

/// What became of a piece; all that is stored of it is durable, can be searched, and is in the audit log.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The file of the piece.
    pub file: usize,
    /// By type.
    pub stored: BTreeMap<String, LoadCounts>,
    /// Line by line.
    pub refused: Vec<RefusedLine>,
    patients: BTreeSet<String>,
}

/// A load of files.
pub struct Ndjson {
    options: NdjsonOptions,
    grant: Grant,
}

/// A piece whose lines were read.
struct Checked {
    piece: Piece,
    /// With the numbers of their lines.
    resources: Vec<(u64, Validated)>,
    refused: Vec<RefusedLine>,
    names: HashSet<(String, String)>,
}

/// A piece that is being written.
struct Writing {
    /// The resources of the piece.
    names: HashSet<(String, String)>,
    task: JoinHandle<Result<Loaded, IngestError>>,
}

impl Ndjson {
    /// Puts the parts together.
    pub fn new(options: NdjsonOptions) -> Arc<Ndjson> {
        let grant = Grant::for_system(Task::Load, &options.token);
        Arc::new(Ndjson { options, grant })
    }

    /// Loads what comes, in its order where two lines are of one resource; `told` hears of each piece when it is durable.
    ///
    /// On an error what was being written has ended, and is in the audit log if it is stored: everything may be loaded again.
    pub async fn load(
        self: &Arc<Self>,
        pieces: mpsc::Receiver<Piece>,
        mut told: impl FnMut(Loaded),
    ) -> Result<(), IngestError> {
        let mut writing: VecDeque<Writing> = VecDeque::new();
        let outcome = self.load_into(pieces, &mut told, &mut writing).await;
        for one in writing {
            if let Ok(Ok(loaded)) = one.task.await {
                told(loaded);
            }
        }
        outcome
    }

    async fn load_into(
        self: &Arc<Self>,
        mut pieces: mpsc::Receiver<Piece>,
        told: &mut impl FnMut(Loaded),
        writing: &mut VecDeque<Writing>,
    ) -> Result<(), IngestError> {
        let mut reading: VecDeque<JoinHandle<Checked>> = VecDeque::new();
        let mut is_open = true;
        loop {
            tokio::select! {
                piece = pieces.recv(), if is_open && reading.len() < self.options.threads => {
                    is_open = piece.is_some();
                    let load = Arc::clone(self);
                    reading.extend(piece.map(|piece| tokio::task::spawn_blocking(move || load.check(piece))));
                }
                Some(checked) = next(&mut reading, |reading| reading) => {
                    let mut checked = checked.map_err(ended_badly)?;
                    let names = std::mem::take(&mut checked.names);
                    // A later line about a resource must find what an earlier one stored.
                    while writing.len() >= self.options.threads || writing.iter().any(|one| !one.names.is_disjoint(&names)) {
                        let Some(first) = writing.pop_front() else { break };
                        told(first.task.await.map_err(ended_badly)??);
                    }
                    let load = Arc::clone(self);
                    writing.push_back(Writing { names, task: tokio::spawn(async move { load.store(checked).await }) });
                }
                Some(loaded) = next(writing, |writing| &mut writing.task) => told(loaded.map_err(ended_badly)??),
                else => return Ok(()),
            }
        }
    }

    fn check(&self, piece: Piece) -> Checked {
        let (mut resources, mut refused) = (Vec::with_capacity(piece.lines.len()), Vec::new());
        let mut names = HashSet::with_capacity(piece.lines.len());
        for line in &piece.lines {
            match self.accepted(&line.text) {
                Ok((id, resource)) => {
                    names.insert((resource.type_name().to_owned(), id));
                    resources.push((line.number, resource));
                }
                Err(issues) => refused.push(RefusedLine { line: line.clone(), issues }),
            }
        }
        Checked { piece, resources, refused, names }
    }

    /// Reads and validates a line as an update over REST does.
    fn accepted(&self, text: &Bytes) -> Result<(String, Validated), Vec<Issue>> {
        let refused = |code, text: String| vec![Issue::error(code, text)];
        if text.is_empty() {
            return Err(refused("too-long", "the line is longer than the setting limits.body_bytes_max".to_owned()));
        }
        let json = Json::parse(text).map_err(|error| {
            // The line of the file is told beside it.
            let mut issue = Issue::from(&error);
            issue.line_column = None;
            vec![issue]
        })?;
        let options = Options { now: Some((self.options.clock)()), ..self.options.validation.clone() };
        let validated = match self.options.validators.get().validate(json, &options, &AnsweredFacts::default()) {
            Verdict::Validated(validated) => validated,
            Verdict::Refused(issues) => return Err(issues),
            Verdict::Needs { .. } => {
                return Err(refused("exception", "the resource could not be validated".to_owned()));
            }
        };
        let id = validated.id().unwrap_or_default().to_owned();
        if fhir::FhirId::parse(&id).is_none() {
            let message = "the resource needs an `id` of 1 to 64 letters, digits, `-` and `.`".to_owned();
            return Err(refused("required", message));
        }
        policy::acceptable_id(&id)
            .and_then(|()| policy::acceptable_whole(validated.json()))
            .map_err(|error| refused("business-rule", error.to_string()))?;
        let own = |text: &str| fhir::path_below(&self.options.base_url, text).map(str::to_owned);
        Ok((id, validated.with_references(own)))
    }

    async fn store(&self, checked: Checked) -> Result<Loaded, IngestError> {
        let Checked { piece, resources, refused, names: _ } = checked;
        let mut loaded = Loaded { file: piece.file, refused, ..Loaded::default() };
        let lines: HashSet<u64> = resources.iter().map(|(line, _)| *line).collect();
        match self.write(resources.into_iter().map(|(_, resource)| resource).collect()).await {
            Ok(written) => written.iter().for_each(|one| loaded.add(one)),
            Err(error) if is_refusal(&error) => self.store_each(&piece, &lines, &mut loaded).await?,
            Err(error) => return Err(error.into()),
        }
        loaded.refused.sort_by_key(|refused| refused.line.number);
        self.audit(&loaded).await?;
        Ok(loaded)
    }

    /// Stores line by line, since one of them is refused by the store.
    async fn store_each(&self, piece: &Piece, lines: &HashSet<u64>, loaded: &mut Loaded) -> Result<(), IngestError> {
        for line in piece.lines.iter().filter(|line| lines.contains(&line.number)) {
            let Ok((_, resource)) = self.accepted(&line.text) else { continue };
            match self.write(vec![resource]).await {
                Ok(written) => written.iter().for_each(|one| loaded.add(one)),
                Err(error) if is_refusal(&error) => {
                    let issues = vec![Issue::error("business-rule", error.to_string())];
                    loaded.refused.push(RefusedLine { line: line.clone(), issues });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn write(&self, resources: Vec<Validated>) -> Result<Vec<Written>, StoreError> {
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let put = |resource: Validated| {
            let id = resource.id().unwrap_or_default().to_owned();
            WriteOp::Put { resource, id, interaction: Interaction::Update, if_match: None, if_none_exist: None }
        };
        let source = Source { ods_code: Some(self.options.ods_code.clone()), ..Source::feed(NDJSON_FEED) };
        self.options.store.write(&self.grant, WriteBatch::new(resources.into_iter().map(put).collect(), source)).await
    }

    async fn audit(&self, loaded: &Loaded) -> Result<(), IngestError> {
        let outcome = if loaded.refused.is_empty() { AuditOutcome::Success } else { AuditOutcome::Failure };
        let mut record = AuditRecord::new((self.options.clock)(), "feed", outcome);
        record.feed = Some(NDJSON_FEED.to_owned());
        record.user = Some(self.options.user.clone());
        record.organisation = Some(self.options.ods_code.clone());
        record.patients = loaded.patients.iter().cloned().collect();
        let stored: BTreeMap<&String, u64> =
            loaded.stored.iter().map(|(name, counts)| (name, counts.created + counts.updated)).collect();
        record.detail = Some(serde_json::json!({"stored": stored, "refused": loaded.refused.len()}));
        self.options.store.audit().append(record).await?;
        Ok(())
    }
}

impl Loaded {
    /// How many lines are stored now, whether or not they were before.
    pub fn count(&self) -> u64 {
        self.stored.values().map(|counts| counts.created + counts.updated + counts.unchanged).sum()
    }

    fn add(&mut self, written: &Written) {
        let counts = self.stored.entry(written.type_name.clone()).or_default();
        *match written.status {
            WriteStatus::Created => &mut counts.created,
            WriteStatus::Updated => &mut counts.updated,
            WriteStatus::Unchanged | WriteStatus::Deleted => &mut counts.unchanged,
        } += 1;
        self.patients.extend(written.patients.iter().cloned());
    }
}

/// Waits for the first of a queue and takes it out; nothing when the queue is empty.
async fn next<Q, T>(
    queue: &mut VecDeque<Q>,
    task: impl Fn(&mut Q) -> &mut JoinHandle<T>,
) -> Option<Result<T, tokio::task::JoinError>> {
    let ended = task(queue.front_mut()?).await;
    queue.pop_front();
    Some(ended)
}

/// Whether the store refused what was to be written, rather than could not write.
fn is_refusal(error: &StoreError) -> bool {
    matches!(error, StoreError::Rule(_) | StoreError::Invalid(_) | StoreError::Denied(_) | StoreError::Conflict(_))
}

fn ended_badly(error: tokio::task::JoinError) -> IngestError {
    IngestError::Store(StoreError::Unavailable(format!("a piece could not be loaded: {error}")))
}
