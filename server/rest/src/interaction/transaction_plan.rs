//! Which resources the entries of a transaction write: in the order of the rules, each conditional entry sees what goes before it, and two that
//! may mean the same resource make the whole fail. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::{BTreeMap, BTreeSet};

use policy::Interaction;
use search::Query;

use crate::failure::Failure;
use crate::interaction::batch::Asked;
use crate::interaction::coming::Coming;
use crate::interaction::criteria::{self, Found, Gone};
use crate::interaction::entry_links::LinkedVersion;
use crate::interaction::patch::{self, Patch, Patched};
use crate::interaction::{delete, update, written};
use crate::perform::Context;

/// One entry on its way.
pub(super) struct Planned<'a> {
    /// What it asks.
    pub asked: &'a Asked<'a>,
    /// What it writes; nothing for reads.
    pub found: Found,
    /// What becomes of the version in a link to it.
    pub version: LinkedVersion,
    /// What a patch makes.
    pub patched: Option<Patched>,
    /// A create that is answered by what is there.
    is_met: bool,
}

/// Decides for each entry, in the order of the entries.
pub(super) async fn plan<'a>(context: &Context<'_>, asked: &'a [Asked<'a>]) -> Result<Vec<Planned<'a>>, Failure> {
    let mut plan: Vec<Planned<'a>> = Vec::with_capacity(asked.len());
    let mut gone: BTreeMap<&str, Gone> = BTreeMap::new();
    let none = Gone::new();
    for step in [is_delete, is_create, is_change, is_read] {
        for entry in asked.iter().filter(|entry| step(entry.request.interaction)) {
            let type_name = entry.request.type_str();
            let planned = planned(context, entry, gone.get(type_name).unwrap_or(&none)).await?;
            if is_delete(entry.request.interaction) {
                gone.entry(type_name).or_default().extend(planned.found.ids.iter().cloned());
            }
            plan.push(planned);
        }
    }
    plan.sort_by_key(|planned| planned.asked.index);
    check_identities(context, &plan)?;
    Ok(plan)
}

fn is_delete(interaction: Interaction) -> bool {
    interaction == Interaction::Delete
}

fn is_create(interaction: Interaction) -> bool {
    interaction == Interaction::Create
}

fn is_change(interaction: Interaction) -> bool {
    matches!(interaction, Interaction::Update | Interaction::Patch)
}

fn is_read(interaction: Interaction) -> bool {
    !is_delete(interaction) && !is_create(interaction) && !is_change(interaction)
}

async fn planned<'a>(context: &Context<'_>, asked: &'a Asked<'a>, gone: &Gone) -> Result<Planned<'a>, Failure> {
    let request = &asked.request;
    let inner = Context { request, ..*context };
    let found = found(&inner, asked, gone).await.map_err(|failure| asked.at_request(failure))?;
    let (found, met_version) = found;
    let version = match (request.interaction, met_version) {
        (Interaction::Create, met) => LinkedVersion::Known(met.unwrap_or(1)),
        _ if request.id.is_some() => LinkedVersion::AsGiven,
        _ => LinkedVersion::Unknown,
    };
    let patched = match request.interaction {
        Interaction::Patch => {
            let applied = async { Patch::read(request)?.applied(&inner, &found).await };
            Some(applied.await.map_err(|failure| asked.at(failure))?)
        }
        _ => None,
    };
    Ok(Planned { asked, found, version, patched, is_met: met_version.is_some() })
}

/// Which resources an entry writes; of a create that is answered by what is there, its version.
async fn found(context: &Context<'_>, asked: &Asked<'_>, gone: &Gone) -> Result<(Found, Option<u64>), Failure> {
    let request = context.request;
    let found = match request.interaction {
        Interaction::Create => {
            // References to the entry must lead to the match. When another writer is faster, the store gives the transaction up.
            let existing = match criteria::if_none_exist(context)? {
                Some(criteria) => criteria::existing(context, &criteria.query, gone).await?,
                None => None,
            };
            return Ok(match existing {
                Some((id, version)) => (Found::named(&id), Some(version)),
                None => (Found::named(&context.weir.new_id()), None),
            });
        }
        Interaction::Update => {
            let own = asked.entry.get("resource").and_then(|resource| resource.str("id"));
            update::check_ids(context, own.as_deref())?;
            update::target(context, own.as_deref(), gone).await?
        }
        Interaction::Patch => patch::target(context, gone).await?,
        Interaction::Delete => {
            request.id.as_deref().map_or(Ok(()), written::check_id)?;
            delete::targets(context).await?
        }
        _ => Found { ids: Vec::new(), expected: Vec::new() },
    };
    Ok((found, None))
}

/// Two entries that write the same resource make the whole fail; so does one whose criteria another one comes to match, since which of them goes
/// first would decide what is stored.
fn check_identities(context: &Context<'_>, plan: &[Planned<'_>]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for planned in plan {
        let type_name = planned.asked.request.type_str();
        if planned.found.ids.iter().any(|id| !seen.insert((type_name, id))) {
            return Err(twice(planned));
        }
    }
    let coming = coming(plan);
    for planned in plan {
        let interaction = planned.asked.request.interaction;
        let Some(query) = criteria_of(context, planned)? else { continue };
        let is_before = |other: &Interaction| is_create(*other) || (is_change(interaction) && is_change(*other));
        let mut others = coming.iter().filter(|(other, one)| is_before(other) && !planned.found.ids.contains(&one.id));
        if others.any(|(_, one)| one.matches(context, &query)) {
            return Err(twice(planned));
        }
    }
    Ok(())
}

fn twice(planned: &Planned<'_>) -> Failure {
    let message = "another entry of the transaction writes the same resource";
    planned.asked.at(Failure::bad_request("duplicate", message))
}

/// What an entry looks for among what the others make; deletes go before them.
fn criteria_of(context: &Context<'_>, planned: &Planned<'_>) -> Result<Option<Query>, Failure> {
    let request = &planned.asked.request;
    let inner = Context { request, ..*context };
    Ok(match request.interaction {
        Interaction::Create => criteria::if_none_exist(&inner)?.map(|criteria| criteria.query),
        Interaction::Update | Interaction::Patch if request.id.is_none() => Some(criteria::of_url(&inner)?.query),
        _ => None,
    })
}

/// What the entries come to write; a create that is answered by what is there writes nothing.
fn coming<'p>(plan: &'p [Planned<'_>]) -> Vec<(Interaction, Coming<'p>)> {
    let written = plan.iter().filter(|planned| !planned.is_met && !is_delete(planned.asked.request.interaction));
    let each = written.flat_map(|planned| {
        let request = &planned.asked.request;
        let one =
            move |id: &String| (request.interaction, Coming::new(request.type_str(), id.clone(), planned.content()));
        planned.found.ids.iter().map(one)
    });
    each.collect()
}

impl Planned<'_> {
    /// What is to be stored, before links are made real.
    pub(super) fn content(&self) -> Option<fhir::Node<'_>> {
        match self.asked.request.interaction {
            Interaction::Create | Interaction::Update => self.asked.entry.get("resource"),
            Interaction::Patch => self.patched.as_ref().map(|patched| patched.after.root()),
            _ => None,
        }
    }
}
