//! Between actix-web and the interactions: reads the HTTP request, writes the HTTP answer, starts and stops the server.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use policy::{Interaction, Subject};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tracing_actix_web::TracingLogger;

use crate::answer::{Answer, FHIR_JSON};
use crate::failure::{Failure, Reason};
use crate::format::{self, BLOCKING_BYTES_MIN, Presentation};
use crate::headers::{self, Conditions, media_type};
use crate::ids::{self, Ids};
use crate::perform::perform;
use crate::request::{Caller, Request};
use crate::root_span::RouteSpan;
use crate::router::{Route, Values};
use crate::status::RETRY_AFTER_S;
use crate::weir::Weir;
use crate::{access, body, encoding, health, metric, place, query_text, router, smart};

/// Bytes of a file that are in memory at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Refusals that another scope would lift.
const SCOPE_REASONS: [&str; 3] = ["scope-missing", "type-not-granted", "export-needs-system"];

/// How the server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Threads; 0: one a core.
    pub workers: usize,
    /// Seconds that a stop waits for requests in flight.
    pub shutdown_timeout_s: u64,
}

/// A started server.
pub struct ServerHandle {
    /// Where it listens.
    pub address: SocketAddr,
    server: actix_web::dev::ServerHandle,
    finished: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl ServerHandle {
    /// Stops taking connections, lets requests in flight finish, and returns when it is done.
    pub async fn stop(self) -> std::io::Result<()> {
        self.server.stop(true).await;
        self.finished.await.map_err(std::io::Error::other)?
    }
}

/// Starts the server on its own threads, on a socket that is bound already: URLs are made of its address. Signals are the caller's business.
pub fn start(weir: Arc<Weir>, socket: TcpListener, options: &ServerOptions) -> std::io::Result<ServerHandle> {
    let address = socket.local_addr()?;
    let data = web::Data::from(weir);
    let state = web::Data::new(smart::State::new());
    let mut server = HttpServer::new(move || {
        let base_path = data.settings.base_path.clone();
        App::new()
            .app_data(data.clone())
            .app_data(state.clone())
            .wrap(from_fn(smart::cors))
            .wrap(from_fn(ids::echo))
            .wrap(Compress::default())
            .wrap(from_fn(encoding::refusal))
            .wrap(TracingLogger::<RouteSpan>::new())
            .configure(operations)
            .configure(|config| smart::configure(config, &base_path))
            .configure(|config| pages(config, &data))
            .service(web::scope(&base_path).default_service(web::to(route)))
            .default_service(web::to(no_route))
    })
    .disable_signals()
    .shutdown_timeout(options.shutdown_timeout_s);
    if options.workers > 0 {
        server = server.workers(options.workers);
    }
    let running = server.listen(socket)?.run();
    let handle = running.handle();
    Ok(ServerHandle { address, server: handle, finished: tokio::spawn(running) })
}

/// What whoever watches the process asks for; probes use HEAD too.
fn operations(config: &mut web::ServiceConfig) {
    config.service(web::resource("/health/live").get(health::live).head(health::live));
    config.service(web::resource("/health/ready").get(health::ready).head(health::ready));
    config.service(web::resource("/metrics").get(metric::metrics).head(metric::metrics));
    // Browsers ask for it by themselves.
    config.route("/favicon.ico", web::get().to(HttpResponse::NoContent));
}

fn pages(config: &mut web::ServiceConfig, weir: &Weir) {
    for page in weir.settings.pages.clone() {
        let answer = move || async move { HttpResponse::Ok().content_type(page.content_type).body(page.body) };
        config.service(web::resource(page.path).get(answer).head(answer));
    }
}

/// A request below the base path, on a route of the FHIR API or on none.
async fn route(http: HttpRequest, weir: web::Data<Weir>, payload: web::Payload) -> HttpResponse {
    let Some((pattern, values)) = router::matched(http.match_info().unprocessed()) else {
        return no_route(http.clone()).await;
    };
    let method = http.method().as_str();
    match router::of_pattern(pattern).find(|route| route.methods().any(|name| name == method)) {
        Some(route) => exchange(&http, &weir, payload, (route.interaction, values)).await,
        None => {
            let allowed: Vec<&str> = router::of_pattern(pattern).flat_map(Route::methods).collect();
            not_allowed(&http, &allowed.join(", "))
        }
    }
}

/// One request on a route of the FHIR API.
async fn exchange(
    http: &HttpRequest,
    weir: &web::Data<Weir>,
    payload: web::Payload,
    (interaction, values): (Interaction, Values<'_>),
) -> HttpResponse {
    let started = Stopwatch::now();
    let mut shown = shown_of(http);
    let result = match answer(http, weir, payload, (interaction, values), &mut shown).await {
        Ok(mut answer) => {
            if let Some(last_updated) = answer.last_updated {
                let told = headers::last_modified(last_updated, weir.now());
                answer.headers.push(("last-modified", export::http_date(told)));
            }
            shown.of(answer).await
        }
        Err(failure) => Err(failure),
    };
    let response = respond(http, shown, result);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    metric::count(interaction, status, took);
    tracing::info!(status, duration_ms = took.as_millis() as u64, "answered");
    response
}

async fn answer(
    http: &HttpRequest,
    weir: &web::Data<Weir>,
    payload: web::Payload,
    (interaction, values): (Interaction, Values<'_>),
    shown: &mut Presentation,
) -> Result<Answer, Failure> {
    let (subject, token_hash) = if interaction == Interaction::Capabilities {
        (Subject::OpenAccess, String::new())
    } else {
        access::subject(weir, text(http, header::AUTHORIZATION)).await?
    };
    let ids = Ids::of(http, weir);
    let caller = Caller {
        subject,
        request_id: ids.request_id,
        correlation_id: ids.correlation_id,
        source_address: source_address(http, &weir.settings.trusted_proxies),
        token_hash,
    };
    let mut request = request(http, (&weir.settings.origin, interaction), &values)?;
    let is_form = request.content_type.as_deref() == Some("application/x-www-form-urlencoded");
    let limits = weir.settings.limits;
    request.body = body::read(payload, http.headers(), limits.body_bytes_max, limits.body_timeout).await?;
    // Criteria that are not read would find everything.
    if matches!(interaction, Interaction::SearchType | Interaction::SearchSystem)
        && !is_form
        && !request.body.is_empty()
    {
        let message = "a search by POST takes its criteria as application/x-www-form-urlencoded";
        return Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message).of_header("Content-Type"));
    }
    // To any other interaction a form is a body of the wrong type.
    if is_form && matches!(interaction, Interaction::SearchType | Interaction::SearchSystem | Interaction::Export) {
        request.params.extend(query_text::params(&request.body)?);
    }
    // A file has its own type.
    if !matches!(interaction, Interaction::ExportFile | Interaction::AsyncFile) {
        *shown = Presentation::negotiate(&request.params, text(http, header::ACCEPT))?;
    }
    read_xml(http, &mut request).await?;
    if request.body.len() < BLOCKING_BYTES_MIN {
        return perform_placed(weir, &caller, &request).await;
    }
    perform_apart(weir.clone(), caller, request).await
}

/// What is refused of a body is told where it stands in what was sent.
async fn perform_placed(weir: &Weir, caller: &Caller, request: &Request) -> Result<Answer, Failure> {
    perform(weir, caller, request).await.map_err(|mut failure| {
        place::of_sent(request, &mut failure.issues);
        failure
    })
}

/// Works on a large body away from the thread that serves others, which reading and validating it would hold up for seconds.
async fn perform_apart(weir: web::Data<Weir>, caller: Caller, request: Request) -> Result<Answer, Failure> {
    // What it waits for may need such threads too: it must not have all of them.
    let _permit = weir.large_bodies.clone().acquire_owned().await.map_err(|_| Failure::internal())?;
    let runtime = Handle::current();
    let run = move || runtime.block_on(perform_placed(&weir, &caller, &request));
    web::block(run).await.map_err(|_| Failure::internal())?
}

/// Makes a body of XML one of JSON, which everything within reads.
async fn read_xml(http: &HttpRequest, request: &mut Request) -> Result<(), Failure> {
    let content_type = text(http, header::CONTENT_TYPE).unwrap_or_default();
    if request.interaction == Interaction::Feed || request.body.is_empty() {
        return Ok(());
    }
    format::check_version(content_type)?;
    if let Some(json) = format::json_of(content_type, request.body.clone()).await? {
        request.xml = Some(std::mem::replace(&mut request.body, json));
        request.content_type = Some(FHIR_JSON.to_owned());
    }
    Ok(())
}

/// How an answer is to look before the request is read; what cannot be given is told in JSON.
fn shown_of(http: &HttpRequest) -> Presentation {
    let params: Vec<_> = url::form_urlencoded::parse(http.query_string().as_bytes()).into_owned().collect();
    Presentation::negotiate(&params, text(http, header::ACCEPT)).unwrap_or_default()
}

fn request(
    http: &HttpRequest,
    (origin, interaction): (&str, Interaction),
    values: &Values<'_>,
) -> Result<Request, Failure> {
    let mut request = Request::new(interaction);
    let segment = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    request.type_name = segment("type");
    request.id = segment("id");
    request.narrow(segment("compartment"));
    request.version = segment("version");
    request.params = query_text::params(http.query_string().as_bytes())?;
    request.content_type = text(http, header::CONTENT_TYPE).map(media_type);
    request.url = format!("{origin}{}", http.uri());
    if http.headers().get_all("if-none-exist").count() > 1 {
        return Err(Failure::bad_header("If-None-Exist", "invalid", "header `If-None-Exist` is given twice"));
    }
    // A letter that is lost would make it another search.
    if http.headers().get_all("if-none-exist").any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        return Err(Failure::bad_header("If-None-Exist", "invalid", "header `If-None-Exist` is not UTF-8"));
    }
    request.conditions = Conditions::read(|name| joined(http, name))?;
    Ok(request)
}

/// All headers of the name as one: <https://www.rfc-editor.org/rfc/rfc9110#section-5.3>. A condition must not be left out for an odd byte in it.
fn joined<'h>(http: &'h HttpRequest, name: &str) -> Option<Cow<'h, str>> {
    let texts: Vec<Cow<'h, str>> =
        http.headers().get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    match <[Cow<'h, str>; 1]>::try_from(texts) {
        Ok([only]) => Some(only),
        Err(texts) => (!texts.is_empty()).then(|| texts.join(", ").into()),
    }
}

fn text(http: &HttpRequest, name: HeaderName) -> Option<&str> {
    http.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Who calls: the peer, or whom a trusted proxy says it calls for. Nobody else is believed.
pub(crate) fn source_address(http: &HttpRequest, trusted: &[IpAddr]) -> Option<String> {
    let peer = http.peer_addr()?.ip();
    let forwarded = http.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let forwarded: Vec<IpAddr> =
        forwarded.flat_map(|text| text.split(',')).filter_map(|text| text.trim().parse().ok()).collect();
    // From the nearest hop outwards, as long as each is trusted to name the one before it.
    let hops = std::iter::once(peer).chain(forwarded.into_iter().rev());
    let mut named = peer;
    for hop in hops {
        named = hop;
        if !trusted.contains(&hop) {
            break;
        }
    }
    Some(named.to_string())
}

fn respond(http: &HttpRequest, shown: Presentation, result: Result<Answer, Failure>) -> HttpResponse {
    let mut response = match result {
        Ok(answer) => success(answer),
        Err(failure) => failed(http, shown, &failure),
    };
    // Clinical data must not stay in shared caches.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn success(answer: Answer) -> HttpResponse {
    let mut builder = HttpResponse::build(answer.outcome.status());
    if let Some(version) = answer.version {
        builder.insert_header((header::ETAG, format!("W/\"{version}\"")));
    }
    if let Some(location) = &answer.location {
        builder.insert_header((header::LOCATION, location.as_str()));
    }
    for (name, value) in &answer.headers {
        builder.insert_header((*name, value.as_str()));
    }
    if let Some(path) = answer.file {
        return stream(&mut builder, answer.content_type, &path);
    }
    if answer.body.is_empty() {
        return builder.finish();
    }
    builder.content_type(answer.content_type).body(answer.body)
}

/// A file, in pieces, so that a large one needs no memory.
fn stream(builder: &mut actix_web::HttpResponseBuilder, content_type: &str, path: &std::path::Path) -> HttpResponse {
    let opened = std::fs::File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(%error, "an export file cannot be opened");
            return HttpResponse::InternalServerError().finish();
        }
    };
    let pieces = futures_util::stream::unfold(tokio::fs::File::from_std(file), |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        match (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(web::Bytes::from(piece)), file)),
            Err(error) => Some((Err(error), file)),
        }
    });
    builder.content_type(content_type).body(actix_web::body::SizedStream::new(length, pieces))
}

/// A failure as HTTP, with its OperationOutcome.
fn failed(http: &HttpRequest, shown: Presentation, failure: &Failure) -> HttpResponse {
    let mut builder = HttpResponse::build(failure.reason.status());
    match failure.reason {
        Reason::Unauthorised => {
            let challenge = if text(http, header::AUTHORIZATION).is_some() {
                "Bearer realm=\"weir\", error=\"invalid_token\""
            } else {
                "Bearer realm=\"weir\""
            };
            builder.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        // RFC 6750 section 3.1: only when a token with another scope would do.
        Reason::Denied if failure.denied.is_some_and(|reason| SCOPE_REASONS.contains(&reason)) => {
            builder.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"weir\", error=\"insufficient_scope\""));
        }
        Reason::Unavailable | Reason::TooManyRequests => {
            builder.insert_header((header::RETRY_AFTER, RETRY_AFTER_S.to_string()));
        }
        _ => {}
    }
    let (content_type, body) = shown.outcome(&failure.issues);
    builder.content_type(content_type).body(body)
}

/// A refusal of what is on no route, or of whatever it is on.
pub(crate) fn refused(http: &HttpRequest, failure: Failure) -> HttpResponse {
    respond(http, shown_of(http), Err(failure))
}

/// A path that leads nowhere.
pub(crate) async fn no_route(http: HttpRequest) -> HttpResponse {
    let message = "there is nothing at this path; GET [base]/metadata tells what is offered";
    refused(&http, Failure::new(Reason::NotFound, "not-found", message))
}

/// A path that is there, with a method that is not offered on it. RFC 9110 section 15.5.6 wants those that are; OPTIONS asks for just that.
pub(crate) fn not_allowed(http: &HttpRequest, allowed: &str) -> HttpResponse {
    if http.method() == Method::OPTIONS {
        let allow = (header::ALLOW, format!("{allowed}, OPTIONS"));
        return HttpResponse::NoContent().insert_header(allow).finish();
    }
    let message =
        format!("this method is not offered here, {allowed} is; GET [base]/metadata tells all that is offered");
    let failure = Failure::new(Reason::NotAllowed, "not-supported", message);
    let mut response = refused(http, failure);
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
