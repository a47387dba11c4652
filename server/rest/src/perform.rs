//! One interaction from decision to audit record.

use fhir::NhsNumber;
use policy::{Grant, Interaction, Subject};
use search::Handling;
use store::StoreError;
use store::audit::{AuditOutcome, AuditRecord};

use crate::answer::Answer;
use crate::failure::{Failure, Reason};
use crate::interaction::{batch, capabilities, create, delete, history, patch, read, search_type, update, vread};
use crate::operation::{
    async_answer, document, everything, expand, export_delete, export_file, export_kick_off, export_status, fhirpath,
    lastn, lookup, meta, meta_change, patient_match, purge, reindex, subsumes, translate, validate, validate_code,
};
use crate::remote_terminology::or_elsewhere;
use crate::request::{Caller, Request};
use crate::weir::Weir;
use crate::{access, async_request};

/// What an interaction works with.
pub(crate) struct Context<'a> {
    /// The running server.
    pub weir: &'a Weir,
    /// Who asks.
    pub caller: &'a Caller,
    /// What is asked.
    pub request: &'a Request,
    /// What policy grants for it.
    pub grant: &'a Grant,
}

/// Decides, runs and audits. The answer is given only when its audit record is durable.
pub(crate) async fn perform(weir: &Weir, caller: &Caller, request: &Request) -> Result<Answer, Failure> {
    let result = run(weir, caller, request).await;
    audit(weir, caller, request, &result).await?;
    result
}

async fn run(weir: &Weir, caller: &Caller, request: &Request) -> Result<Answer, Failure> {
    check_type(weir, request)?;
    check_params(request)?;
    let grant = access::grant(caller, request)?;
    let context = Context { weir, caller, request, grant: &grant };
    if request.conditions.is_async && async_request::is_offered(request.interaction) {
        return async_request::kick_off(&context).await;
    }
    match request.interaction {
        Interaction::Capabilities => capabilities::capabilities(&context),
        Interaction::Read => read::read(&context).await,
        Interaction::Vread => vread::vread(&context).await,
        Interaction::HistoryInstance | Interaction::HistoryType | Interaction::HistorySystem => {
            history::history(&context).await
        }
        Interaction::SearchType | Interaction::SearchSystem => search_type::search_type(&context).await,
        Interaction::Create => create::create(&context).await,
        Interaction::Update => update::update(&context).await,
        Interaction::Patch => patch::patch(&context).await,
        Interaction::Delete => delete::delete(&context).await,
        Interaction::Batch => Box::pin(batch::batch(&context)).await,
        Interaction::Export => export_kick_off::export_kick_off(&context).await,
        Interaction::ExportStatus => export_status::export_status(&context).await,
        Interaction::ExportFile => export_file::export_file(&context).await,
        Interaction::ExportDelete => export_delete::export_delete(&context).await,
        Interaction::AsyncStatus => async_answer::async_status(&context).await,
        Interaction::AsyncFile => async_answer::async_file(&context).await,
        Interaction::AsyncDelete => async_answer::async_delete(&context).await,
        Interaction::Feed => crate::feed::receive(&context).await,
        Interaction::Validate => validate::validate(&context).await,
        Interaction::Fhirpath => fhirpath::fhirpath(&context),
        Interaction::MetaInstance => meta::meta_instance(&context).await,
        Interaction::MetaType | Interaction::MetaSystem => meta::meta_in_use(&context).await,
        Interaction::MetaAdd | Interaction::MetaDelete => meta_change::meta_change(&context).await,
        Interaction::Everything => everything::everything(&context).await,
        Interaction::Lastn => lastn::lastn(&context).await,
        Interaction::Match => patient_match::patient_match(&context).await,
        Interaction::Document => document::document(&context).await,
        Interaction::Expand => or_elsewhere(&context, expand::expand(&context).await).await,
        Interaction::ValidateCode => or_elsewhere(&context, validate_code::validate_code(&context).await).await,
        Interaction::Lookup => or_elsewhere(&context, lookup::lookup(&context).await).await,
        Interaction::Subsumes => or_elsewhere(&context, subsumes::subsumes(&context).await).await,
        Interaction::Translate => or_elsewhere(&context, translate::translate(&context).await).await,
        Interaction::Purge => purge::purge(&context).await,
        Interaction::Reindex => reindex::reindex(&context).await,
        Interaction::ReindexStatus => reindex::reindex_status(&context).await,
    }
}

/// Refuses a path that names no resource type.
pub(crate) fn check_type(weir: &Weir, request: &Request) -> Result<(), Failure> {
    let is_feed = request.interaction == Interaction::Feed;
    if let Some((name, _)) = &request.compartment
        && !weir.definitions.compartments().iter().any(|known| known.code == *name)
    {
        let message = format!("{} is not a compartment of FHIR R4", plain(name, "the path segment"));
        return Err(Failure::new(Reason::NotFound, "not-supported", message));
    }
    if let Some(operation) = request.id.as_deref().filter(|id| id.starts_with('$') && request.type_name.is_some()) {
        let what = plain(operation, "the path segment");
        let message = format!("operation {what} is not offered here; GET [base]/metadata tells what is");
        return Err(Failure::new(Reason::NotFound, "not-supported", message));
    }
    match &request.type_name {
        Some(name) if !is_feed && !weir.definitions.is_resource_type(name) => {
            let what = plain(name, "the path segment");
            let message = match name.strip_prefix('$') {
                Some(_) => format!("operation {what} is not offered here; GET [base]/metadata tells what is"),
                None => format!("{what} is not a resource type of FHIR R4"),
            };
            Err(Failure::new(Reason::NotFound, "not-supported", message))
        }
        _ => Ok(()),
    }
}

/// Parameters that say one thing about an answer, of which a second would say another; those of `_elements` add up.
const ONCE: [&str; 8] = ["_at", "_count", "_format", "_pretty", "_since", "_sort", "_summary", "_total"];

/// Interactions on one resource take no criteria: one that is not read would be thought to hold.
fn check_params(request: &Request) -> Result<(), Failure> {
    let is_given_twice = |name: &&&str| request.params.iter().filter(|(known, _)| known == **name).count() > 1;
    if let Some(name) = ONCE.iter().find(is_given_twice) {
        return Err(Failure::bad_param(name, "invalid", format!("`{name}` is given twice")));
    }
    let is_one = match request.interaction {
        Interaction::Read | Interaction::Vread | Interaction::Create | Interaction::Batch => true,
        // Without an id the parameters are criteria.
        Interaction::Update | Interaction::Patch | Interaction::Delete => request.id.is_some(),
        _ => false,
    };
    if !is_one || request.conditions.handling == Handling::Lenient {
        return Ok(());
    }
    let is_read = matches!(request.interaction, Interaction::Read | Interaction::Vread);
    let is_known = |(name, value): &&(String, String)| match name.as_str() {
        "_format" | "_pretty" => true,
        "_summary" => is_read || value == "false",
        "_elements" => is_read,
        _ => false,
    };
    match request.params.iter().find(|param| !is_known(param)) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("{} is not a parameter of this interaction", plain(name, "the query parameter"));
            Err(Failure::bad_param(name, "not-supported", message))
        }
    }
}

/// A piece of the URL as it may stand in a message: a wrong one could hold anything.
pub(crate) fn plain(name: &str, otherwise: &str) -> String {
    let is_plain = name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphabetic() || "_-:$".contains(c));
    if is_plain { format!("`{name}`") } else { otherwise.to_owned() }
}

async fn audit(
    weir: &Weir,
    caller: &Caller,
    request: &Request,
    result: &Result<Answer, Failure>,
) -> Result<(), Failure> {
    // The capability statement tells nothing about anybody.
    if request.interaction == Interaction::Capabilities {
        return Ok(());
    }
    let mut record = record_of(weir, caller, request);
    match result {
        Ok(answer) => {
            record.outcome = AuditOutcome::Success;
            record.patients.clone_from(&answer.touched.patients);
            record.detail = Some(match &answer.touched.job {
                Some(job) => serde_json::json!({"resources": answer.touched.resources, "job": job}),
                None => serde_json::json!({"resources": answer.touched.resources}),
            });
        }
        Err(failure) => {
            record.outcome = if failure.denied.is_some() { AuditOutcome::Denied } else { AuditOutcome::Failure };
            record.detail = failure.denied.map(|rule| serde_json::json!({"rule": rule}));
        }
    }
    append(weir, record).await
}

async fn append(weir: &Weir, record: AuditRecord) -> Result<(), Failure> {
    weir.store.audit().append(record).await.map(|_| ()).map_err(|error| {
        tracing::error!(%error, "the audit log cannot be written; the request is refused");
        let message = "the audit log cannot be written; nothing is given out without it";
        match error {
            StoreError::Full => Failure::new(Reason::Full, "no-store", message),
            _ => Failure::new(Reason::Unavailable, "transient", message),
        }
    })
}

/// Audits that something irreversible is about to happen; when that cannot be written it does not.
pub(crate) async fn audit_before(context: &Context<'_>) -> Result<(), Failure> {
    let mut record = record_of(context.weir, context.caller, context.request);
    record.detail = Some(serde_json::json!({"stage": "before"}));
    append(context.weir, record).await
}

/// The record of a request: who, what, on which type and id; of the query only the names of its parameters.
fn record_of(weir: &Weir, caller: &Caller, request: &Request) -> AuditRecord {
    let mut record = AuditRecord::new(weir.now(), format!("{:?}", request.interaction), AuditOutcome::Success);
    record.client_id = Some(caller.subject.client_id().to_owned());
    record.purpose = Some(caller.subject.purpose().to_string());
    record.organisation = Some(weir.settings.ods_code.clone());
    record.type_name.clone_from(&request.type_name);
    // Somebody may try an NHS number where an id belongs; the log is no place for it.
    record.id = request.id.clone().filter(|id| NhsNumber::parse(id).is_err());
    record.query = request.params.iter().map(|(name, _)| name.clone()).collect();
    record.query.sort();
    record.query.dedup();
    record.request_id = Some(caller.request_id.clone());
    record.source_address.clone_from(&caller.source_address);
    record.correlation_id.clone_from(&caller.correlation_id);
    if let Subject::Principal(principal) = &caller.subject {
        record.user.clone_from(&principal.user);
    }
    record
}
