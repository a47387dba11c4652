//! A transaction: all entries or none. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::{BTreeSet, HashMap};

use fhir::{BundleWriter, Node};
use policy::{Grant, Interaction};
use store::{WriteOp, Written};

use crate::access;
use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::interaction::{batch, criteria, written};
use crate::perform::{Context, perform};
use crate::request::Request;

/// One entry on its way.
struct Planned<'a> {
    request: Request,
    entry: Node<'a>,
    /// `Type/id` under which it will be written.
    target: Option<String>,
}

/// Runs the entries in the order of the rules: deletes, creates, updates, then reads.
pub(crate) async fn transaction(context: &Context<'_>, entries: &[Node<'_>]) -> Result<Answer, Failure> {
    let mut plan = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let at = |failure: Failure| failure.at(&format!("Bundle.entry[{index}].request"));
        let request = batch::request_of(context, *entry, index)?;
        plan.push(planned(context, request, *entry).await.map_err(at)?);
    }
    check_identities(&plan)?;
    let grants = decided(context, &plan)?;
    let targets = new_references(context, &plan);
    let mut ops: Vec<(usize, WriteOp)> = Vec::new();
    for (index, planned) in plan.iter().enumerate() {
        let at = |failure: Failure| failure.at(&format!("Bundle.entry[{index}]"));
        if !planned.request.interaction.is_write() {
            continue;
        }
        ops.push((index, operation(context, planned, &targets).map_err(at)?));
    }
    ops.sort_by_key(|(_, op)| order(op));
    let written = match Grant::joined(grants) {
        Some(grant) => write(context, &grant, ops).await?,
        None => HashMap::new(),
    };
    respond(context, &plan, &written).await
}

async fn write(
    context: &Context<'_>,
    grant: &Grant,
    ops: Vec<(usize, WriteOp)>,
) -> Result<HashMap<usize, Written>, Failure> {
    let (indexes, ops): (Vec<usize>, Vec<WriteOp>) = ops.into_iter().unzip();
    let written = written::write_all(context.weir, grant, ops, Vec::new()).await?;
    Ok(indexes.into_iter().zip(written).collect())
}

/// The grants of the writes. What may not be read is refused here too, before anything is written.
fn decided(context: &Context<'_>, plan: &[Planned<'_>]) -> Result<Vec<Grant>, Failure> {
    let mut grants: Vec<Grant> = Vec::new();
    for (index, planned) in plan.iter().enumerate() {
        let grant = access::grant(context.caller, &planned.request);
        let grant = grant.map_err(|failure| failure.at(&format!("Bundle.entry[{index}]")))?;
        if planned.request.interaction.is_write() {
            grants.push(grant);
        }
    }
    Ok(grants)
}

async fn planned<'a>(context: &Context<'_>, mut request: Request, entry: Node<'a>) -> Result<Planned<'a>, Failure> {
    let type_name = request.type_str().to_owned();
    if !context.weir.definitions.is_resource_type(&type_name) && request.interaction != Interaction::Capabilities {
        let message = "the entry's url names no resource type of FHIR R4";
        return Err(Failure::new(Reason::NotFound, "not-supported", message));
    }
    let target = match request.interaction {
        Interaction::Create => {
            // References to the entry must lead to the match. When another writer is faster, the store gives the transaction up.
            let matching = match &request.conditions.if_none_exist {
                Some(text) => {
                    let inner = Context { request: &request, ..*context };
                    let query = criteria::query_of(&inner, &type_name, text)?;
                    criteria::matching(&inner, &query, 1).await?.pop()
                }
                None => None,
            };
            let id = matching.unwrap_or_else(|| context.weir.new_id());
            request.id = Some(id.clone());
            Some(format!("{type_name}/{id}"))
        }
        Interaction::Update | Interaction::Delete => {
            written::check_id(request.id_str())?;
            Some(format!("{type_name}/{}", request.id_str()))
        }
        _ => None,
    };
    Ok(Planned { request, entry, target })
}

/// Two entries that write the same resource make the whole fail.
fn check_identities(plan: &[Planned<'_>]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (index, planned) in plan.iter().enumerate() {
        if let Some(target) = &planned.target
            && !seen.insert(target)
        {
            let message = "another entry of the transaction writes the same resource";
            return Err(Failure::bad_request("duplicate", message).at(&format!("Bundle.entry[{index}]")));
        }
    }
    Ok(())
}

/// What a reference to an entry's fullUrl becomes.
fn new_references(context: &Context<'_>, plan: &[Planned<'_>]) -> HashMap<String, String> {
    let mut targets = HashMap::new();
    for planned in plan {
        let (Some(target), Some(full_url)) = (&planned.target, planned.entry.str("fullUrl")) else { continue };
        if planned.request.interaction == Interaction::Create || full_url.starts_with("urn:") {
            targets.insert(full_url.to_string(), target.clone());
            if let Some(relative) = full_url.strip_prefix(&format!("{}/", context.weir.settings.base_url)) {
                targets.insert(relative.to_owned(), target.clone());
            }
        }
    }
    targets
}

fn operation(
    context: &Context<'_>,
    planned: &Planned<'_>,
    targets: &HashMap<String, String>,
) -> Result<WriteOp, Failure> {
    let request = &planned.request;
    let (type_name, id) = (request.type_str().to_owned(), request.id_str().to_owned());
    let if_match = request.conditions.if_match;
    if request.interaction == Interaction::Delete {
        return Ok(WriteOp::Delete { type_name, id, if_match });
    }
    let json = batch::resource_of(planned.entry)?;
    if json.resource_type() != Some(type_name.as_str()) {
        return Err(Failure::bad_request("invalid", "the resource is not of the type that the url names"));
    }
    let rewritten = fhir::resource::rewrite_references(&json, |text| targets.get(text).cloned());
    let json = written::parse(&rewritten)?;
    if request.interaction == Interaction::Update && json.root().str("id").as_deref() != Some(id.as_str()) {
        return Err(Failure::bad_request("value", "the resource's id is not the id of the url"));
    }
    let resource = written::validated(context.weir, json)?;
    if request.interaction == Interaction::Update {
        return Ok(put(Interaction::Update, resource, id, if_match, None));
    }
    let if_none_exist = match &request.conditions.if_none_exist {
        Some(text) => {
            let inner = Context { request, ..*context };
            Some(criteria::query_of(&inner, &type_name, text)?)
        }
        None => None,
    };
    Ok(put(Interaction::Create, resource, id, None, if_none_exist))
}

fn order(op: &WriteOp) -> u8 {
    match op {
        WriteOp::Delete { .. } => 0,
        WriteOp::Put { interaction: Interaction::Create, .. } => 1,
        WriteOp::Put { .. } => 2,
    }
}

fn put(
    interaction: Interaction,
    resource: profiles::Validated,
    id: String,
    if_match: Option<u64>,
    if_none_exist: Option<search::Query>,
) -> WriteOp {
    WriteOp::Put { resource, id, interaction, if_match, if_none_exist }
}

/// The response, in the order of the request; reads run after the writes. A read that finds nothing says so in its own entry, since what
/// was written stays written.
async fn respond(
    context: &Context<'_>,
    plan: &[Planned<'_>],
    written: &HashMap<usize, Written>,
) -> Result<Answer, Failure> {
    let mut writer = BundleWriter::new("transaction-response");
    let mut touched = crate::answer::Touched::default();
    for (index, planned) in plan.iter().enumerate() {
        let result = match written.get(&index) {
            Some(written) if planned.request.interaction == Interaction::Delete => {
                Ok(written::deleted(std::slice::from_ref(written)))
            }
            Some(written) => {
                let inner = Context { request: &planned.request, ..*context };
                written::answer(&inner, written, &[]).await
            }
            None => Box::pin(perform(context.weir, context.caller, &planned.request)).await,
        };
        if let Ok(answer) = &result {
            touched.join(&answer.touched);
        }
        batch::write_response(&mut writer, &result);
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}
