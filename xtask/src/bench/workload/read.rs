//! Reads of Patients, their ids uniform over the whole store; and the ceiling, which answers anything.

use anyhow::Result;

use crate::bench::drive::{Source, expect};
use crate::bench::http::{Answer, Target};
use crate::bench::population::{Kind, Name, Population, Random};

/// Reads Patients by id.
pub(crate) struct Read {
    target: Target,
    population: Population,
    random: Random,
    path: String,
    /// Bytes of the bodies until now.
    pub(crate) bytes: u64,
}

impl Read {
    /// Reads from a store that holds the population.
    pub(crate) fn new(target: &Target, population: Population) -> Read {
        let random = Random::of(population.seed, &[0x4ead]);
        Read { target: target.clone(), population, random, path: String::new(), bytes: 0 }
    }
}

impl Source for Read {
    fn next(&mut self, _: usize, request: &mut Vec<u8>) -> bool {
        let patient = self.random.below(self.population.patients);
        self.path.clear();
        self.path.push_str("/Patient/");
        self.population.write_id(Name { kind: Kind::Patient, patient, index: 0 }, &mut self.path);
        self.target.write(request, "GET", &self.path, &[]);
        true
    }

    fn answered(&mut self, _: usize, answer: &Answer<'_>) -> Result<u64> {
        expect(answer, &[200])?;
        self.bytes += answer.body.len() as u64;
        Ok(1)
    }
}
