//! A browser and its user, as far as a SMART launch needs them: opens the authorize page, logs in, consents, follows the way back.

use anyhow::{Context as _, Result, bail};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use outbound::{Call, Response};
use serde_json::Value;
use url::Url;

use super::http::{Http, expect, json, text_at};

/// What an app was registered with.
pub(super) struct App<'a> {
    /// Client id.
    pub client_id: &'a str,
    /// Registered redirect URI.
    pub redirect_uri: &'a str,
    /// Scopes to ask for.
    pub scope: &'a str,
}

/// What the user types and chooses.
pub(super) struct Choices<'a> {
    /// Login name.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
    /// Logical id of the patient to open.
    pub patient: &'a str,
}

/// A form of a page: where it goes and what it holds by itself.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

/// Walks through a standalone launch and gives the token response.
pub(super) async fn launch(http: &Http<'_>, app: &App<'_>, choices: &Choices<'_>) -> Result<Value> {
    let configuration = http.smart_configuration().await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let state = "demo-state";
    let authorize = &text_at(&configuration, "/authorization_endpoint")?;
    let url = Url::parse_with_params(
        authorize,
        [
            ("response_type", "code"),
            ("client_id", app.client_id),
            ("redirect_uri", app.redirect_uri),
            ("scope", app.scope),
            ("state", state),
            ("aud", http.base_url.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ],
    )?;
    let mut cookies = Vec::new();
    let login = follow(http, Call::get(url.as_str()), &mut cookies).await?;
    let mut form = form(&login)?;
    form.fields.push(("username".into(), choices.username.into()));
    form.fields.push(("password".into(), choices.password.into()));
    let consent = follow(http, submit(http, &form), &mut cookies).await?;
    let mut form = self::form(&consent)?;
    form.fields.push(("patient".into(), choices.patient.into()));
    form.fields.push(("decision".into(), "allow".into()));
    let back = follow(http, submit(http, &form), &mut cookies).await?;
    let location = Url::parse(back.header("location").context("consent did not lead back to the app")?)?;
    let code = returned_code(&location, state)?;
    exchange(http, app, &configuration, &code, &verifier).await
}

async fn exchange(
    http: &Http<'_>,
    app: &App<'_>,
    configuration: &Value,
    code: &str,
    verifier: &PkceCodeVerifier,
) -> Result<Value> {
    let token_url = configuration["token_endpoint"].as_str().context("no token_endpoint")?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", app.redirect_uri),
        ("client_id", app.client_id),
        ("code_verifier", verifier.secret()),
    ];
    json(&http.post_form(token_url, &form).await?)
}

/// Sends a call with the cookies so far and follows redirects that stay on the server.
async fn follow(http: &Http<'_>, call: Call, cookies: &mut Vec<String>) -> Result<Response> {
    let mut call = call;
    for _ in 0..5 {
        if !cookies.is_empty() {
            call = call.header("cookie", cookies.join("; "));
        }
        let response = http.outbound.send(call).await?;
        for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            cookies.push(value.split(';').next().unwrap_or_default().to_owned());
        }
        let location = response.header("location").map(str::to_owned);
        match (response.status, location) {
            (302 | 303, Some(location)) if location.starts_with('/') => {
                call = Call::get(format!("{}{location}", http.origin))
            }
            (302 | 303, Some(location)) if location.starts_with(&format!("{}/auth/", http.origin)) => {
                call = Call::get(location)
            }
            (302 | 303, Some(_)) => return Ok(response),
            _ => return expect(response, 200),
        }
    }
    bail!("too many redirects")
}

fn submit(http: &Http<'_>, form: &Form) -> Call {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
    let url =
        if form.action.starts_with('/') { format!("{}{}", http.origin, form.action) } else { form.action.clone() };
    Call::post(url, "application/x-www-form-urlencoded", body)
        .header("origin", http.origin.clone())
        .header("referer", http.origin.clone())
}

fn returned_code(location: &Url, state: &str) -> Result<String> {
    let value = |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if value("state").as_deref() != Some(state) {
        bail!("the state did not come back");
    }
    match (value("code"), value("error")) {
        (Some(code), _) => Ok(code),
        (None, error) => bail!("no code came back: {}", error.unwrap_or_default()),
    }
}

/// The first form of a page with its hidden fields and ticked boxes.
fn form(page: &Response) -> Result<Form> {
    let html = std::str::from_utf8(&page.body).context("the page is not UTF-8")?;
    let (_, rest) = html.split_once("<form").context("the page has no form")?;
    let (tag, rest) = rest.split_once('>').context("the form has no end")?;
    let action = attribute(tag, "action").context("the form has no action")?;
    let body = rest.split("</form>").next().unwrap_or_default();
    let inputs = body.split("<input").skip(1).filter_map(|input| input.split('>').next());
    let fields = inputs
        .filter(|input| match attribute(input, "type").as_deref() {
            Some("hidden") => true,
            Some("checkbox") => input.split_whitespace().any(|word| word.starts_with("checked")),
            _ => false,
        })
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
        .collect();
    Ok(Form { action, fields })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_gives_its_hidden_fields_and_ticked_boxes() {
        let html = r#"<p><form method="post" action="/auth/consent"><input type="hidden" name="csrf" value="a&amp;b">
            <input type="checkbox" name="scope" value="patient/*.rs" checked><input type="checkbox" name="scope" value="no">
            <input type="radio" name="patient" value="1"></form>"#;
        let page = Response { status: 200, headers: Vec::new(), body: html.as_bytes().to_vec().into() };
        let form = form(&page).unwrap();
        assert_eq!(form.action, "/auth/consent");
        assert_eq!(form.fields, [("csrf".into(), "a&b".into()), ("scope".into(), "patient/*.rs".into())]);
    }
}
