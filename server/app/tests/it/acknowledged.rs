//! What senders were told, held against the store through the front door.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Questions asked of the server at once.
const AT_ONCE: usize = 8;

/// The server said that it has this.
#[derive(Debug, Clone)]
pub enum Acknowledged {
    /// A version of a resource (`Type/id`), and what was sent; nothing sent: the deletion.
    Version { resource: String, version: u64, sent: Option<Value> },
    /// A message or file of a feed, and how many units with a Provenance of their own are in it.
    Message { bytes: Vec<u8>, units: usize },
    /// A request that was answered, which the audit log must hold.
    Request { id: String },
}

/// Under way when the server was killed: done wholly, or not at all.
#[derive(Debug, Clone)]
pub enum InDoubt {
    /// A create, or a transaction of creates: for each its type, and an identifier that nothing else has.
    Creates(Vec<(String, String)>),
    /// The version after this one, with what was sent; nothing sent: the deletion.
    Next { resource: String, version: u64, sent: Option<Value> },
}

/// One running server and what it must hold.
pub struct Check<'a> {
    pub http: &'a reqwest::Client,
    pub base_url: &'a str,
}

impl Check<'_> {
    /// One line for everything that is not as it was acknowledged.
    pub async fn problems(&self, acknowledged: &[Acknowledged], in_doubt: &[InDoubt]) -> Vec<String> {
        let mut last: BTreeMap<&str, (u64, Option<&Value>)> = BTreeMap::new();
        for one in acknowledged {
            if let Acknowledged::Version { resource, version, sent } = one {
                last.insert(resource, (*version, sent.as_ref()));
            }
        }
        for one in in_doubt {
            if let InDoubt::Next { resource, .. } = one {
                last.remove(resource.as_str());
            }
        }
        let each = futures_util::stream::iter(acknowledged).map(|one| self.one(one)).buffered(AT_ONCE);
        let current = futures_util::stream::iter(last)
            .map(|(resource, (version, sent))| self.current(resource, version, sent))
            .buffered(AT_ONCE);
        let doubt = futures_util::stream::iter(in_doubt).map(|one| self.doubt(one)).buffered(AT_ONCE);
        each.chain(current).chain(doubt).filter_map(async |problem| problem).collect().await
    }

    async fn one(&self, acknowledged: &Acknowledged) -> Option<String> {
        match acknowledged {
            Acknowledged::Version { resource, version, sent } => self.version(resource, *version, sent.as_ref()).await,
            Acknowledged::Message { bytes, units } => self.message(bytes, *units).await,
            // Only the store can tell: nobody reads the audit log over HTTP.
            Acknowledged::Request { .. } => None,
        }
    }

    /// The exact version gives what was sent.
    async fn version(&self, resource: &str, version: u64, sent: Option<&Value>) -> Option<String> {
        let path = format!("{resource}/_history/{version}");
        let (status, _, body) = self.get(&path).await;
        match sent {
            None => (status != 410).then(|| format!("{path}: a deletion was acknowledged, the status is {status}")),
            Some(_) if status != 200 => Some(format!("{path}: acknowledged, the status is {status}")),
            Some(sent) => (content(&body) != content(sent)).then(|| format!("{path}: it is not what was sent")),
        }
    }

    /// What was acknowledged last is current.
    async fn current(&self, resource: &str, version: u64, sent: Option<&Value>) -> Option<String> {
        let (status, etag, _) = self.get(resource).await;
        match sent {
            None => {
                (status != 410).then(|| format!("{resource}: deleted as version {version}, the status is {status}"))
            }
            Some(_) if status != 200 => Some(format!("{resource}: current is {version}, the status is {status}")),
            Some(_) => (etag != Some(version))
                .then(|| format!("{resource}: version {version} was acknowledged last, version {etag:?} is current")),
        }
    }

    /// Each unit of the message is told of by one Provenance, and all that it gave is there.
    async fn message(&self, bytes: &[u8], units: usize) -> Option<String> {
        let hash = hash(bytes);
        let path = format!("Provenance?entity:identifier=urn:weir:message|{hash}");
        let (status, _, found) = self.get(&path).await;
        let entries = found["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.len() != units {
            return Some(format!("message {hash}: {} Provenances for {units}, status {status}", entries.len()));
        }
        for entry in entries {
            let targets = entry["resource"]["target"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !targets.iter().any(|target| reference(target).starts_with("Patient/")) {
                return Some(format!("message {hash}: its Provenance names no Patient"));
            }
            for target in targets {
                let (status, _, _) = self.get(reference(target)).await;
                if status != 200 {
                    return Some(format!("message {hash}: the status of {} is {status}", reference(target)));
                }
            }
        }
        None
    }

    async fn doubt(&self, in_doubt: &InDoubt) -> Option<String> {
        match in_doubt {
            InDoubt::Creates(creates) => {
                let mut counts = Vec::new();
                for (name, identifier) in creates {
                    let (_, _, found) = self.get(&format!("{name}?identifier={identifier}")).await;
                    counts.push(found["entry"].as_array().map_or(0, Vec::len));
                }
                let is_whole = counts.iter().all(|count| *count == 0) || counts.iter().all(|count| *count == 1);
                (!is_whole).then(|| format!("{creates:?}: not all or nothing: {counts:?}"))
            }
            InDoubt::Next { resource, version, sent } => {
                let (status, etag, body) = self.get(resource).await;
                let is_before = status == 200 && etag == Some(*version);
                let is_after = match sent {
                    Some(sent) => etag == Some(version + 1) && content(&body) == content(sent),
                    None => status == 410,
                };
                (!is_before && !is_after)
                    .then(|| format!("{resource}: neither version {version} nor the next, but {etag:?}, {status}"))
            }
        }
    }

    async fn get(&self, path: &str) -> (u16, Option<u64>, Value) {
        let response = self.http.get(format!("{}/{path}", self.base_url)).send().await.expect("the server answers");
        let etag = response.headers().get("etag").and_then(|etag| version_of(etag.to_str().ok()?));
        (response.status().as_u16(), etag, response.json().await.unwrap_or_default())
    }
}

/// The version in `W/"3"`.
pub fn version_of(etag: &str) -> Option<u64> {
    etag.strip_prefix("W/\"")?.strip_suffix('"')?.parse().ok()
}

/// The hash under which a Provenance names its message.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reference(target: &Value) -> &str {
    target["reference"].as_str().unwrap_or_default()
}

/// The resource without what the server adds.
fn content(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Value::Object(members) = &mut resource {
        members.remove("id");
        members.remove("meta");
    }
    resource
}
