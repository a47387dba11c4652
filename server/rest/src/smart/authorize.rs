//! `GET` and `POST /auth/authorize`: checks the request, then shows the login or the consent page.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use smart::{AuthorizeRequest, Client, LaunchContext, LaunchRecord, LoggedIn};
use store::control::{User, UserRole};

use super::client::active_client;
use super::form::{self, Form};
use super::page::Halt;
use super::{consent_page, cookie, login, patient};
use crate::weir::Weir;

/// A checked authorization request.
pub(super) struct Asked {
    /// The request as it came, to be carried from page to page and checked each time.
    pub(super) params: Vec<(String, String)>,
    /// Who asks.
    pub(super) client: Client,
    /// What for.
    pub(super) request: AuthorizeRequest,
}

impl Asked {
    /// Checks a request.
    pub(super) async fn check(weir: &Weir, params: Vec<(String, String)>) -> Result<Asked, Halt> {
        let client = match smart::requested_client_id(&params) {
            Some(client_id) => active_client(weir, client_id).await?,
            None => None,
        };
        let request = smart::authorize(&params, client.as_ref(), &weir.smart_server())?;
        // A request that holds has a client.
        let client = client.ok_or_else(|| Halt::from(crate::failure::Failure::internal()))?;
        Ok(Asked { params, client, request })
    }

    /// The request as a query, for links and hidden fields.
    pub(super) fn query(&self) -> String {
        form::encoded(&self.params)
    }

    /// Where the app gets its answer; the check has compared it with the registration.
    pub(super) fn redirect_uri(&self) -> Option<&str> {
        self.params.iter().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.as_str())
    }

    /// The page where the person goes on.
    pub(super) fn location(&self) -> String {
        format!("/auth/authorize?{}", self.query())
    }
}

/// Who is at the page.
pub(super) struct Person {
    /// The secret of the session, from the cookie.
    pub(super) handle: String,
    /// What the protocol needs to know.
    pub(super) login: LoggedIn,
}

impl Person {
    /// The person whose session the request's cookie names.
    pub(super) async fn of(weir: &Weir, http: &HttpRequest) -> Result<Option<Person>, Halt> {
        let Some(handle) = cookie::value(http, cookie::SESSION) else { return Ok(None) };
        let control = weir.store.control();
        let Some(session) = control.session(&smart::handle_hash(&handle), weir.now()).await? else { return Ok(None) };
        let user = control.user(&session.user).await?;
        Ok(user.map(|user| Person { handle, login: logged_in(user, session.hash) }))
    }
}

fn logged_in(user: User, session: Vec<u8>) -> LoggedIn {
    LoggedIn {
        is_patient: user.role == UserRole::Patient,
        user: user.name,
        patient_ids: user.patient_ids,
        session: Some(session),
    }
}

/// The context of the launch that a request names; a launch that does not hold ends the request.
pub(super) async fn launch_context(weir: &Weir, asked: &Asked, person: &Person) -> Result<Option<LaunchContext>, Halt> {
    let Some(handle) = asked.request.launch() else { return Ok(None) };
    let unknown = || Halt::from(asked.request.unknown_launch());
    let now = weir.now();
    let stored = weir.store.control().launch(&smart::handle_hash(handle), asked.request.client_id(), now).await?;
    let stored = stored.ok_or_else(unknown)?;
    let context: LaunchContext = serde_json::from_str(&stored.data).map_err(|_| unknown())?;
    let record = LaunchRecord {
        client_id: stored.client_id,
        user: stored.user,
        context,
        created: stored.created,
        expires: stored.expires,
    };
    if !record.is_for(asked.request.client_id(), &person.login.user, now) {
        return Err(unknown());
    }
    Ok(Some(record.context))
}

/// The endpoint.
pub(super) async fn authorize(http: HttpRequest, weir: web::Data<Weir>, payload: web::Payload) -> HttpResponse {
    show(&http, &weir, payload).await.unwrap_or_else(|halt| halt.respond(&weir))
}

async fn show(http: &HttpRequest, weir: &Weir, payload: web::Payload) -> Result<HttpResponse, Halt> {
    let params = if *http.method() == Method::POST {
        Form::read(http, weir, payload).await?.0
    } else {
        form::pairs(http.query_string().as_bytes())
    };
    let asked = Asked::check(weir, params).await?;
    let Some(person) = Person::of(weir, http).await? else {
        return Ok(login::page(weir, http, &asked, None));
    };
    if asked.request.offered_to(&person.login).is_empty() {
        return Err(Halt::Redirect(asked.request.deny()));
    }
    let launch = launch_context(weir, &asked, &person).await?;
    let picker = patient::picker(weir, &asked, &person, launch.as_ref()).await?;
    let view = consent_page::View { picker: &picker, ..consent_page::View::new(&asked, &person) };
    view.show(weir, http).await
}
