//! `PATCH [base]/[type]/[id]` and `PATCH [base]/[type]?[criteria]`, by JSON Patch or FHIRPath Patch. <https://hl7.org/fhir/R4/http.html#patch>

use fhir::{Json, JsonPatchError};
use fhirpath::PatchError;
use policy::{Denied, Interaction};
use store::WriteOp;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::criteria::{self, Found, Gone};
use crate::interaction::written::{answer, parse, validated, write_one};
use crate::perform::Context;
use crate::request::Request;

/// The media type of JSON Patch (RFC 6902).
pub(super) const JSON_PATCH: &str = "application/json-patch+json";

/// The media types of bodies that are offered, for the CapabilityStatement.
pub(super) const FORMATS: [&str; 3] = ["application/fhir+json", "application/fhir+xml", JSON_PATCH];

/// A patch, read.
pub(super) enum Patch {
    /// RFC 6902.
    Json(Json),
    /// A Parameters resource.
    Fhirpath(Json),
}

/// A resource before and after a patch.
pub(super) struct Patched {
    /// As it is stored.
    pub before: Json,
    /// As it is to be.
    pub after: Json,
    /// The version that is stored.
    pub version: u64,
}

/// Changes the current version; the result is validated as an update is.
pub(crate) async fn patch(context: &Context<'_>) -> Result<Answer, Failure> {
    let patch = Patch::read(context.request)?;
    criteria::decided_anew(&[&context.request.conditions], async || {
        let found = target(context, &Gone::new()).await?;
        let Patched { after, version, .. } = patch.applied(context, &found).await?;
        let resource = validated(&Answers::new(context), after).await?;
        let issues = resource.issues().to_vec();
        let op = operation(&found, resource, version)?;
        let written = write_one(context, op, found.expected).await?;
        answer(context, &written, &issues).await
    })
    .await
}

/// What is to be patched: what the path names, or the one match.
pub(super) async fn target(context: &Context<'_>, gone: &Gone) -> Result<Found, Failure> {
    let Some(id) = &context.request.id else {
        let found = criteria::find(context, 1, gone).await?;
        if found.ids.is_empty() {
            return Err(Failure::new(Reason::NotFound, "not-found", "no resource matches the criteria"));
        }
        return Ok(found);
    };
    Ok(Found::named(id))
}

/// The write of a patched resource, in the place of that version and no other.
pub(super) fn operation(found: &Found, resource: profiles::Validated, version: u64) -> Result<WriteOp, Failure> {
    let id = found.ids.first().cloned().ok_or_else(Failure::internal)?;
    Ok(WriteOp::Put {
        resource,
        id,
        interaction: Interaction::Patch,
        if_match: Some(version.into()),
        if_none_exist: None,
    })
}

impl Patch {
    /// Reads the body as its media type says.
    pub(super) fn read(request: &Request) -> Result<Patch, Failure> {
        let json = || parse(&request.body);
        match request.content_type.as_deref() {
            Some(JSON_PATCH) => Ok(Patch::Json(json()?)),
            Some("application/fhir+json" | "application/json") => Ok(Patch::Fhirpath(json()?)),
            _ => {
                let message = format!("a patch is {JSON_PATCH}, or a Parameters resource as application/fhir+json");
                Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message).of_header("Content-Type"))
            }
        }
    }

    /// The current version with the patch applied. A test in a patch tells what is there: the caller must be allowed to read.
    pub(super) async fn applied(&self, context: &Context<'_>, found: &Found) -> Result<Patched, Failure> {
        let type_name = context.request.type_str();
        let id = found.ids.first().map(String::as_str).unwrap_or_default();
        let (before, version) = current(context, type_name, id).await?;
        let after = match self {
            Patch::Json(patch) => fhir::apply_json_patch(&before, patch)?,
            Patch::Fhirpath(patch) => fhirpath::apply_patch(&before, patch, &context.weir.definitions)?,
        };
        for name in ["resourceType", "id"] {
            if before.root().str(name) != after.root().str(name) {
                let message = format!("a patch cannot change `{name}`");
                return Err(Failure::new(Reason::Unprocessable, "business-rule", message));
            }
        }
        Ok(Patched { before, after, version })
    }
}

/// The whole of the current version, if the caller may see all of it.
async fn current(context: &Context<'_>, type_name: &str, id: &str) -> Result<(Json, u64), Failure> {
    let not_found = || Failure::not_found(type_name, id);
    let grant = crate::access::also(context.caller, Interaction::Read, type_name)?;
    let stored = context.weir.store.read(&grant, type_name, id).await?.ok_or_else(not_found)?;
    let (version, is_deleted) = (stored.facts().version, stored.facts().deleted);
    // What policy holds back is not there for this caller.
    let released = policy::release(&grant, stored).map_err(|_| not_found())?;
    if is_deleted {
        return Err(Failure::gone(type_name, id));
    }
    if released.is_redacted() {
        let message = "the record is shown to this client with parts taken out, so it cannot be patched by it";
        return Err(Denied::new("redacted", message).into());
    }
    context.request.conditions.check_version((type_name, id), version)?;
    Ok((parse(released.bytes())?, version))
}

impl From<JsonPatchError> for Failure {
    fn from(error: JsonPatchError) -> Failure {
        let (reason, code) = match error {
            JsonPatchError::NotAPatch | JsonPatchError::Malformed { .. } => (Reason::BadRequest, "structure"),
            JsonPatchError::TooMany => (Reason::Unprocessable, "too-costly"),
            JsonPatchError::TestFailed { .. } | JsonPatchError::NotApplicable { .. } => {
                (Reason::Unprocessable, "processing")
            }
        };
        Failure::new(reason, code, error.to_string())
    }
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Failure {
        let at = |operation: usize| Some(format!("Parameters.parameter[{operation}]"));
        let (reason, code, expression) = match error {
            PatchError::NotAPatch => (Reason::BadRequest, "structure", None),
            PatchError::Malformed { operation, .. } | PatchError::Path { operation, .. } => {
                (Reason::BadRequest, "structure", at(operation))
            }
            PatchError::TooMany => (Reason::Unprocessable, "too-costly", None),
            PatchError::NotApplicable { operation, .. } => (Reason::Unprocessable, "processing", at(operation)),
        };
        let mut failure = Failure::new(reason, code, error.to_string());
        failure.issues.iter_mut().for_each(|issue| issue.expression.clone_from(&expression));
        failure
    }
}
