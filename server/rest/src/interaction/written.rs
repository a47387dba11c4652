//! From a body to a validated resource, and from a written version to an answer.

use std::collections::{BTreeMap, HashMap};

use fhir::Json;
use policy::{Grant, Interaction, Released};
use profiles::Validated;
use store::{ExpectedMatches, StoreError, WriteBatch, WriteOp, WriteStatus, Written};

use crate::answer::{Answer, Outcome};
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::headers::PreferReturn;
use crate::perform::Context;
use crate::place;
use crate::request::Request;
use crate::weir::Weir;

/// The name under which REST writes are kept as a source.
pub(super) const REST_FEED: &str = "rest";

/// Reads the body as one resource of the type that the path names.
pub(super) fn resource_of(context: &Context<'_>) -> Result<Json, Failure> {
    let request = context.request;
    check_content_type(request)?;
    if request.body.is_empty() {
        return Err(missing());
    }
    of_type(parse(&request.body)?, request.type_str())
}

/// The refusal of a write that brings nothing.
pub(super) fn missing() -> Failure {
    Failure::bad_request("required", "the request has no body; a resource is needed")
}

/// Refuses a resource that is of another type than the path.
pub(super) fn of_type(json: Json, type_name: &str) -> Result<Json, Failure> {
    if json.resource_type() != Some(type_name) {
        let message = format!("the body must be of type {type_name}, as the path says");
        return Err(Failure::bad_request("invalid", message));
    }
    Ok(json)
}

/// Refuses a body that says it is something else than JSON.
pub(crate) fn check_content_type(request: &Request) -> Result<(), Failure> {
    match request.content_type.as_deref() {
        None | Some("application/fhir+json" | "application/json" | "text/json") => Ok(()),
        Some(_) => {
            let message = "the body must be application/fhir+json";
            Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message).of_header("Content-Type"))
        }
    }
}

/// Parses a body as JSON; the refusal says line and column.
pub(crate) fn parse(body: &[u8]) -> Result<Json, Failure> {
    Json::parse(body).map_err(|error| Failure::unread((&error).into()))
}

/// Validates as configuration says; errors make it a 422.
pub(crate) async fn validated(answers: &Answers<'_>, json: Json) -> Result<Validated, Failure> {
    let weir = answers.weir;
    let validated = answers.validated(json, weir.settings.strictness).await?;
    check_whole(validated.json())?;
    // A reference by this server's own URL means the resource here: only as a relative one is it found, linked and held back as such.
    let own = |text: &str| fhir::path_below(&weir.settings.base_url, text).map(str::to_owned);
    Ok(validated.with_references(own))
}

/// Refuses a body that was given out with parts left out.
pub(crate) fn check_whole(json: &Json) -> Result<(), Failure> {
    policy::acceptable_whole(json)
        .map_err(|error| Failure::new(Reason::Unprocessable, "business-rule", error.to_string()))
}

/// Refuses a logical id which is an NHS number, or none at all.
pub(crate) fn check_id(id: &str) -> Result<(), Failure> {
    if fhir::FhirId::parse(id).is_none() {
        let message = "a logical id is 1 to 64 of letters, digits, `-` and `.`";
        return Err(Failure::bad_request("value", message));
    }
    policy::acceptable_id(id).map_err(|error| Failure::new(Reason::Unprocessable, "business-rule", error.to_string()))
}

/// Writes one operation on its own.
pub(crate) async fn write_one(
    context: &Context<'_>,
    op: WriteOp,
    expected: Vec<ExpectedMatches>,
) -> Result<Written, Failure> {
    let written = write_all(context.weir, context.grant, vec![op], expected).await?;
    written.into_iter().next().ok_or_else(Failure::internal)
}

/// Writes operations in one transaction, if what they were decided upon still is so.
pub(super) async fn write_all(
    weir: &Weir,
    grant: &Grant,
    ops: Vec<WriteOp>,
    expected: Vec<ExpectedMatches>,
) -> Result<Vec<Written>, Failure> {
    let mut batch = WriteBatch::new(ops, policy::Source::feed(REST_FEED));
    batch.expected = expected;
    batch.source.ods_code = Some(weir.settings.ods_code.clone());
    let written = weir.store.write(grant, batch).await?;
    if written.iter().any(|one| matches!(one.type_name.as_str(), "ValueSet" | "CodeSystem")) {
        weir.terminologies.bound.forget();
    }
    Ok(written)
}

/// The answer to one create or update, as `Prefer: return` wants it.
pub(super) async fn answer(
    context: &Context<'_>,
    written: &Written,
    issues: &[fhir::Issue],
) -> Result<Answer, Failure> {
    let representations = Representations::of(context, std::slice::from_ref(written)).await;
    Ok(answer_with(context, written, issues, &representations))
}

/// The same for one of several writes, whose representations were read together.
pub(super) fn answer_with(
    context: &Context<'_>,
    written: &Written,
    issues: &[fhir::Issue],
    representations: &Representations,
) -> Answer {
    let outcome = match written.status {
        WriteStatus::Created => Outcome::Created,
        WriteStatus::Updated | WriteStatus::Unchanged | WriteStatus::Deleted => Outcome::Ok,
    };
    let released = representations.get(written);
    let mut answer = match (context.request.conditions.prefer_return, released) {
        (PreferReturn::OperationOutcome, _) => {
            let mut issues = issues.to_vec();
            place::of_sent(context.request, &mut issues);
            Answer::outcome(outcome, &issues)
        }
        (_, Some(released)) => Answer::json(outcome, released.bytes().clone()),
        (_, None) => Answer::empty(outcome),
    };
    answer.version = Some(written.version);
    answer.last_updated = Some(written.last_updated);
    answer.location = Some(location(context.weir, written));
    answer.touched.add_written(written);
    answer
}

/// The answer to a delete of one resource, of several, or of none.
pub(super) fn deleted(written: &[Written]) -> Answer {
    let mut answer = Answer::empty(Outcome::NoContent);
    if let [one] = written {
        // Version 0: there was nothing to delete.
        answer.version = Some(one.version).filter(|version| *version > 0);
    }
    written.iter().for_each(|one| answer.touched.add_written(one));
    answer
}

/// The versioned URL of what was written.
pub(super) fn location(weir: &Weir, written: &Written) -> String {
    format!("{}/{}/{}/_history/{}", weir.settings.base_url, written.type_name, written.id, written.version)
}

/// Resources as stored, where the caller may also read them, by type and id.
pub(super) struct Representations(HashMap<(String, String), Released>);

impl Representations {
    /// Reads them together; none when `Prefer: return` wants none, and none when they cannot be read: what is stored is no failure.
    pub(super) async fn of(context: &Context<'_>, written: &[Written]) -> Representations {
        if context.request.conditions.prefer_return != PreferReturn::Representation {
            return Representations(HashMap::new());
        }
        Self::read(context, written).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was written could not be read; it is answered without its body");
            Representations(HashMap::new())
        })
    }

    async fn read(context: &Context<'_>, written: &[Written]) -> Result<Representations, StoreError> {
        let mut released = HashMap::new();
        let mut by_type: BTreeMap<&str, Vec<Written>> = BTreeMap::new();
        for one in written {
            by_type.entry(&one.type_name).or_default().push(one.clone());
        }
        let readable = by_type.into_iter().filter_map(|(type_name, written)| {
            Some((crate::access::also(context.caller, Interaction::Read, type_name).ok()?, written))
        });
        let (grants, groups): (Vec<Grant>, Vec<_>) =
            readable.map(|(grant, group)| (grant.clone(), (grant, group))).unzip();
        if groups.is_empty() {
            return Ok(Representations(released));
        }
        let found = context.weir.store.read_written(groups).await?;
        for (grant, versions) in grants.iter().zip(found) {
            for one in versions.into_iter().filter_map(|version| policy::release(grant, version).ok()) {
                released.insert((one.facts().type_name.clone(), one.facts().id.clone()), one);
            }
        }
        Ok(Representations(released))
    }

    fn get(&self, written: &Written) -> Option<&Released> {
        self.0.get(&(written.type_name.clone(), written.id.clone()))
    }
}
