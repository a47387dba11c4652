//! The story that the demo tells, through the same doors that anybody else would use.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use feeds::opt_out;
use fhir::NHS_NUMBER_SYSTEM;
use outbound::{Limits, Outbound};
use policy::{Grant, Task};
use serde_json::Value;
use store::Page;

use super::browser::{App, Choices, launch};
use super::http::{Http, text_at};
use super::keys::ClientKey;
use super::mllp_sender::{Acknowledged, send};
use super::samples::below;
use crate::cli::{ClientKind, ClientPurpose, StoreArgs, UserAddArgs, UserRole};
use crate::command::{client, opt_out as opt_out_command, quarantine, user};
use crate::wiring::{House, Running};

/// Of the numbers asked about, every ninth is left out of the answer: these people opted out.
const OPTED_OUT_EVERY: usize = 9;

/// The clinician's login, printed on the screen: the demo's data are invented and it listens on loopback.
pub const USERNAME: &str = "clinician";
/// Her password.
pub const PASSWORD: &str = "three random words";
const APP_ID: &str = "demo-app";
const APP_SCOPE: &str = "launch/patient patient/*.rs";

/// What happened.
#[derive(Debug, Default)]
pub struct Story {
    /// Public URL of the FHIR API.
    pub base_url: String,
    /// Where the demo app is.
    pub app_url: String,
    /// Where the HL7 v2 listener is.
    pub mllp: String,
    /// What came in, feed by feed.
    pub feeds: Vec<FeedLine>,
    /// Resources stored, by type.
    pub stored: BTreeMap<String, u64>,
    /// Persons behind the Patient records.
    pub persons: u64,
    /// Records that a human must compare.
    pub reviews: u64,
    /// Quarantine: feed and reason.
    pub quarantined: Vec<(String, String)>,
    /// Numbers asked about.
    pub asked: u64,
    /// Numbers that came back.
    pub returned: u64,
    /// Id of the export job.
    pub job: String,
    /// Resources exported, by type.
    pub exported: BTreeMap<String, u64>,
    /// Persons withheld, by rule.
    pub withheld: BTreeMap<String, u64>,
    /// NHS numbers of opted-out people that were found in the export; must be none.
    pub leaked: u64,
    /// The status of a read that the analyst tried; must be 403.
    pub analyst_read_status: u16,
    /// The patient whom the clinician opened.
    pub patient: String,
    /// That patient's NHS number: invented, of the test range.
    pub nhs_number: String,
    /// Patient records of the same person that she saw.
    pub linked: u64,
    /// Observations of that person that she saw.
    pub opened: u64,
    /// Her token.
    pub access_token: String,
}

/// What came in by one feed.
#[derive(Debug, Default)]
pub struct FeedLine {
    /// The feed.
    pub name: &'static str,
    /// How it came.
    pub door: &'static str,
    /// Messages, entries or rows sent.
    pub sent: u64,
    /// Stored.
    pub accepted: u64,
    /// In quarantine.
    pub quarantined: u64,
}

/// The demo app's page, served beside the API.
pub fn pages() -> Vec<rest::Page> {
    vec![rest::Page { path: "/demo/app", content_type: "text/html; charset=utf-8", body: include_bytes!("app.html") }]
}

/// Tells it.
pub async fn tell(house: &House, running: &Running) -> Result<Story> {
    let outbound = Outbound::new(Limits { is_private_allowed: true, body_bytes_max: 1 << 28, timeout_ms: 60_000 })?;
    let origin = house.config.server.public_origin();
    let http = Http { outbound: &outbound, origin: origin.clone(), base_url: house.config.server.base_url() };
    let mut story =
        Story { base_url: http.base_url.clone(), app_url: format!("{origin}/demo/app"), ..Story::default() };
    let analyst = ClientKey::from_random(super::random()?, "analyst-key")?;
    let sender = ClientKey::from_random(super::random()?, "sender-key")?;
    register(house, &story, &analyst, &sender).await?;
    send_feeds(&http, running, &sender, &mut story).await?;
    look_inside(house, &mut story).await?;
    let opted_out = ask_and_answer(house, &mut story).await?;
    export(house, &http, &analyst, &opted_out, &mut story).await?;
    open_a_record(house, &http, &mut story).await?;
    Ok(story)
}

/// A SMART app, an analyst's backend service, a sender of feeds, and a clinician.
async fn register(house: &House, story: &Story, analyst: &ClientKey, sender: &ClientKey) -> Result<()> {
    let app = client::Registration {
        redirect_uris: vec![story.app_url.clone()],
        ..client::Registration::new(APP_ID, "Demo record viewer", ClientKind::Public, APP_SCOPE)
    };
    client::register(house, app).await?;
    let kind = ClientKind::Asymmetric;
    let analyst = client::Registration {
        jwks: Some(analyst.jwks().to_string()),
        purpose: ClientPurpose::SecondaryUse,
        ..client::Registration::new("demo-analyst", "Population health analyst", kind, "system/*.rs")
    };
    client::register(house, analyst).await?;
    let sender = client::Registration {
        jwks: Some(sender.jwks().to_string()),
        ..client::Registration::new("demo-sender", "Feeds of the demonstration", kind, FEED_SCOPES)
    };
    client::register(house, sender).await?;
    let clinician = UserAddArgs {
        store: StoreArgs::default(),
        name: USERNAME.to_owned(),
        role: UserRole::Clinician,
        patient: Vec::new(),
        fhir_user: None,
    };
    user::register(house, &clinician, PASSWORD).await
}

const FEED_SCOPES: &str = "weir/feed.gp-connect weir/feed.social-care-cld";

async fn send_feeds(http: &Http<'_>, running: &Running, sender: &ClientKey, story: &mut Story) -> Result<()> {
    let mllp = running.mllp.as_ref().context("the HL7 v2 listener is not started")?.address;
    story.mllp = mllp.to_string();
    let mut acknowledged = Acknowledged::default();
    for (_, file) in below("acute/") {
        let count = send(mllp, file).await?;
        acknowledged.accepted += count.accepted;
        acknowledged.in_error += count.in_error;
        acknowledged.rejected += count.rejected;
    }
    story.feeds.push(FeedLine {
        name: "acute-hl7v2",
        door: "HL7 v2 messages over MLLP",
        sent: acknowledged.accepted + acknowledged.in_error + acknowledged.rejected,
        accepted: acknowledged.accepted,
        quarantined: acknowledged.in_error,
    });
    let token = http.backend_token("demo-sender", sender, FEED_SCOPES).await?;
    let over_http = [
        ("gp-connect", "gp/", "application/fhir+json", "entries of GP Connect records over HTTP"),
        ("social-care-cld", "social-care/", "text/csv", "rows of a client-level CSV over HTTP"),
    ];
    for (name, folder, content_type, door) in over_http {
        let mut line = FeedLine { name, door, ..FeedLine::default() };
        for (_, file) in below(folder) {
            let fed = http.feed(&token, name, content_type, file).await?;
            line.sent += fed.received;
            line.accepted += fed.stored;
            line.quarantined += fed.quarantined;
        }
        story.feeds.push(line);
    }
    Ok(())
}

/// What the controller sees in the store.
async fn look_inside(house: &House, story: &mut Story) -> Result<()> {
    story.stored = house.store.counts_by_type().await?;
    story.persons = house.store.person_count().await?;
    story.reviews = house.store.open_reviews().await?.len() as u64;
    for kept in quarantine::quarantined(&house.store).await? {
        let part = kept.part.map(|part| format!("{part}: ")).unwrap_or_default();
        story.quarantined.push((kept.message.feed, format!("{part}{}", kept.reason)));
    }
    Ok(())
}

/// Asks about everybody; the answer leaves some out, as the national service would for those who opted out.
async fn ask_and_answer(house: &House, story: &mut Story) -> Result<Vec<String>> {
    let request = opt_out_command::request(house).await?;
    let asked = opt_out::parse_answer(&request).context("read the request back")?;
    let is_opted_out = |index: usize| index % OPTED_OUT_EVERY == OPTED_OUT_EVERY - 1;
    let numbers = asked.iter().enumerate();
    let (out, returned): (Vec<_>, Vec<_>) = numbers.partition(|(index, _)| is_opted_out(*index));
    let answer: Vec<_> = returned.into_iter().map(|(_, number)| number.clone()).collect();
    opt_out_command::load(house, &opt_out::write_request(&answer), &request).await?;
    story.asked = asked.len() as u64;
    story.returned = answer.len() as u64;
    Ok(out.into_iter().map(|(_, number)| number.as_str().to_owned()).collect())
}

async fn export(
    house: &House,
    http: &Http<'_>,
    analyst: &ClientKey,
    opted_out: &[String],
    story: &mut Story,
) -> Result<()> {
    let token = http.backend_token("demo-analyst", analyst, "system/*.rs").await?;
    let (job, files) = http.export(&token).await?;
    for (name, text) in files {
        *story.exported.entry(name).or_default() += text.lines().count() as u64;
        story.leaked += opted_out.iter().filter(|number| text.contains(number.as_str())).count() as u64;
    }
    let evidence = house.export().evidence(&job).await?;
    story.withheld = evidence.withheld_by_rule;
    story.job = job;
    story.analyst_read_status = http.status(&token, "Patient").await?;
    Ok(())
}

/// The clinician launches the app, opens a patient and reads.
async fn open_a_record(house: &House, http: &Http<'_>, story: &mut Story) -> Result<()> {
    let patient = somebody(house).await?;
    let app = App { client_id: APP_ID, redirect_uri: &story.app_url.clone(), scope: APP_SCOPE };
    let choices = Choices { username: USERNAME, password: PASSWORD, patient: &patient };
    let token = launch(http, &app, &choices).await?;
    let access_token = text_at(&token, "/access_token")?;
    // No `patient=`: the token limits each search to the person, whose records lie under a Patient of each feed.
    for (type_name, count) in [("Patient", &mut story.linked), ("Observation", &mut story.opened)] {
        let found: Value = http.get(&access_token, &format!("{type_name}?_count=100")).await?;
        *count = found.get("entry").and_then(Value::as_array).map_or(0, |entries| entries.len() as u64);
    }
    let record = http.get(&access_token, &format!("Patient/{patient}")).await?;
    let mut identifiers = record.get("identifier").and_then(Value::as_array).into_iter().flatten();
    let is_nhs_number =
        |identifier: &&Value| identifier.get("system").and_then(Value::as_str) == Some(NHS_NUMBER_SYSTEM);
    story.nhs_number = text_at(identifiers.find(is_nhs_number).context("the patient has no NHS number")?, "/value")?;
    story.patient = patient;
    story.access_token = access_token;
    Ok(())
}

/// A patient with results: whom the newest laboratory observation is about.
async fn somebody(house: &House) -> Result<String> {
    let grant = Grant::for_system(Task::Facts, &house.token);
    let params = [("category".to_owned(), "laboratory".to_owned()), ("_count".to_owned(), "1".to_owned())];
    let registry = &house.knowledge.registry;
    let query = search::parse("Observation", &params, registry, &search::Options::default());
    let query = query.map_err(|_| anyhow!("the search for a patient is not understood"))?;
    let found = house.store.search(&grant, &query, Page { count: 1, ..Page::default() }).await?;
    let facts = found.matches.first().map(|version| version.facts());
    let patient = facts.and_then(|facts| facts.patient_ids.first().cloned());
    patient.context("no observation about a patient is stored")
}

impl Story {
    /// What is not as it must be; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let withheld: u64 = self.withheld.values().sum();
        let has_quarantine = |feed: &str| self.quarantined.iter().any(|(name, _)| name == feed);
        let stored = |name: &str| self.stored.get(name).copied().unwrap_or_default();
        let patients_exported = self.exported.get("Patient").copied().unwrap_or_default();
        let checks = [
            (self.feeds.iter().all(|line| line.accepted > 0), "a feed stored nothing"),
            (
                self.feeds.iter().all(|line| line.sent == line.accepted + line.quarantined),
                "something that was sent is neither stored nor in quarantine",
            ),
            (has_quarantine("acute-hl7v2"), "the broken HL7 v2 message is not in quarantine"),
            (has_quarantine("social-care-cld"), "the broken row of the CSV is not in quarantine"),
            (self.persons >= 40 && self.persons < stored("Patient"), "the feeds' patients were not linked"),
            (self.asked > self.returned && self.returned > 0, "the opt-out answer is not as made"),
            (withheld > 0, "nobody was withheld"),
            (
                patients_exported > 0 && patients_exported < stored("Patient"),
                "the export does not hold some of the patients",
            ),
            (self.leaked == 0, "somebody who opted out is in the export"),
            (self.analyst_read_status == 403, "the analyst could read"),
            (!self.access_token.is_empty() && !self.patient.is_empty(), "the launch gave no token"),
            (self.linked > 1 && self.linked < 9, "the launch did not open one person of several feeds"),
        ];
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned()).collect()
    }
}
