//! Searches: each shape at one connection, with values of resources that were loaded; and the count of the skewed code.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::shapes::{Sample, Shape};
use crate::bench::drive::{Source, expect};
use crate::bench::http::{Answer, Target};
use crate::bench::population::{Kind, Name, Population, Random, SKEWED_LOINC};

/// How many different searches a shape makes.
const VALUES: usize = 500;

/// Sends searches in turn.
pub(crate) struct Searches {
    target: Target,
    paths: Vec<String>,
    sent: usize,
    /// Matches and included resources that came.
    pub(crate) entries: u64,
}

impl Searches {
    /// The searches of a shape.
    pub(crate) fn of(shape: &Shape, target: &Target, population: &Population) -> Result<Searches> {
        let mut random = Random::of(population.seed, &[0x5ea4]);
        let mut paths = Vec::with_capacity(VALUES);
        // Some resources lack what a shape asks for: blood pressures have no value of their own.
        for _ in 0..VALUES * 10 {
            if let Some(path) = (shape.query)(&sample(shape.kind, population, &mut random)?) {
                paths.push(path.replace('|', "%7C").replace('$', "%24"));
            }
            if paths.len() == VALUES {
                break;
            }
        }
        ensure!(!paths.is_empty(), "no resource has values for the shape `{}`", shape.name);
        Ok(Searches { target: target.clone(), paths, sent: 0, entries: 0 })
    }

    /// Why the server refuses the shape, when it does.
    pub(crate) async fn refusal(&self) -> Result<Option<String>> {
        let path = self.paths.first().context("there is no search")?;
        let (status, body) = self.target.call("GET", path, &[]).await?;
        if !matches!(status, 400 | 403 | 404 | 422 | 501) {
            return Ok(None);
        }
        let outcome: Value = serde_json::from_str(&body).unwrap_or_default();
        let told = outcome.pointer("/issue/0/diagnostics").and_then(Value::as_str).unwrap_or_default();
        Ok(Some(format!("not supported: {status} {told}")))
    }
}

fn sample(kind: Kind, population: &Population, random: &mut Random) -> Result<Sample> {
    let name = population.any_of(kind, random);
    let patient = Name { kind: Kind::Patient, patient: name.patient, index: 0 };
    Ok(Sample {
        one: serde_json::from_str(&population.resource(name))?,
        patient: serde_json::from_str(&population.resource(patient))?,
        ids: [(); 3].map(|()| population.id(population.any_of(kind, random))),
    })
}

impl Source for Searches {
    fn next(&mut self, _: usize, request: &mut Vec<u8>) -> bool {
        let Some(path) = self.paths.get(self.sent) else { return false };
        self.sent += 1;
        self.target.write(request, "GET", path, &[]);
        true
    }

    fn answered(&mut self, _: usize, answer: &Answer<'_>) -> Result<u64> {
        expect(answer, &[200])?;
        self.entries += occurrences(answer.body, b"\"fullUrl\"");
        Ok(1)
    }
}

fn occurrences(body: &[u8], word: &[u8]) -> u64 {
    body.windows(word.len()).filter(|window| *window == word).count() as u64
}

/// Asks for the count of the skewed code again and again.
pub(crate) struct Count {
    target: Target,
    left: usize,
    /// The hits.
    pub(crate) total: u64,
}

impl Count {
    /// So many times.
    pub(crate) fn times(target: &Target, times: usize) -> Count {
        Count { target: target.clone(), left: times, total: 0 }
    }
}

impl Source for Count {
    fn next(&mut self, _: usize, request: &mut Vec<u8>) -> bool {
        let path = format!("/Observation?code=http://loinc.org%7C{SKEWED_LOINC}&_summary=count");
        self.target.write(request, "GET", &path, &[]);
        self.left = self.left.wrapping_sub(1);
        self.left != usize::MAX
    }

    fn answered(&mut self, _: usize, answer: &Answer<'_>) -> Result<u64> {
        expect(answer, &[200])?;
        let bundle: Value = serde_json::from_slice(answer.body)?;
        self.total = bundle.get("total").and_then(Value::as_u64).context("the count has no total")?;
        Ok(1)
    }
}
