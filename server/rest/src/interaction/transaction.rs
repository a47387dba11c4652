//! A transaction: all entries or none. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::{BTreeSet, HashMap};

use fhir::{BundleWriter, Issue, Json, Node};
use policy::{Grant, Interaction};
use profiles::Validated;
use store::{ExpectedMatches, WriteOp, Written};

use crate::access;
use crate::answer::{Answer, Outcome, Touched};
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::batch::{self, Asked};
use crate::interaction::conditional_reference::{Coming, ConditionalReferences};
use crate::interaction::criteria::{self, Found};
use crate::interaction::patch::{self, Patch};
use crate::interaction::{delete, links, update, written};
use crate::perform::{Context, check_type, perform};

/// One entry on its way.
struct Planned<'a> {
    asked: &'a Asked<'a>,
    /// What it writes; nothing for reads.
    found: Found,
}

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
pub(crate) async fn transaction(context: &Context<'_>, entries: &[Node<'_>]) -> Result<Answer, Failure> {
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
    if asked.is_operation && !asked.is_safe {
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
    let mut plan = Vec::with_capacity(asked.len());
    for entry in asked {
        let found = found(context, entry).await.map_err(|failure| entry.at_request(failure))?;
        plan.push(Planned { asked: entry, found });
    }
    check_identities(&plan)?;
    let mut writes = writes(context, &mut plan).await?;
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

/// Which resources an entry writes.
async fn found(context: &Context<'_>, asked: &Asked<'_>) -> Result<Found, Failure> {
    let request = &asked.request;
    let inner = Context { request, ..*context };
    match request.interaction {
        Interaction::Create => {
            // References to the entry must lead to the match. When another writer is faster, the store gives the transaction up.
            let matching = match criteria::if_none_exist(&inner)? {
                Some(criteria) => criteria::matching(&inner, &criteria.query, 1).await?.pop(),
                None => None,
            };
            Ok(Found::named(&matching.unwrap_or_else(|| context.weir.new_id())))
        }
        Interaction::Update => {
            let own = asked.entry.get("resource").and_then(|resource| resource.str("id"));
            update::check_ids(&inner, own.as_deref())?;
            update::target(&inner, own.as_deref()).await
        }
        Interaction::Patch => patch::target(&inner).await,
        Interaction::Delete => {
            request.id.as_deref().map_or(Ok(()), written::check_id)?;
            delete::targets(&inner).await
        }
        _ => Ok(Found { ids: Vec::new(), expected: Vec::new() }),
    }
}

/// Two entries that write the same resource make the whole fail.
fn check_identities(plan: &[Planned<'_>]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for planned in plan {
        let type_name = planned.asked.request.type_str();
        if planned.found.ids.iter().any(|id| !seen.insert((type_name, id))) {
            let message = "another entry of the transaction writes the same resource";
            return Err(planned.asked.at(Failure::bad_request("duplicate", message)));
        }
    }
    Ok(())
}

/// The writes of all entries, with the links between them made real.
async fn writes(context: &Context<'_>, plan: &mut [Planned<'_>]) -> Result<Writes, Failure> {
    let mut writes = Writes::default();
    let mut targets = entry_targets(context, plan)?;
    let mut conditional = ConditionalReferences::new(coming(plan));
    for planned in plan.iter() {
        let Some(resource) = planned.asked.entry.get("resource") else { continue };
        if matches!(planned.asked.request.interaction, Interaction::Create | Interaction::Update) {
            conditional.resolve(context, resource).await.map_err(|failure| planned.asked.at(failure))?;
        }
    }
    let (resolved, expected) = conditional.finish();
    targets.extend(resolved);
    writes.expected = expected;
    let answers = Answers::with(context, outcomes(plan));
    let written = plan.iter().filter(|planned| planned.asked.request.interaction.is_write());
    let resources = written.filter_map(|planned| planned.asked.entry.get("resource"));
    answers.prepare(resources.map(|resource| resource.to_json())).await?;
    for planned in plan.iter_mut() {
        writes.expected.append(&mut planned.found.expected);
        let asked = planned.asked;
        add(context, &answers, planned, &targets, &mut writes).await.map_err(|failure| asked.at(failure))?;
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

/// What comes with the transaction, or goes: a conditional reference may mean the one and cannot mean the other.
fn coming<'a>(plan: &[Planned<'a>]) -> Vec<Coming<'a>> {
    let writes = plan.iter().filter(|planned| planned.asked.request.interaction.is_write());
    let each = writes.flat_map(|planned| {
        let asked = planned.asked;
        let is_stored = matches!(asked.request.interaction, Interaction::Create | Interaction::Update);
        let resource = asked.entry.get("resource").filter(|_| is_stored);
        planned.found.ids.iter().map(move |id| Coming { type_name: asked.request.type_str(), id: id.clone(), resource })
    });
    each.collect()
}

/// What a link to an entry's fullUrl becomes.
fn entry_targets(context: &Context<'_>, plan: &[Planned<'_>]) -> Result<HashMap<String, String>, Failure> {
    let mut targets: HashMap<String, String> = HashMap::new();
    for planned in plan {
        let asked = planned.asked;
        let (Some(id), Some(full_url)) = (planned.found.ids.first(), asked.entry.str("fullUrl")) else { continue };
        let is_new_id = asked.request.id.is_none() && asked.request.interaction != Interaction::Delete;
        if !is_new_id && !full_url.starts_with("urn:") {
            continue;
        }
        let target = format!("{}/{id}", asked.request.type_str());
        if let Some(relative) = full_url.strip_prefix(&format!("{}/", context.weir.settings.base_url)) {
            targets.insert(relative.to_owned(), target.clone());
        }
        if targets.insert(full_url.into_owned(), target).is_some() {
            let message = "another entry of the transaction has the same fullUrl";
            return Err(asked.at(Failure::bad_request("duplicate", message)));
        }
    }
    Ok(targets)
}

async fn add(
    context: &Context<'_>,
    answers: &Answers<'_>,
    planned: &Planned<'_>,
    targets: &HashMap<String, String>,
    writes: &mut Writes,
) -> Result<(), Failure> {
    let request = &planned.asked.request;
    let inner = Context { request, ..*context };
    let mut checked = async |json: Json| -> Result<Validated, Failure> {
        let is_linked = !targets.is_empty();
        let rewrite = |json| links::rewrite(json, &context.weir.definitions, &|text| targets.get(text).cloned());
        let linked = if is_linked { rewrite(json)? } else { json };
        let resource = written::validated(answers, linked).await?;
        writes.issues.insert(planned.asked.index, resource.issues().to_vec());
        Ok(resource)
    };
    let ops = match request.interaction {
        Interaction::Delete => delete::operations(&inner, &planned.found),
        Interaction::Create => {
            let resource = checked(resource_of(planned.asked)?).await?;
            vec![create(&inner, planned, resource)?]
        }
        Interaction::Update => {
            let resource = checked(resource_of(planned.asked)?).await?;
            vec![update::operation(&inner, &planned.found, resource)?]
        }
        Interaction::Patch => {
            let (json, version) = Patch::read(request)?.applied(&inner, &planned.found).await?;
            vec![patch::operation(&planned.found, checked(json).await?, version)?]
        }
        _ => Vec::new(),
    };
    writes.ops.extend(ops.into_iter().map(|op| (planned.asked.index, op)));
    Ok(())
}

/// The resource of an entry, which was parsed with the Bundle.
fn resource_of(asked: &Asked<'_>) -> Result<Json, Failure> {
    let resource = asked.entry.get("resource").ok_or_else(written::missing)?;
    written::of_type(resource.to_json(), asked.request.type_str())
}

fn create(context: &Context<'_>, planned: &Planned<'_>, resource: Validated) -> Result<WriteOp, Failure> {
    let if_none_exist = criteria::if_none_exist(context)?;
    let id = planned.found.ids.first().cloned().ok_or_else(Failure::internal)?;
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
