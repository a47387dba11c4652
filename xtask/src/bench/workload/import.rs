//! Import of transaction bundles, one a patient, before which comes one of what all share.

use std::fmt::Write as _;

use anyhow::Result;

use crate::bench::drive::{Source, expect};
use crate::bench::http::{Answer, Target};
use crate::bench::population::{Name, Population, References};

/// Sends patients in turn.
pub(crate) struct Import {
    target: Target,
    population: Population,
    next: u64,
    end: u64,
    bundle: String,
    /// Resources in the bundle on its way, by connection.
    sent: Vec<u64>,
}

impl Import {
    /// Patients from `first` up to but without `end`.
    pub(crate) fn patients(target: &Target, population: Population, first: u64, end: u64) -> Import {
        Import { target: target.clone(), population, next: first, end, bundle: String::new(), sent: Vec::new() }
    }
}

impl Source for Import {
    fn next(&mut self, connection: usize, request: &mut Vec<u8>) -> bool {
        if self.next >= self.end {
            return false;
        }
        let entries = write_bundle(&self.population, self.population.of_patient(self.next), &mut self.bundle);
        self.next += 1;
        self.sent.resize(self.sent.len().max(connection + 1), 0);
        if let Some(sent) = self.sent.get_mut(connection) {
            *sent = entries;
        }
        self.target.write(request, "POST", "", self.bundle.as_bytes());
        true
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> Result<u64> {
        expect(answer, &[200])?;
        Ok(self.sent.get(connection).copied().unwrap_or_default())
    }
}

/// Sends what all share and gives the number of resources.
pub(crate) async fn shared(target: &Target, population: &Population) -> Result<u64> {
    let mut bundle = String::new();
    let relative = Population { references: References::Relative, ..*population };
    let entries = write_bundle(&relative, population.shared(), &mut bundle);
    let (status, body) = target.call("POST", "", bundle.as_bytes()).await?;
    anyhow::ensure!(status == 200, "what all share was refused with {status}: {body}");
    Ok(entries)
}

/// Writes a transaction: PUT under the population's ids, or POST when the server is to give them.
fn write_bundle(population: &Population, names: impl Iterator<Item = Name>, out: &mut String) -> u64 {
    out.clear();
    out.push_str(r#"{"resourceType":"Bundle","type":"transaction","entry":["#);
    let mut entries = 0;
    for name in names {
        if entries > 0 {
            out.push(',');
        }
        let (id, kind) = (population.id(name), name.kind.as_str());
        // Writing to a String does not fail.
        let _ = write!(out, r#"{{"fullUrl":"urn:uuid:{id}","resource":"#);
        population.write(name, out);
        let _ = match population.references {
            References::Relative => write!(out, r#","request":{{"method":"PUT","url":"{kind}/{id}"}}}}"#),
            References::Urn => write!(out, r#","request":{{"method":"POST","url":"{kind}"}}}}"#),
        };
        entries += 1;
    }
    out.push_str("]}");
    entries
}
