//! A browser and its user on the login and consent pages.

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use serde_json::Value;
use url::Url;

use crate::{Answer, TestApp};

/// Where apps of tests get their answers; nobody listens there, the redirect is only read.
pub const APP_REDIRECT: &str = "http://127.0.0.1:9/back";
/// The password of every login.
pub const PASSWORD: &str = "correct horse battery staple";
/// The state that apps send.
const STATE: &str = "state-of-the-app";

/// A form of a page with what it holds by itself.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Hidden fields and ticked boxes.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page.
    #[track_caller]
    pub fn of(page: &Answer) -> Form {
        let html = page.text();
        let (_, rest) = html.split_once("<form").unwrap_or_else(|| panic!("no form: {html}"));
        let (tag, rest) = rest.split_once('>').unwrap();
        let body = rest.split("</form>").next().unwrap();
        let inputs = body.split("<input").skip(1).map(|input| input.split('>').next().unwrap());
        let is_sent = |input: &&str| match attribute(input, "type").as_deref() {
            Some("hidden") => true,
            Some("checkbox") => input.ends_with(" checked"),
            _ => false,
        };
        let field = |input: &str| (attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default());
        Form { action: attribute(tag, "action").unwrap(), fields: inputs.filter(is_sent).map(field).collect() }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes fields out.
    #[must_use]
    pub fn without(mut self, name: &str, value: Option<&str>) -> Form {
        self.fields.retain(|(key, held)| key != name || value.is_some_and(|value| held != value));
        self
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// A challenge and what answers it.
pub struct Pkce {
    /// S256 of the verifier.
    pub challenge: String,
    /// The verifier.
    pub verifier: String,
}

impl Pkce {
    /// A fresh pair.
    pub fn new() -> Pkce {
        let (challenge, verifier): (PkceCodeChallenge, PkceCodeVerifier) = PkceCodeChallenge::new_random_sha256();
        Pkce { challenge: challenge.as_str().to_owned(), verifier: verifier.secret().clone() }
    }
}

impl Default for Pkce {
    fn default() -> Pkce {
        Pkce::new()
    }
}

/// What a launch gave.
#[derive(Debug)]
pub struct Launched {
    /// The access token.
    pub access_token: String,
    /// The whole token response.
    pub response: Value,
}

impl Launched {
    /// The refresh token.
    pub fn refresh_token(&self) -> &str {
        self.response["refresh_token"].as_str().expect("a refresh token")
    }
}

/// A browser with its cookies.
pub struct Browser<'a> {
    app: &'a TestApp,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Browser<'a> {
        Browser { app, cookies: Vec::new() }
    }

    /// The parameters of a good authorization request; a test spoils one of them.
    pub fn request(&self, client_id: &str, scope: &str, pkce: &Pkce) -> Vec<(&'static str, String)> {
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", client_id.to_owned()),
            ("redirect_uri", APP_REDIRECT.to_owned()),
            ("scope", scope.to_owned()),
            ("state", STATE.to_owned()),
            ("aud", self.app.base_url.clone()),
            ("code_challenge", pkce.challenge.clone()),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    /// What the browser sends as its cookies.
    pub fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Opens the authorize page.
    pub async fn authorize(&mut self, request: &[(&'static str, String)]) -> Answer {
        let url = Url::parse_with_params(&format!("{}/auth/authorize", self.app.origin), request).unwrap();
        self.follow("GET", url.as_str(), None).await
    }

    /// Sends a form and follows redirects that stay on the server.
    pub async fn submit(&mut self, form: &Form) -> Answer {
        let url = format!("{}{}", self.app.origin, form.action);
        self.follow("POST", &url, Some(form)).await
    }

    /// Forgets all cookies.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Opens the authorize page and logs in: gives the consent page.
    pub async fn log_in(&mut self, request: &[(&'static str, String)], user: &str) -> Answer {
        let page = self.authorize(request).await.expect(200);
        self.submit(&Form::of(&page).with("username", user).with("password", PASSWORD)).await
    }

    /// Goes all the way to a code: the redirect of the app.
    pub async fn consent(&mut self, request: &[(&'static str, String)], user: &str, patient: &str) -> Url {
        let page = self.log_in(request, user).await.expect(200);
        let form = Form::of(&page).with("patient", patient).with("decision", "allow");
        self.back(&form).await
    }

    /// Sends the consent form and gives the redirect of the app.
    pub async fn back(&mut self, form: &Form) -> Url {
        let answer = self.submit(form).await.expect(303);
        let location = answer.header("location").unwrap();
        assert!(location.starts_with(APP_REDIRECT), "{location}");
        let url = Url::parse(location).unwrap();
        assert_eq!(parameter(&url, "state").as_deref(), Some(STATE));
        url
    }

    /// Exchanges a code.
    pub async fn exchange(&self, client_id: &str, code: &str, verifier: &str) -> Answer {
        self.app
            .ask_token(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", APP_REDIRECT),
                ("client_id", client_id),
                ("code_verifier", verifier),
            ])
            .await
    }

    /// A whole standalone launch.
    pub async fn launch(&mut self, client_id: &str, scope: &str, user: &str, patient: &str) -> Launched {
        let pkce = Pkce::new();
        let url = self.consent(&self.request(client_id, scope, &pkce), user, patient).await;
        let code = parameter(&url, "code").unwrap_or_else(|| panic!("no code: {url}"));
        let response = self.exchange(client_id, &code, &pkce.verifier).await.expect(200).json();
        Launched { access_token: response["access_token"].as_str().unwrap().to_owned(), response }
    }

    async fn follow(&mut self, method: &str, url: &str, form: Option<&Form>) -> Answer {
        let (mut method, mut url, mut form) = (method.to_owned(), url.to_owned(), form);
        for _ in 0..5 {
            let mut call = self.app.anonymous().call(&method, &url);
            if !self.cookies.is_empty() {
                call = call.header("cookie", &self.cookie_header());
            }
            if let Some(form) = form {
                let fields: Vec<(&str, &str)> = form.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                call = call.form(&fields).header("origin", &self.app.origin);
            }
            let answer = call.send().await;
            self.keep_cookies(&answer);
            let is_own = |location: &str| location.starts_with('/') || location.starts_with(&self.app.origin);
            match answer.header("location").filter(|location| answer.status == 303 && is_own(location)) {
                Some(location) if location.starts_with('/') => url = format!("{}{location}", self.app.origin),
                Some(location) => url = location.to_owned(),
                None => return answer,
            }
            (method, form) = ("GET".to_owned(), None);
        }
        panic!("too many redirects");
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for header in answer.headers.get_all("set-cookie") {
            let pair = header.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// A query parameter of a redirect.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
