//! `POST [base]`: a batch, entry by entry; a transaction goes on in `transaction.rs`. <https://hl7.org/fhir/R4/http.html#transaction>

use bytes::Bytes;
use fhir::{BundleEntry, BundleWriter, EntryResponse, Instant, Json, Node};
use policy::Interaction;

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::headers::Conditions;
use crate::interaction::{transaction, written};
use crate::perform::{Context, perform};
use crate::request::Request;

/// A batch or a transaction, as the Bundle says.
pub(crate) async fn batch(context: &Context<'_>) -> Result<Answer, Failure> {
    written::check_content_type(context.request)?;
    let bundle = written::parse(&context.request.body)?;
    let root = bundle.root();
    if bundle.resource_type() != Some("Bundle") {
        return Err(Failure::bad_request("invalid", "the body must be a Bundle of type batch or transaction"));
    }
    let entries: Vec<Node<'_>> = root.get("entry").into_iter().flat_map(|entries| entries.items()).collect();
    let limit = context.weir.settings.limits.bundle_entries_max;
    if entries.len() > limit {
        let message = format!("the Bundle has {} entries; this server takes {limit}", entries.len());
        return Err(Failure::new(Reason::TooLarge, "too-long", message));
    }
    match root.str("type").as_deref() {
        Some("batch") => run_batch(context, &entries).await,
        Some("transaction") => transaction::transaction(context, &entries).await,
        _ => Err(Failure::bad_request("value", "Bundle.type must be batch or transaction")),
    }
}

async fn run_batch(context: &Context<'_>, entries: &[Node<'_>]) -> Result<Answer, Failure> {
    let mut writer = BundleWriter::new("batch-response");
    for (index, entry) in entries.iter().enumerate() {
        let result = match request_of(context, *entry, index) {
            Ok(request) => Box::pin(perform(context.weir, context.caller, &request)).await,
            Err(failure) => Err(failure),
        };
        write_response(&mut writer, &result);
    }
    Ok(Answer::json(Outcome::Ok, writer.finish()))
}

/// The request of one entry.
pub(crate) fn request_of(context: &Context<'_>, entry: Node<'_>, index: usize) -> Result<Request, Failure> {
    let at = |issue: Failure| issue.at(&format!("Bundle.entry[{index}].request"));
    let missing = |what: &str| at(Failure::bad_request("required", format!("the entry needs `{what}`")));
    let asked = entry.get("request").ok_or_else(|| missing("request"))?;
    let method = asked.str("method").ok_or_else(|| missing("request.method"))?;
    let url = asked.str("url").ok_or_else(|| missing("request.url"))?;
    let mut request = route(&context.weir.settings.base_url, &method, &url).map_err(at)?;
    request.conditions = conditions(context, asked).map_err(at)?;
    if let Some(resource) = entry.get("resource") {
        request.body = Bytes::copy_from_slice(resource.raw().as_bytes());
    }
    Ok(request)
}

/// The conditions of an entry, read as strictly as those of headers; preferences are those of the whole request.
fn conditions(context: &Context<'_>, asked: Node<'_>) -> Result<Conditions, Failure> {
    let [if_match, if_none_match, if_none_exist] =
        ["ifMatch", "ifNoneMatch", "ifNoneExist"].map(|name| asked.str(name));
    let read = Conditions::read(|header| match header {
        "if-match" => if_match.as_deref(),
        "if-none-match" => if_none_match.as_deref(),
        "if-none-exist" => if_none_exist.as_deref(),
        _ => None,
    })?;
    let if_modified_since = match asked.str("ifModifiedSince").map(|text| Instant::parse_rfc3339(&text)) {
        Some(None) => return Err(Failure::bad_request("value", "`request.ifModifiedSince` must be an instant")),
        given => given.flatten(),
    };
    let whole = &context.request.conditions;
    Ok(Conditions { if_modified_since, handling: whole.handling, prefer_return: whole.prefer_return, ..read })
}

/// The interaction that a method and a URL relative to the base mean.
fn route(base_url: &str, method: &str, url: &str) -> Result<Request, Failure> {
    let relative = url.strip_prefix(base_url).unwrap_or(url).trim_start_matches('/');
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (interaction, names): (Interaction, &[&str]) = match (method, segments.as_slice()) {
        ("GET", ["metadata"]) => (Interaction::Capabilities, &[]),
        ("GET", ["_history"]) => (Interaction::HistorySystem, &[]),
        ("GET", [type_name]) => (Interaction::SearchType, &[type_name]),
        ("GET", [type_name, "_history"]) => (Interaction::HistoryType, &[type_name]),
        ("GET", [type_name, id]) => (Interaction::Read, &[type_name, id]),
        ("GET", [type_name, id, "_history"]) => (Interaction::HistoryInstance, &[type_name, id]),
        ("GET", [type_name, id, "_history", version]) => (Interaction::Vread, &[type_name, id, version]),
        ("POST", [type_name, "_search"]) => (Interaction::SearchType, &[type_name]),
        ("POST", [type_name]) => (Interaction::Create, &[type_name]),
        ("PUT", [type_name, id]) => (Interaction::Update, &[type_name, id]),
        ("DELETE", [type_name, id]) => (Interaction::Delete, &[type_name, id]),
        _ => return Err(Failure::new(Reason::NotAllowed, "not-supported", "an entry cannot ask that here")),
    };
    if names.iter().any(|name| name.starts_with(['_', '$'])) {
        return Err(Failure::new(Reason::NotAllowed, "not-supported", "operations are not offered inside a Bundle"));
    }
    let mut request = Request::new(interaction);
    let mut names = names.iter().map(|name| (*name).to_owned());
    request.type_name = names.next();
    request.id = names.next();
    request.version = names.next();
    request.params = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    Ok(request)
}

/// Writes the answer of one entry.
pub(crate) fn write_response(writer: &mut BundleWriter, result: &Result<Answer, Failure>) {
    match result {
        Ok(answer) => {
            let status = answer.outcome.status().to_string();
            let etag = answer.version.map(|version| format!("W/\"{version}\""));
            writer.entry(&BundleEntry {
                resource: (!answer.body.is_empty()).then(|| answer.body.as_ref()),
                response: Some(EntryResponse {
                    status: &status,
                    location: answer.location.as_deref(),
                    etag: etag.as_deref(),
                    last_modified: answer.last_updated,
                    outcome: None,
                }),
                ..BundleEntry::default()
            });
        }
        Err(failure) => {
            let status = failure.reason.status().to_string();
            let outcome = fhir::operation_outcome(&failure.issues);
            writer.entry(&BundleEntry {
                response: Some(EntryResponse { status: &status, outcome: Some(&outcome), ..EntryResponse::default() }),
                ..BundleEntry::default()
            });
        }
    }
}

/// A resource of an entry as a tree of its own.
pub(crate) fn resource_of(entry: Node<'_>) -> Result<Json, Failure> {
    match entry.get("resource") {
        Some(resource) => written::parse(resource.raw().as_bytes()),
        None => Err(Failure::bad_request("required", "the entry needs a resource")),
    }
}
