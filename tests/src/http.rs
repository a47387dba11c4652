//! A plain HTTP client, so that a test says what is on the wire.

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::TestApp;

/// The server as one token sees it.
#[derive(Clone)]
pub struct Api<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) token: Option<String>,
}

impl<'a> Api<'a> {
    /// The bearer token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("an api with a token")
    }

    /// A request to a path below the base, or to a whole URL.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let url = match path {
            whole if whole.starts_with("http") => whole.to_owned(),
            "" => self.app.base_url.clone(),
            below => format!("{}/{}", self.app.base_url, below.trim_start_matches('/')),
        };
        let builder = self.app.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        Call(match &self.token {
            Some(token) => builder.bearer_auth(token),
            None => builder,
        })
    }

    /// The whole answer to a request whose path goes over the wire as it is.
    pub async fn raw(&self, method: &str, path: &str) -> String {
        let address = self.app.origin.trim_start_matches("http://");
        let base = self.app.base_url.trim_start_matches(&self.app.origin);
        let token = self.token();
        let head = format!(
            "{method} {base}/{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }

    /// POST of a resource.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path).fhir(body).send().await
    }

    /// PUT of a resource.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path).fhir(body).send().await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).send().await
    }

    /// Creates a resource and gives its id, which is told even to a caller who may not see the resource.
    pub async fn create(&self, body: &Value) -> String {
        let answer = self.post(body["resourceType"].as_str().unwrap(), body).await.expect(201);
        answer.header("location").unwrap().rsplit('/').nth(2).unwrap().to_owned()
    }

    /// The ids that a search finds, on its first page.
    pub async fn find(&self, search: &str) -> Vec<String> {
        self.get(search).await.expect(200).ids()
    }
}

/// A request on its way.
pub struct Call(RequestBuilder);

impl Call {
    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Call {
        self.header_bytes(name, value.as_bytes())
    }

    /// Adds a header that may be no UTF-8.
    pub fn header_bytes(self, name: &str, value: &[u8]) -> Call {
        Call(self.0.header(name, value))
    }

    /// A FHIR JSON body.
    pub fn fhir(self, body: &Value) -> Call {
        self.body("application/fhir+json", body.to_string())
    }

    /// A form body.
    pub fn form(self, fields: &[(&str, &str)]) -> Call {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", text)
    }

    /// Any body.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Call {
        Call(self.0.header("content-type", content_type).body(body.into()))
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap() }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Fails with the body when the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Ids of a Bundle's matches, in order.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let is_match = |entry: &&Value| entry["search"]["mode"] != "outcome";
        let entries = self.json()["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().filter(is_match).map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
    }

    /// `Type/id` of a Bundle's entries, in order.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        let entries = self.json()["entry"].as_array().cloned().unwrap_or_default();
        let part = |entry: &Value, name: &str| entry["resource"][name].as_str().unwrap().to_owned();
        entries.iter().map(|entry| format!("{}/{}", part(entry, "resourceType"), part(entry, "id"))).collect()
    }

    /// The URL of a Bundle's link.
    #[track_caller]
    pub fn link(&self, relation: &str) -> Option<String> {
        let links = self.json()["link"].as_array().cloned().unwrap_or_default();
        links.iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap().to_owned())
    }

    /// Holds the status and that the body is an OperationOutcome with an error, and gives what it says.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/fhir+json"), "{text}");
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{text}");
        let issue = &outcome["issue"][0];
        assert!(matches!(issue["severity"].as_str(), Some("error" | "fatal")), "{text}");
        assert!(issue["code"].is_string() && issue["diagnostics"].is_string(), "{text}");
        text
    }
}
