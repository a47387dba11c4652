//! The consent page: who asks for what, about whom, in words that people can decide on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};
use store::audit::AuditOutcome;

use super::audit;
use super::authorize::{Asked, Person};
use super::page::{Halt, Page};
use super::patient::{Patient, Picker};
use super::scope_words::scope_words;
use crate::failure::Reason;
use crate::weir::Weir;

/// What the page shows.
pub(super) struct View<'a> {
    /// The request.
    pub(super) asked: &'a Asked,
    /// Who decides.
    pub(super) person: &'a Person,
    /// How the patient is determined.
    pub(super) picker: &'a Picker,
    /// Scopes that are ticked; all at first.
    pub(super) ticked: Option<Vec<String>>,
    /// What was typed or chosen.
    pub(super) typed: &'a str,
    /// Whom that is.
    pub(super) found: Option<&'a Patient>,
    /// What is wrong with it.
    pub(super) error: Option<&'a str>,
}

impl<'a> View<'a> {
    /// The page as it comes first.
    pub(super) fn new(asked: &'a Asked, person: &'a Person) -> View<'a> {
        View { asked, person, picker: &Picker::NotNeeded, ticked: None, typed: "", found: None, error: None }
    }

    /// Records whose names are shown, then shows the page.
    pub(super) async fn show(&self, weir: &Weir, http: &HttpRequest) -> Result<HttpResponse, Halt> {
        let named = match self.picker {
            Picker::Fixed(patient) => std::slice::from_ref(patient),
            Picker::OneOf(patients) => patients,
            Picker::NotNeeded | Picker::Any => self.found.map(std::slice::from_ref).unwrap_or_default(),
        };
        if !named.is_empty() {
            let mut record = audit::record(weir, http, "ConsentPage", AuditOutcome::Success);
            record.client_id = Some(self.asked.client.client_id.clone());
            record.user = Some(self.person.login.user.clone());
            record.purpose = Some(self.asked.client.purpose.to_string());
            record.patients = named.iter().map(|patient| patient.id.clone()).collect();
            audit::append(weir, record).await?;
        }
        let title = format!("Allow {} to use records?", self.asked.client.name);
        let status = if self.error.is_some() { Reason::Unprocessable.status() } else { StatusCode::OK };
        let redirect_uri = self.asked.redirect_uri();
        Ok(Page { title: &title, content: self.content(weir), redirect_uri, status }.respond(weir))
    }

    fn content(&self, weir: &Weir) -> Markup {
        let organisation = &weir.settings.organisation_name;
        let behind = self.asked.client.organisation.as_deref().filter(|code| *code != weir.settings.ods_code);
        html! {
            @if let Some(error) = self.error { p class="error" role="alert" id="error" { (error) } }
            p {
                strong { (self.asked.client.name) }
                @if let Some(code) = behind { ", an app of the organisation with code " (code) "," }
                " asks to use records kept by " (organisation) ". You decide what it may do."
            }
            form method="post" action="/auth/consent" {
                input type="hidden" name="csrf" value=(smart::csrf_token(&self.person.handle));
                input type="hidden" name="request" value=(self.asked.query());
                (self.patient())
                fieldset {
                    legend { "The app may" }
                    p class="hint" { "Take the tick away from what you do not want." }
                    @for (position, scope) in self.asked.request.offered_to(&self.person.login).iter().enumerate() {
                        @let id = format!("scope-{position}");
                        div class="box" {
                            input type="checkbox" id=(id) name="scope" value=(scope.text()) checked[self.is_ticked(scope.text())];
                            label for=(id) { (scope_words(scope)) }
                        }
                    }
                }
                button type="submit" name="decision" value="allow" { "Allow" }
                button type="submit" name="decision" value="deny" class="plain" { "Do not allow" }
                p class="hint" { "You are logged in as " (self.person.login.user) "." }
                button type="submit" name="decision" value="switch" class="plain" { "Log in as someone else" }
            }
        }
    }

    fn is_ticked(&self, scope: &str) -> bool {
        self.ticked.as_ref().is_none_or(|ticked| ticked.iter().any(|text| text == scope))
    }

    fn patient(&self) -> Markup {
        match self.picker {
            Picker::NotNeeded => html! {},
            Picker::Fixed(patient) => html! { p { "Patient: " strong { (patient.label) } } },
            Picker::OneOf(patients) => html! {
                fieldset {
                    legend { "Whose record?" }
                    @for (position, patient) in patients.iter().enumerate() {
                        @let id = format!("patient-{position}");
                        div class="box" {
                            input type="radio" id=(id) name="patient" value=(patient.id) checked[patient.id == self.typed];
                            label for=(id) { (patient.label) }
                        }
                    }
                }
            },
            Picker::Any => html! {
                fieldset {
                    legend { "Whose record?" }
                    label for="patient" { "NHS number or record id of the patient" }
                    input type="text" id="patient" name="patient" value=(self.typed) autocomplete="off" spellcheck="false"
                        aria-describedby=[self.error.map(|_| "error")] aria-invalid=[self.error.map(|_| "true")];
                    @if let Some(patient) = self.found {
                        p role="status" { "This is " strong { (patient.label) } "." }
                    }
                    button type="submit" name="decision" value="find" class="plain" { "Show who this is" }
                }
            },
        }
    }
}
