//! What the demo's clients do over HTTP: ask for tokens, post, poll, download.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as URL;
use outbound::{Call, Outbound, Response};
use serde_json::Value;

use super::keys::ClientKey;

/// A client of the running server.
pub(super) struct Http<'a> {
    /// The way out.
    pub outbound: &'a Outbound,
    /// Scheme, host and port.
    pub origin: String,
    /// Public URL of the FHIR API.
    pub base_url: String,
}

/// What became of one delivery: messages, entries or rows.
pub(super) struct Fed {
    /// In it.
    pub received: u64,
    /// Stored.
    pub stored: u64,
    /// In quarantine.
    pub quarantined: u64,
}

impl Http<'_> {
    /// A token for a backend service, by a signed assertion.
    pub(super) async fn backend_token(&self, client_id: &str, key: &ClientKey, scope: &str) -> Result<String> {
        let token_url = self.token_url().await?;
        let now_s = jiff::Timestamp::now().as_second();
        let jti = URL.encode(super::random::<16>()?);
        let assertion = key.assertion(client_id, &token_url, now_s, &jti)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let response = self.post_form(&token_url, &form).await?;
        let token = json(&response)?;
        text_at(&token, "/access_token")
    }

    /// The token endpoint, as the server's SMART configuration names it.
    pub(super) async fn token_url(&self) -> Result<String> {
        text_at(&self.smart_configuration().await?, "/token_endpoint")
    }

    /// The server's SMART configuration.
    pub(super) async fn smart_configuration(&self) -> Result<Value> {
        let url = format!("{}/.well-known/smart-configuration", self.base_url);
        json(&expect(self.outbound.send(Call::get(url)).await?, 200)?)
    }

    /// Posts a form and wants a 200.
    pub(super) async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Response> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        expect(self.outbound.send(Call::post(url, "application/x-www-form-urlencoded", body)).await?, 200)
    }

    /// Sends a message or file to a feed and gives what the server counted in it.
    pub(super) async fn feed(&self, token: &str, name: &str, content_type: &str, body: &'static [u8]) -> Result<Fed> {
        let url = format!("{}/$feed/{name}", self.base_url);
        let call = Call::post(url, content_type, body).header("authorization", format!("Bearer {token}"));
        let response = self.outbound.send(call).await?;
        let summary = json(&expect(response, 200).with_context(|| format!("feed {name}"))?)?;
        let parameters = summary.get("parameter").and_then(Value::as_array).cloned().unwrap_or_default();
        let count = |name: &str| {
            let named = parameters.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(name));
            named.and_then(|one| one.get("valueInteger")).and_then(Value::as_u64).unwrap_or_default()
        };
        Ok(Fed { received: count("received"), stored: count("stored"), quarantined: count("quarantined") })
    }

    /// Gets a FHIR resource or Bundle.
    pub(super) async fn get(&self, token: &str, path: &str) -> Result<Value> {
        json(&expect(self.outbound.send(self.authorised(format!("{}/{path}", self.base_url), token)).await?, 200)?)
    }

    /// The status of a GET.
    pub(super) async fn status(&self, token: &str, path: &str) -> Result<u16> {
        Ok(self.outbound.send(self.authorised(format!("{}/{path}", self.base_url), token)).await?.status)
    }

    /// A bulk export from kick-off to files: for each file its type and its lines.
    pub(super) async fn export(&self, token: &str) -> Result<(String, Vec<(String, String)>)> {
        let kick_off = self.authorised(format!("{}/Patient/$export", self.base_url), token);
        let kick_off = kick_off.header("accept", "application/fhir+json").header("prefer", "respond-async");
        let accepted = expect(self.outbound.send(kick_off).await?, 202)?;
        let status_url = accepted.header("content-location").context("no Content-Location")?.to_owned();
        let manifest = self.wait_for(&status_url, token).await?;
        let mut files = Vec::new();
        for output in manifest.get("output").and_then(Value::as_array).into_iter().flatten() {
            let url = text_at(output, "/url")?;
            let file = expect(self.outbound.send(self.authorised(url, token)).await?, 200)?;
            let name = text_at(output, "/type")?;
            files.push((name, String::from_utf8(file.body.to_vec())?));
        }
        let job = status_url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((job, files))
    }

    async fn wait_for(&self, status_url: &str, token: &str) -> Result<Value> {
        // 300 looks of 100 ms: half a minute for a few hundred resources.
        for _ in 0..300 {
            let response = self.outbound.send(self.authorised(status_url.to_owned(), token)).await?;
            match response.status {
                200 => return json(&response),
                202 => tokio::time::sleep(Duration::from_millis(100)).await,
                other => bail!("the export answered {other}: {}", String::from_utf8_lossy(&response.body)),
            }
        }
        bail!("the export is not done after half a minute")
    }

    fn authorised(&self, url: String, token: &str) -> Call {
        Call::get(url).header("authorization", format!("Bearer {token}"))
    }
}

/// The response, if it has the wanted status.
pub(super) fn expect(response: Response, status: u16) -> Result<Response> {
    if response.status == status {
        return Ok(response);
    }
    bail!("expected status {status}, got {}: {}", response.status, String::from_utf8_lossy(&response.body))
}

/// The text at a JSON pointer.
pub(super) fn text_at(value: &Value, pointer: &str) -> Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("the answer has no text at {pointer}"))?.to_owned())
}

/// The body as JSON.
pub(super) fn json(response: &Response) -> Result<Value> {
    serde_json::from_slice(&response.body).context("the answer is not JSON")
}
