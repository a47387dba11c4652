//! `$meta-add` and `$meta-delete` of a resource: a new version with other profiles, tags and security labels.
//! <https://hl7.org/fhir/R4/resource-operation-meta-add.html>, <https://hl7.org/fhir/R4/resource-operation-meta-delete.html>

use fhir::Node;
use fhir::meta::{LABEL_LISTS, add_labels, delete_labels};
use policy::{Denied, Interaction, Released};
use profiles::Strictness;
use store::WriteOp;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::written::{parse, validated, write_one};
use crate::operation::meta;
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// How often a change is tried again when another write came between.
const ATTEMPTS_MAX: u32 = 3;

/// Adds or deletes labels, as the interaction says.
pub(crate) async fn meta_change(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&[])?;
    let labels = parameters.part("meta", "valueMeta").filter(|labels| has_labels(*labels)).ok_or_else(|| {
        let message = "a parameter `meta` with a valueMeta is needed that has a profile, tag or security label";
        Failure::bad_request("required", message)
    })?;
    let mut attempt = 1;
    loop {
        match change(context, labels).await {
            Err(failure)
                if failure.reason == Reason::PreconditionFailed
                    && context.request.conditions.if_match.is_none()
                    && attempt < ATTEMPTS_MAX =>
            {
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn has_labels(meta: Node<'_>) -> bool {
    LABEL_LISTS.iter().any(|name| meta.get(name).is_some_and(|list| !list.is_empty()))
}

async fn change(context: &Context<'_>, labels: Node<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    let current = current(context).await?;
    let version = current.facts().version;
    context.request.conditions.check_version((type_name, id), version)?;
    let json = parse(current.bytes()).map_err(|_| Failure::internal())?;
    let is_add = context.request.interaction == Interaction::MetaAdd;
    let changed = if is_add { add_labels(&json, labels) } else { delete_labels(&json, labels) };
    let changed = parse(&changed).map_err(|_| Failure::internal())?;
    let answers = Answers::new(context);
    // Taking a label away makes a resource no worse: one that was stored with faults can lose its labels all the same.
    let op = WriteOp::Put {
        resource: if is_add {
            validated(&answers, changed).await?
        } else {
            answers.validated(changed, Strictness::Warn).await?
        },
        id: id.to_owned(),
        interaction: context.request.interaction,
        if_match: Some(version.into()),
        if_none_exist: None,
    };
    let written = write_one(context, op, Vec::new()).await?;
    let mut answer = meta::answer(&written.body, |touched| touched.add(current.facts()))?;
    answer.version = Some(written.version);
    answer.last_updated = Some(written.last_updated);
    Ok(answer)
}

/// The current version, whole: what is shown with parts taken out would be stored without them.
async fn current(context: &Context<'_>) -> Result<Released, Failure> {
    let released = meta::current(context).await?;
    if released.is_redacted() {
        let message = "the record is shown to this client with parts taken out, so its labels cannot be changed by it";
        return Err(Denied::new("redacted", message).into());
    }
    Ok(released)
}
