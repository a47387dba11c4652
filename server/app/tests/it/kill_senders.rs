//! Senders as they are found around a hospital: each notes what it was told, and what it was never told.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use crate::acknowledged::{Acknowledged, InDoubt, version_of};

const SYSTEM: &str = "urn:weir:kill";

/// What a sender notes.
#[derive(Debug)]
pub enum Note {
    Acknowledged(Acknowledged),
    InDoubt(InDoubt),
    /// Something else than success from a server that lives.
    Refused(String),
}

/// The connection was cut: the server is gone.
pub struct Gone;

/// What all senders share during one life of the server.
#[derive(Clone)]
pub struct Line {
    pub http: reqwest::Client,
    pub base_url: String,
    pub mllp: SocketAddr,
    pub notes: UnboundedSender<Note>,
}

/// One sender; lives through all lives of the server.
#[derive(Debug)]
pub struct Sender {
    kind: Kind,
    /// Sets what it sends apart from what others send.
    name: String,
    count: u32,
    /// A message without an answer, to be sent again.
    again: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Resources,
    Transactions,
    Mllp,
    Files,
}

/// Everybody.
pub fn senders() -> Vec<Sender> {
    let kinds = [Kind::Resources, Kind::Resources, Kind::Transactions, Kind::Mllp, Kind::Mllp, Kind::Files];
    let sender = |(at, kind)| Sender { kind, name: format!("s{at}"), count: 0, again: None };
    kinds.into_iter().enumerate().map(sender).collect()
}

impl Sender {
    /// Sends until the server is gone.
    pub async fn run(mut self, line: Line) -> Sender {
        let mut stream = None;
        loop {
            self.count += 1;
            let outcome = match self.kind {
                Kind::Resources => self.resource(&line).await,
                Kind::Transactions => self.transaction(&line).await,
                Kind::Mllp => self.message(&line, &mut stream).await,
                Kind::Files => self.file(&line).await,
            };
            if outcome.is_err() {
                return self;
            }
        }
    }

    /// A Patient is created, changed twice and now and then deleted.
    async fn resource(&self, line: &Line) -> Result<(), Gone> {
        let marker = format!("{}-{}", self.name, self.count);
        let mut patient = json!({
            "resourceType": "Patient",
            "identifier": [{ "system": SYSTEM, "value": marker }],
            "name": [{ "family": "Quillfeather" }],
        });
        let in_doubt = InDoubt::Creates(vec![("Patient".to_owned(), format!("{SYSTEM}|{marker}"))]);
        let request = line.http.post(format!("{}/Patient", line.base_url)).json(&patient);
        let Some((resource, _)) = line.write(request, &in_doubt, Some(&patient)).await? else { return Ok(()) };
        patient["id"] = json!(resource.trim_start_matches("Patient/"));
        for version in [1, 2] {
            patient["birthDate"] = json!(format!("195{version}-02-0{version}"));
            let in_doubt = InDoubt::Next { resource: resource.clone(), version, sent: Some(patient.clone()) };
            let request = line.http.put(format!("{}/{resource}", line.base_url)).json(&patient);
            let request = request.header("if-match", format!("W/\"{version}\""));
            if line.write(request, &in_doubt, Some(&patient)).await?.is_none() {
                return Ok(());
            }
        }
        if self.count.is_multiple_of(3) {
            let in_doubt = InDoubt::Next { resource: resource.clone(), version: 3, sent: None };
            let request = line.http.delete(format!("{}/{resource}", line.base_url));
            let deleted = line.send(request, &in_doubt).await?;
            match deleted.headers().get("etag").and_then(|etag| version_of(etag.to_str().ok()?)) {
                Some(version) if deleted.status() == 204 => {
                    line.acknowledged(Acknowledged::Version { resource, version, sent: None });
                }
                _ => line.refused(format!("a delete was answered with {}", deleted.status())),
            }
        }
        Ok(())
    }

    /// A Patient with three results, all or nothing.
    async fn transaction(&self, line: &Line) -> Result<(), Gone> {
        let full_url = "urn:uuid:6a2f3b04-5c1d-4b7e-9a86-0c1d2e3f4a5b";
        let marker = |part: usize| format!("{}-{}-{part}", self.name, self.count);
        let mut resources = vec![json!({
            "resourceType": "Patient",
            "identifier": [{ "system": SYSTEM, "value": marker(0) }],
            "name": [{ "family": "Oddsworth" }],
        })];
        resources.extend((1..4).map(|part| {
            json!({
                "resourceType": "Observation",
                "identifier": [{ "system": SYSTEM, "value": marker(part) }],
                "status": "final",
                "code": { "text": "Weight" },
                "subject": { "reference": full_url },
                "effectiveDateTime": "2025-01-02",
                "valueQuantity": { "value": 71 + part, "unit": "kg" },
            })
        }));
        let name = |resource: &Value| resource["resourceType"].as_str().unwrap().to_owned();
        let entries: Vec<Value> = resources
            .iter()
            .enumerate()
            .map(|(at, resource)| {
                let mut entry = json!({ "resource": resource, "request": { "method": "POST", "url": name(resource) } });
                if at == 0 {
                    entry["fullUrl"] = json!(full_url);
                }
                entry
            })
            .collect();
        let markers =
            resources.iter().enumerate().map(|(part, resource)| (name(resource), format!("{SYSTEM}|{}", marker(part))));
        let in_doubt = InDoubt::Creates(markers.collect());
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        let response = line.send(line.http.post(&line.base_url).json(&bundle), &in_doubt).await?;
        let status = response.status();
        if status != 200 {
            line.refused(format!("a transaction was answered with {status}"));
            return Ok(());
        }
        // Cut off in the middle of the answer: the sender does not know the ids, so it knows nothing.
        let Ok(answer) = response.json::<Value>().await else {
            let _ = line.notes.send(Note::InDoubt(in_doubt));
            return Err(Gone);
        };
        let patient = place_of(&answer["entry"][0]["response"]).map(|(resource, _)| resource).unwrap_or_default();
        for (at, mut sent) in resources.into_iter().enumerate() {
            if at > 0 {
                sent["subject"]["reference"] = json!(patient);
            }
            match place_of(&answer["entry"][at]["response"]) {
                Some((resource, version)) => {
                    line.acknowledged(Acknowledged::Version { resource, version, sent: Some(sent) });
                }
                None => line.refused("an entry of a transaction has no location".to_owned()),
            }
        }
        Ok(())
    }

    /// A registration and a result in turn, each sent again until it is acknowledged.
    async fn message(&mut self, line: &Line, stream: &mut Option<TcpStream>) -> Result<(), Gone> {
        let message = self.again.take().unwrap_or_else(|| {
            let person = Person::new(&self.name, self.count / 2);
            let control_id = format!("{}-{}", self.name, self.count);
            if self.count.is_multiple_of(2) { person.registration(&control_id) } else { person.result(&control_id) }
        });
        let answer = exchange(line.mllp, stream, &message).await;
        match answer.as_deref().map(code_of) {
            // Kept without the end of its last line, so that it is the same whether it came alone or in a file.
            Ok(Some("AA")) => {
                let bytes = message.strip_suffix(b"\r").unwrap_or(&message).to_vec();
                line.acknowledged(Acknowledged::Message { bytes, units: 1 });
            }
            Ok(code) => line.refused(format!("a message was answered with {code:?}")),
            Err(_) => {
                self.again = Some(message);
                return Err(Gone);
            }
        }
        Ok(())
    }

    /// A file with two services of one person, sent again until it is acknowledged.
    async fn file(&mut self, line: &Line) -> Result<(), Gone> {
        let file = self.again.take().unwrap_or_else(|| Person::new(&self.name, self.count).services());
        let id = format!("{}-{}", self.name, self.count);
        let request = line.http.post(format!("{}/$feed/social-care-cld", line.base_url));
        let request = request.header("content-type", "text/csv").header("x-request-id", &id).body(file.clone());
        match request.send().await {
            Ok(response) if response.status() == 200 => {
                line.acknowledged(Acknowledged::Message { bytes: file, units: 2 });
                line.acknowledged(Acknowledged::Request { id });
            }
            Ok(response) => line.refused(format!("a file was answered with {}", response.status())),
            Err(_) => {
                self.again = Some(file);
                return Err(Gone);
            }
        }
        Ok(())
    }
}

impl Line {
    /// Sends a write of one resource; gives where it is when it was acknowledged.
    async fn write(
        &self,
        request: reqwest::RequestBuilder,
        in_doubt: &InDoubt,
        sent: Option<&Value>,
    ) -> Result<Option<(String, u64)>, Gone> {
        let response = self.send(request, in_doubt).await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let place = place_of(&json!({ "location": header("location"), "etag": header("etag") }));
        match place {
            Some((resource, version)) if response.status().is_success() => {
                let (resource_, sent) = (resource.clone(), sent.cloned());
                self.acknowledged(Acknowledged::Version { resource: resource_, version, sent });
                Ok(Some((resource, version)))
            }
            _ => {
                self.refused(format!("a write was answered with {}", response.status()));
                Ok(None)
            }
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, in_doubt: &InDoubt) -> Result<reqwest::Response, Gone> {
        match request.send().await {
            Ok(response) => {
                let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
                self.acknowledged(Acknowledged::Request { id: id.to_owned() });
                Ok(response)
            }
            Err(_) => {
                let _ = self.notes.send(Note::InDoubt(in_doubt.clone()));
                Err(Gone)
            }
        }
    }

    fn acknowledged(&self, acknowledged: Acknowledged) {
        let _ = self.notes.send(Note::Acknowledged(acknowledged));
    }

    fn refused(&self, text: String) {
        let _ = self.notes.send(Note::Refused(text));
    }
}

/// `Type/id` and version, of a location and an etag that say the same.
fn place_of(response: &Value) -> Option<(String, u64)> {
    let (path, version) = response["location"].as_str()?.rsplit_once("/_history/")?;
    let version = version_of(response["etag"].as_str()?).filter(|etag| version.parse() == Ok(*etag))?;
    let mut parts = path.rsplit('/');
    let (id, name) = (parts.next()?, parts.next()?);
    Some((format!("{name}/{id}"), version))
}

async fn exchange(address: SocketAddr, stream: &mut Option<TcpStream>, message: &[u8]) -> std::io::Result<String> {
    let mut open = match stream.take() {
        Some(open) => open,
        None => TcpStream::connect(address).await?,
    };
    open.write_all(&[b"\x0b", message, b"\x1c\r"].concat()).await?;
    let mut received = Vec::new();
    while !received.ends_with(b"\x1c\r") {
        if open.read_buf(&mut received).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    *stream = Some(open);
    Ok(String::from_utf8(received).expect("an acknowledgement is text"))
}

fn code_of(acknowledgement: &str) -> Option<&str> {
    acknowledgement.split('\r').find_map(|segment| segment.strip_prefix("MSA|"))?.split('|').next()
}

/// Somebody who does not exist.
struct Person {
    number: String,
    record: String,
    /// Orders what is told about the person.
    time: String,
}

impl Person {
    fn new(sender: &str, count: u32) -> Person {
        let sender_number: u32 = sender.trim_start_matches('s').parse().unwrap();
        Person {
            number: nhs_number(sender_number * 100_000 + count),
            record: format!("{}X{count}", sender.to_uppercase()),
            time: format!("202509{:02}{:02}{:02}00", 1 + count / 1440 % 28, count / 60 % 24, count % 60),
        }
    }

    fn header(&self, kind: &str, control_id: &str) -> String {
        let time = &self.time;
        let (number, record) = (&self.number, &self.record);
        format!(
            "MSH|^~\\&|EPIC|RZ9|ROUTE|ROUTE|{time}||{kind}|{control_id}|P|2.4|||||GBR|UNICODE UTF-8\r{}\
             PID|1||{number}^^^NHS^NH~{record}^^^RZ9^MR||THISTLEWICK^Dorothea||19360607|2\r",
            if kind == "ADT^A28" { format!("EVN|A28|{time}\r") } else { String::new() }
        )
    }

    fn registration(&self, control_id: &str) -> Vec<u8> {
        (self.header("ADT^A28", control_id) + "PV1|1|N\r").into_bytes()
    }

    fn result(&self, control_id: &str) -> Vec<u8> {
        let time = &self.time;
        let order = format!(
            "OBR|1|O-{control_id}^EPIC|L-{control_id}^LAB|26604007^Complete blood count^SNCT|||{time}|||||||||||||||{time}||HM|F\r\
             OBX|1|NM|718-7^Haemoglobin^LN||101|g/L|115-165|L|||F\rOBX|2|NM|6690-2^White cell count^LN||7.1|10*9/L|4.0-11.0|N|||F\r"
        );
        (self.header("ORU^R01", control_id) + &order).into_bytes()
    }

    fn services(&self) -> Vec<u8> {
        let row = |day: u32| {
            let Person { number, record, .. } = self;
            format!("716,30/06/2025,{number},{record},Female,07/06/1936,Service user,Service,0{day}/05/2025,,,\n")
        };
        let head = "LA Code,Reporting Period End Date,NHS Number,LA Person Unique Identifier,Gender,Date of Birth,\
                    Client Type,Event Type,Event Start Date,Event End Date,Service Component,Event Outcome\n";
        format!("{head}{}{}", row(1), row(2)).into_bytes()
    }
}

/// A number of the 999 test range that passes mod 11; a seed whose check digit would be ten gives its neighbour's.
fn nhs_number(seed: u32) -> String {
    (seed..)
        .find_map(|seed| {
            let digits = format!("999{:06}", seed % 1_000_000);
            let sum: u32 =
                digits.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
            let check = (11 - sum % 11) % 11;
            (check < 10).then(|| format!("{digits}{check}"))
        })
        .unwrap()
}
