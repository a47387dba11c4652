//! `POST /auth/consent`: the decision, and the code for what was agreed to.

use actix_web::{HttpRequest, HttpResponse, web};
use policy::{Context, ScopeKind, Scopes};
use smart::{Approval, AuthorizeError, CodeRandomness, LaunchContext, NewCode};
use store::audit::AuditOutcome;
use store::control::Code;

use super::authorize::{Asked, Person, launch_context};
use super::consent_page::View;
use super::form::Form;
use super::page::{Halt, see_other};
use super::patient::{Found, Patient, Picker};
use super::{audit, cookie, patient};
use crate::failure::Failure;
use crate::weir::Weir;

/// The endpoint.
pub(super) async fn consent(http: HttpRequest, weir: web::Data<Weir>, payload: web::Payload) -> HttpResponse {
    decide(&http, &weir, payload).await.unwrap_or_else(|halt| halt.respond(&weir))
}

async fn decide(http: &HttpRequest, weir: &Weir, payload: web::Payload) -> Result<HttpResponse, Halt> {
    let form = Form::read(http, weir, payload).await?;
    let Some(person) = Person::of(weir, http).await? else {
        // The session ended while the page was open: log in again, then decide.
        let asked = Asked::check(weir, form.request()).await?;
        return Ok(see_other(&asked.location()).finish());
    };
    form.check_sent_by_us(http, weir, Some(&person.handle))?;
    let asked = Asked::check(weir, form.request()).await?;
    let launch = launch_context(weir, &asked, &person).await?;
    match form.text("decision") {
        "allow" => allow(http, weir, Decision { form: &form, asked: &asked, person: &person, launch }).await,
        "find" => find(http, weir, Decision { form: &form, asked: &asked, person: &person, launch }).await,
        "switch" => {
            weir.store.control().end_session(&smart::handle_hash(&person.handle)).await?;
            Ok(see_other(&asked.location()).cookie(cookie::make(weir, cookie::SESSION, "", 0)).finish())
        }
        _ => {
            record(http, weir, &asked, &person, Outcome::Denied).await?;
            Ok(see_other(&asked.request.deny()).finish())
        }
    }
}

struct Decision<'a> {
    form: &'a Form,
    asked: &'a Asked,
    person: &'a Person,
    launch: Option<LaunchContext>,
}

/// Shows whom the typed number means, before anything is decided.
async fn find(http: &HttpRequest, weir: &Weir, decision: Decision<'_>) -> Result<HttpResponse, Halt> {
    let Decision { form, asked, person, launch } = decision;
    let picker = patient::picker(weir, asked, person, launch.as_ref()).await?;
    let chosen = choose(weir, form, asked, person, &picker).await?;
    let (found, error) = match &chosen {
        Ok(patient) => (patient.as_ref(), None),
        Err(error) => (None, Some(*error)),
    };
    let view = View::new(asked, person);
    let view =
        View { picker: &picker, ticked: Some(form.all("scope")), typed: form.text("patient"), found, error, ..view };
    view.show(weir, http).await
}

async fn allow(http: &HttpRequest, weir: &Weir, decision: Decision<'_>) -> Result<HttpResponse, Halt> {
    let Decision { form, asked, person, launch } = decision;
    let ticked = form.all("scope");
    let mut context = LaunchContext::default();
    if gives_context(&ticked) {
        let picker = patient::picker(weir, asked, person, launch.as_ref()).await?;
        let chosen = match choose(weir, form, asked, person, &picker).await? {
            Ok(chosen) => chosen,
            Err(error) => {
                let view = View::new(asked, person);
                let typed = form.text("patient");
                let view = View { picker: &picker, ticked: Some(ticked), typed, error: Some(error), ..view };
                return view.show(weir, http).await;
            }
        };
        context = launch.unwrap_or_default();
        context.patient = chosen.map(|patient| patient.id);
    }
    let patient = context.patient.clone();
    let random = (weir.random)();
    let mut family = [0; 16];
    family.iter_mut().zip(random).for_each(|(to, from)| *to = from);
    let approval = Approval { login: person.login.clone(), scopes: ticked, context };
    let random = CodeRandomness { code: (weir.random)(), family };
    let (location, code) = match asked.request.approve(approval, &random, &weir.smart_server(), weir.now()) {
        Ok(approved) => approved,
        Err(error) => {
            record(http, weir, asked, person, Outcome::Denied).await?;
            return Err(error.into());
        }
    };
    use_launch(weir, asked).await?;
    record(http, weir, asked, person, Outcome::Granted { patient, scopes: &code.record.scopes }).await?;
    weir.store.control().put_code(&stored(&code)?).await?;
    Ok(see_other(&location).finish())
}

/// Uses up the launch of the request, if there is one: of two consents at once, one gets it.
async fn use_launch(weir: &Weir, asked: &Asked) -> Result<(), Halt> {
    let Some(handle) = asked.request.launch() else { return Ok(()) };
    let hash = smart::handle_hash(handle);
    let used = weir.store.control().use_launch(&hash, asked.request.client_id(), weir.now()).await?;
    let unknown = || -> AuthorizeError { asked.request.unknown_launch() };
    used.map(|_| ()).ok_or_else(|| unknown().into())
}

/// Whether what is ticked tells the app a patient or the rest of the launch context.
fn gives_context(ticked: &[String]) -> bool {
    let (scopes, _) = Scopes::read(&ticked.join(" "));
    scopes.has_context(Context::Patient) || scopes.iter().any(|scope| matches!(scope.kind(), ScopeKind::Launch(_)))
}

/// The patient of the decision, or what the person must put right.
async fn choose(
    weir: &Weir,
    form: &Form,
    asked: &Asked,
    person: &Person,
    picker: &Picker,
) -> Result<Result<Option<Patient>, &'static str>, Failure> {
    let typed = form.text("patient").trim();
    Ok(match picker {
        Picker::NotNeeded => Ok(None),
        Picker::Fixed(patient) => Ok(Some(patient.clone())),
        Picker::OneOf(patients) => {
            let chosen = patients.iter().find(|patient| patient.id == typed);
            chosen.map(|patient| Some(patient.clone())).ok_or("Choose whose record the app may use.")
        }
        Picker::Any if typed.is_empty() => Err("Give the NHS number or the record id of the patient."),
        Picker::Any => match patient::find(weir, asked, person, typed).await? {
            Found::One(patient) => Ok(Some(patient)),
            Found::None => Err("There is no patient with that number or id whom you may open. Check it and try again."),
            Found::Several => {
                Err("Records of different people have that NHS number. Give the record id of the one you mean.")
            }
        },
    })
}

enum Outcome<'a> {
    Denied,
    Granted { patient: Option<String>, scopes: &'a str },
}

async fn record(
    http: &HttpRequest,
    weir: &Weir,
    asked: &Asked,
    person: &Person,
    outcome: Outcome<'_>,
) -> Result<(), Failure> {
    let is_granted = matches!(outcome, Outcome::Granted { .. });
    let kind = if is_granted { AuditOutcome::Success } else { AuditOutcome::Denied };
    let mut record = audit::record(weir, http, "Consent", kind);
    record.client_id = Some(asked.client.client_id.clone());
    record.user = Some(person.login.user.clone());
    record.purpose = Some(asked.client.purpose.to_string());
    if let Outcome::Granted { patient, scopes } = outcome {
        record.patients.extend(patient);
        record.detail = Some(serde_json::json!({"scopes": scopes}));
    }
    audit::append(weir, record).await
}

fn stored(code: &NewCode) -> Result<Code, Failure> {
    let data = serde_json::to_string(&code.record).map_err(|error| {
        tracing::error!(%error, "a code cannot be written");
        Failure::internal()
    })?;
    Ok(Code {
        hash: code.handle.hash().to_vec(),
        client_id: code.record.client_id.clone(),
        family: code.record.family.clone(),
        data,
        created: code.created,
        expires: code.expires,
    })
}
