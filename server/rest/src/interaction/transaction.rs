//! A transaction: all entries or none. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;

use fhir::{BundleWriter, Issue, Json};
use policy::{Grant, Interaction};
use profiles::Validated;
use store::{ExpectedMatches, WriteOp, Written};

use crate::access;
use crate::answer::{Answer, Outcome, Touched};
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::batch::{self, Asked};
use crate::interaction::coming::Coming;
use crate::interaction::conditional_reference::ConditionalReferences;
use crate::interaction::criteria::{self, Found};
use crate::interaction::entry_links::{EntryLinks, LinkedEntry};
use crate::interaction::patch::{self, Patched};
use crate::interaction::transaction_plan::{self, Planned};
use crate::interaction::{delete, links, update, written};
use crate::perform::{Context, check_type, perform};

/// What a transaction writes.
#[derive(Default)]
struct Writes {
    /// Each with the number of its entry.
    ops: Vec<(usize, WriteOp)>,
    /// What the writes were decided upon.
    expected: Vec<ExpectedMatches>,
    /// What validation said, by the number of the entry.
    issues: HashMap<usize, Vec<Issue>>,
}

/// What became of each entry that writes, and what validation said of it.
type Done = (HashMap<usize, Vec<Written>>, HashMap<usize, Vec<Issue>>);

/// Runs the entries in the order of the rules: deletes, creates, updates and patches, then reads.
pub(crate) async fn transaction(context: &Context<'_>, entries: &[fhir::Node<'_>]) -> Result<Answer, Failure> {
    let mut asked = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let entry = batch::asked(context, *entry, index)?;
        check_offered(context, &entry).map_err(|failure| entry.at_request(failure))?;
        asked.push(entry);
    }
    let grants = decided(context, &asked)?;
    let (written, issues) = match Grant::joined(grants) {
        Some(grant) => {
            let conditions: Vec<_> = asked.iter().map(|entry| &entry.request.conditions).collect();
            criteria::decided_anew(&conditions, async || run(context, &grant, &asked).await).await?
        }
        None => Done::default(),
    };
    respond(context, &asked, &written, &issues).await
}

fn check_offered(context: &Context<'_>, asked: &Asked<'_>) -> Result<(), Failure> {
    check_type(context.weir, &asked.request)?;
    let is_reading = matches!(
        asked.request.interaction,
        Interaction::Lookup
            | Interaction::ValidateCode
            | Interaction::Expand
            | Interaction::Subsumes
            | Interaction::Translate
            | Interaction::Validate
            | Interaction::Fhirpath
            | Interaction::Everything
            | Interaction::Lastn
            | Interaction::Match
            | Interaction::MetaInstance
            | Interaction::MetaType
            | Interaction::MetaSystem
    );
    if asked.is_operation && !asked.is_safe && !is_reading {
        let message = "an operation that may change something is not offered inside a transaction; use a batch";
        return Err(Failure::new(Reason::NotAllowed, "not-supported", message));
    }
    Ok(())
}

/// The grants of the writes. What may not be read is refused here too, before anything is written or looked for.
fn decided(context: &Context<'_>, asked: &[Asked<'_>]) -> Result<Vec<Grant>, Failure> {
    let mut grants: Vec<Grant> = Vec::new();
    for entry in asked {
        let grant = access::grant(context.caller, &entry.request).map_err(|failure| entry.at(failure))?;
        if entry.request.interaction.is_write() {
            grants.push(grant);
        }
    }
    Ok(grants)
}

async fn run(context: &Context<'_>, grant: &Grant, asked: &[Asked<'_>]) -> Result<Done, Failure> {
    let mut writes = writes(context, transaction_plan::plan(context, asked).await?).await?;
    writes.ops.sort_by_key(|(_, op)| order(op));
    let (indexes, ops): (Vec<usize>, Vec<WriteOp>) = writes.ops.into_iter().unzip();
    let mut done: HashMap<usize, Vec<Written>> = asked
        .iter()
        .filter(|entry| entry.request.interaction.is_write())
        .map(|entry| (entry.index, Vec::new()))
        .collect();
    for (index, written) in
        indexes.into_iter().zip(written::write_all(context.weir, grant, ops, writes.expected).await?)
    {
        done.entry(index).or_default().push(written);
    }
    Ok((done, writes.issues))
}

/// The writes of all entries, with the links between them made real.
async fn writes(context: &Context<'_>, plan: Vec<Planned<'_>>) -> Result<Writes, Failure> {
    let links = entry_links(context, &plan)?;
    let (conditional, expected) = conditional_references(context, &plan).await?;
    let mut writes = Writes { expected, ..Writes::default() };
    let answers = Answers::with(context, outcomes(&plan));
    let written = plan.iter().filter(|planned| planned.asked.request.interaction.is_write());
    let resources = written.filter_map(|planned| planned.asked.entry.get("resource"));
    answers.prepare(resources.map(|resource| resource.to_json())).await?;
    for mut planned in plan {
        writes.expected.append(&mut planned.found.expected);
        let asked = planned.asked;
        let added = add(&answers, (context, planned), (&links, &conditional), &mut writes).await;
        added.map_err(|failure| asked.at(failure))?;
    }
    Ok(writes)
}

/// What is there after the transaction and what is not, by `Type/id`.
fn outcomes(plan: &[Planned<'_>]) -> HashMap<String, bool> {
    let writes = plan.iter().map(|planned| (&planned.asked.request, &planned.found.ids));
    let writes = writes.filter(|(request, _)| request.interaction.is_write());
    let each = writes.flat_map(|(request, ids)| {
        let is_there = request.interaction != Interaction::Delete;
        ids.iter().map(move |id| (format!("{}/{id}", request.type_str()), is_there))
    });
    each.collect()
}

/// What each reference by search means, and what must still be so when the transaction is written.
async fn conditional_references(
    context: &Context<'_>,
    plan: &[Planned<'_>],
) -> Result<(HashMap<String, String>, Vec<ExpectedMatches>), Failure> {
    let coming = coming(plan);
    let mut conditional = ConditionalReferences::new(&coming);
    for planned in plan {
        let Some(resource) = planned.asked.entry.get("resource") else { continue };
        if matches!(planned.asked.request.interaction, Interaction::Create | Interaction::Update) {
            conditional.resolve(context, resource).await.map_err(|failure| planned.asked.at(failure))?;
        }
    }
    Ok(conditional.finish())
}

/// What comes with the transaction, or goes: a conditional reference may mean the one and cannot mean the other.
fn coming<'p>(plan: &'p [Planned<'_>]) -> Vec<Coming<'p>> {
    let writes = plan.iter().filter(|planned| planned.asked.request.interaction.is_write());
    let each = writes.flat_map(|planned| {
        let type_name = planned.asked.request.type_str();
        planned.found.ids.iter().map(move |id| Coming::new(type_name, id.clone(), planned.content()))
    });
    each.collect()
}

/// What names the entries go by.
fn entry_links<'w>(context: &Context<'w>, plan: &[Planned<'_>]) -> Result<EntryLinks<'w>, Failure> {
    let mut links = EntryLinks::new(&context.weir.settings.base_url, &context.weir.definitions);
    for planned in plan {
        let Planned { asked, found, version, .. } = planned;
        let [id] = found.ids.as_slice() else { continue };
        let path = format!("{}/{id}", asked.request.type_str());
        let (entry, interaction) = (asked.entry, asked.request.interaction);
        links.add(LinkedEntry { entry, interaction, path, version: *version }).map_err(|failure| asked.at(failure))?;
    }
    Ok(links)
}

async fn add(
    answers: &Answers<'_>,
    (context, planned): (&Context<'_>, Planned<'_>),
    (links, conditional): (&EntryLinks<'_>, &HashMap<String, String>),
    writes: &mut Writes,
) -> Result<(), Failure> {
    let Planned { asked, found, patched, .. } = planned;
    let request = &asked.request;
    let inner = Context { request, ..*context };
    let definitions = &context.weir.definitions;
    let mut origin = links.origin(asked.entry, request.interaction);
    if let Some(patched) = &patched {
        origin.stored = links::texts(patched.before.root(), definitions)?;
    }
    let target = |text: &str, place| match conditional.get(text) {
        Some(target) => Ok(Some(target.clone())),
        None => links.target(&origin, text, place),
    };
    let mut checked = async |json: Json| -> Result<Validated, Failure> {
        let is_linked = !conditional.is_empty() || links.concern(&origin);
        let linked = if is_linked { links::rewrite(json, definitions, &target)? } else { json };
        let resource = written::validated(answers, linked).await?;
        writes.issues.insert(asked.index, resource.issues().to_vec());
        Ok(resource)
    };
    let ops = match request.interaction {
        Interaction::Delete => delete::operations(&inner, &found)?,
        Interaction::Create => {
            let resource = checked(resource_of(asked)?).await?;
            vec![create(&inner, &found, resource)?]
        }
        Interaction::Update => {
            let resource = checked(resource_of(asked)?).await?;
            vec![update::operation(&inner, &found, resource)?]
        }
        Interaction::Patch => {
            let Patched { after, version, .. } = patched.ok_or_else(Failure::internal)?;
            vec![patch::operation(&found, checked(after).await?, version)?]
        }
        _ => Vec::new(),
    };
    writes.ops.extend(ops.into_iter().map(|op| (asked.index, op)));
    Ok(())
}

/// The resource of an entry, which was parsed with the Bundle.
fn resource_of(asked: &Asked<'_>) -> Result<Json, Failure> {
    let resource = asked.entry.get("resource").ok_or_else(written::missing)?;
    written::of_type(resource.to_json(), asked.request.type_str())
}

fn create(context: &Context<'_>, found: &Found, resource: Validated) -> Result<WriteOp, Failure> {
    let if_none_exist = criteria::if_none_exist(context)?;
    let id = found.ids.first().cloned().ok_or_else(Failure::internal)?;
    Ok(WriteOp::Put { resource, id, interaction: Interaction::Create, if_match: None, if_none_exist })
}

fn order(op: &WriteOp) -> u8 {
    match op {
        WriteOp::Delete { .. } => 0,
        WriteOp::Put { interaction: Interaction::Create, .. } => 1,
        WriteOp::Put { .. } => 2,
    }
}

/// The response, in the order of the request; reads run after the writes. A read that finds nothing says so in its own entry, since what
/// was written stays written.
async fn respond(
    context: &Context<'_>,
    asked: &[Asked<'_>],
    written: &HashMap<usize, Vec<Written>>,
    issues: &HashMap<usize, Vec<Issue>>,
) -> Result<Answer, Failure> {
    let mut writer = BundleWriter::new("transaction-response");
    let (mut touched, mut size_bytes) = (Touched::default(), 0);
    let stored = asked.iter().filter(|entry| entry.request.interaction != Interaction::Delete);
    let stored: Vec<Written> = stored.filter_map(|entry| written.get(&entry.index)?.first().cloned()).collect();
    let representations = written::Representations::of(context, &stored).await;
    for entry in asked {
        let inner = Context { request: &entry.request, ..*context };
        let result = match written.get(&entry.index).map(Vec::as_slice) {
            Some(written) if entry.request.interaction == Interaction::Delete => Ok(written::deleted(written)),
            Some([written]) => {
                let issues = issues.get(&entry.index).map(Vec::as_slice).unwrap_or_default();
                Ok(written::answer_with(&inner, written, issues, &representations))
            }
            Some(_) => Err(Failure::internal()),
            None => match batch::check_size(size_bytes) {
                Ok(()) => Box::pin(perform(context.weir, context.caller, &entry.request)).await,
                Err(failure) => Err(failure),
            },
        };
        if let Ok(answer) = &result {
            touched.join(&answer.touched);
        }
        size_bytes += batch::write_response(&mut writer, entry.is_head, &result);
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}
