//! `POST [base]`: a batch, entry by entry; a transaction goes on in `transaction.rs`. <https://hl7.org/fhir/R4/http.html#transaction>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::{BundleEntry, BundleWriter, EntryResponse, Instant, Node};
use policy::Interaction;

use crate::answer::{Answer, FHIR_JSON, Outcome};
use crate::failure::{Failure, Reason};
use crate::headers::{Conditions, media_type};
use crate::interaction::entry_links::EntryLinks;
use crate::interaction::{transaction, written};
use crate::perform::{Context, perform};
use crate::query_text;
use crate::request::Request;
use crate::router::{self, Level, Route};

/// Bytes of resources after which an answer takes no more of them.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The methods of <https://hl7.org/fhir/R4/valueset-http-verb.html>.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];

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
    let mut size_bytes = 0;
    let links = EntryLinks::of_batch(&context.weir.settings.base_url, &context.weir.definitions, entries);
    for (index, entry) in entries.iter().enumerate() {
        let (is_head, result) = match asked(context, *entry, index) {
            Ok(entry) => {
                let checked = match check_size(size_bytes) {
                    Err(failure) if !entry.request.interaction.is_write() => Err(failure),
                    _ => check_links(&links, &entry),
                };
                let result = match checked {
                    Err(failure) => Err(failure),
                    Ok(()) => Box::pin(perform(context.weir, context.caller, &entry.request)).await,
                };
                (entry.is_head, result.map_err(|failure| entry.at(failure)))
            }
            Err(failure) => (false, Err(failure)),
        };
        size_bytes += write_response(&mut writer, is_head, &result);
    }
    Ok(Answer::json(Outcome::Ok, writer.finish()))
}

/// Refuses an entry that refers to another one: <https://hl7.org/fhir/R4/http.html#brules>.
fn check_links(links: &EntryLinks<'_>, asked: &Asked<'_>) -> Result<(), Failure> {
    let interaction = asked.request.interaction;
    match asked.entry.get("resource") {
        Some(resource) if matches!(interaction, Interaction::Create | Interaction::Update) => {
            links.check_independent(asked.entry, resource, interaction)
        }
        _ => Ok(()),
    }
}

/// An entry, read.
pub(crate) struct Asked<'a> {
    /// Its number, from 0.
    pub index: usize,
    /// The entry itself.
    pub entry: Node<'a>,
    /// What it asks.
    pub request: Request,
    /// Asks as GET does, for no body.
    pub is_head: bool,
    /// By GET or HEAD.
    pub is_safe: bool,
    /// An operation rather than an interaction.
    pub is_operation: bool,
}

impl Asked<'_> {
    /// A failure of this entry.
    pub(crate) fn at(&self, failure: Failure) -> Failure {
        failure.at(&format!("Bundle.entry[{}]", self.index))
    }

    /// A failure of what this entry asks, unless it is one of an element of its resource.
    pub(crate) fn at_request(&self, failure: Failure) -> Failure {
        if failure.is_of_element() {
            return self.at(failure);
        }
        failure.at(&format!("Bundle.entry[{}].request", self.index))
    }
}

/// Reads one entry.
pub(crate) fn asked<'a>(context: &Context<'_>, entry: Node<'a>, index: usize) -> Result<Asked<'a>, Failure> {
    let at = |issue: Failure| issue.at(&format!("Bundle.entry[{index}].request"));
    let missing = |what: &str| at(Failure::bad_request("required", format!("the entry needs `{what}`")));
    let asked = entry.get("request").ok_or_else(|| missing("request"))?;
    let method = asked.str("method").ok_or_else(|| missing("request.method"))?;
    let url = asked.str("url").ok_or_else(|| missing("request.url"))?;
    let (route, mut request) = route(&context.weir.settings.base_url, &method, &url).map_err(at)?;
    request.conditions = conditions(context, asked).map_err(at)?;
    take_resource(entry, &mut request).map_err(|failure| failure.at(&format!("Bundle.entry[{index}]")))?;
    let (is_head, is_operation) = (method == "HEAD", route.level == Level::Operation);
    Ok(Asked { index, entry, request, is_head, is_safe: is_head || method == "GET", is_operation })
}

/// The resource of an entry as the body of its request; a Binary brings a JSON Patch. <https://hl7.org/fhir/R4/http.html#patch>
fn take_resource(entry: Node<'_>, request: &mut Request) -> Result<(), Failure> {
    request.content_type = Some(FHIR_JSON.to_owned());
    let Some(resource) = entry.get("resource") else { return Ok(()) };
    let is_binary = resource.str("resourceType").as_deref() == Some("Binary");
    if request.interaction != Interaction::Patch || !is_binary {
        request.body = Bytes::copy_from_slice(resource.raw().as_bytes());
        return Ok(());
    }
    let data = resource.str("data").and_then(|data| STANDARD.decode(data.as_bytes()).ok());
    let data = data.ok_or_else(|| Failure::bad_request("value", "the Binary of a patch needs `data` in base64"))?;
    request.content_type = resource.str("contentType").map(|text| media_type(&text));
    request.body = data.into();
    Ok(())
}

/// The conditions of an entry, read as strictly as those of headers; preferences are those of the whole request.
fn conditions(context: &Context<'_>, asked: Node<'_>) -> Result<Conditions, Failure> {
    let [if_match, if_none_match, if_none_exist] =
        ["ifMatch", "ifNoneMatch", "ifNoneExist"].map(|name| asked.str(name));
    let read = Conditions::read(|header| match header {
        "if-match" => if_match.clone(),
        "if-none-match" => if_none_match.clone(),
        "if-none-exist" => if_none_exist.clone(),
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
fn route(base_url: &str, method: &str, url: &str) -> Result<(&'static Route, Request), Failure> {
    let not_offered = |message: &str| Failure::new(Reason::NotAllowed, "not-supported", message);
    if !METHODS.contains(&method) {
        let message = format!("`request.method` is one of {}", METHODS.join(", "));
        return Err(Failure::bad_request("value", message));
    }
    let relative = url.strip_prefix(base_url).unwrap_or(url);
    if relative.contains("://") && !relative.contains('?') {
        let message = "`request.url` is another server's; give it relative to this server's base";
        return Err(Failure::bad_request("value", message));
    }
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let (route, names) = router::find(method, path).ok_or_else(|| {
        not_offered(
            "no interaction or operation of that method and URL is offered here; GET [base]/metadata tells what is",
        )
    })?;
    let is_job = matches!(
        route.interaction,
        Interaction::Export
            | Interaction::ExportStatus
            | Interaction::ExportFile
            | Interaction::ExportDelete
            | Interaction::AsyncStatus
            | Interaction::AsyncFile
            | Interaction::AsyncDelete
    );
    if is_job || matches!(route.interaction, Interaction::Batch | Interaction::Feed) {
        return Err(not_offered(
            "Bundles, exports, feeds and the answers of earlier requests are not offered inside a Bundle",
        ));
    }
    let mut request = Request::new(route.interaction);
    let mut compartment = None;
    for (name, value) in names {
        let place = match name {
            "type" => &mut request.type_name,
            "id" => &mut request.id,
            "compartment" => &mut compartment,
            _ => &mut request.version,
        };
        *place = Some(value.to_owned());
    }
    request.narrow(compartment);
    request.params = query_text::params(query.as_bytes())?;
    Ok((route, request))
}

/// Refuses to read more into an answer that is large already: all of it is in memory until it is sent.
pub(crate) fn check_size(size_bytes: usize) -> Result<(), Failure> {
    if size_bytes <= ANSWER_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the answer has more than {ANSWER_BYTES_MAX} bytes already; ask this in a Bundle of its own");
    Err(Failure::new(Reason::TooLarge, "too-costly", message))
}

/// Writes the answer of one entry and gives its size in bytes.
pub(crate) fn write_response(writer: &mut BundleWriter, is_head: bool, result: &Result<Answer, Failure>) -> usize {
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => {
            let status = failure.reason.status().to_string();
            let outcome = fhir::operation_outcome(&failure.issues);
            writer.entry(&BundleEntry {
                response: Some(EntryResponse { status: &status, outcome: Some(&outcome), ..EntryResponse::default() }),
                ..BundleEntry::default()
            });
            return 0;
        }
    };
    let status = answer.outcome.status().to_string();
    let etag = answer.version.map(|version| format!("W/\"{version}\""));
    let body = Some(answer.body.as_ref()).filter(|body| !is_head && !body.is_empty());
    let outcome = body.filter(|_| answer.is_outcome).and_then(|body| serde_json::from_slice(body).ok());
    writer.entry(&BundleEntry {
        resource: body.filter(|_| !answer.is_outcome),
        response: Some(EntryResponse {
            status: &status,
            location: answer.location.as_deref(),
            etag: etag.as_deref(),
            last_modified: answer.last_updated,
            outcome: outcome.as_ref(),
        }),
        ..BundleEntry::default()
    });
    body.map_or(0, <[u8]>::len)
}
