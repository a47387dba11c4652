//! Small transactions: two Observations each.

use anyhow::Result;

use super::crud::new_observation;
use crate::bench::drive::{Source, expect};
use crate::bench::http::{Answer, Target};
use crate::bench::population::{Kind, Population, Random};

const BODIES: usize = 512;

/// Sends small transactions.
pub(crate) struct Transactions {
    target: Target,
    random: Random,
    bodies: Vec<String>,
}

impl Transactions {
    /// About patients who are in the store.
    pub(crate) fn new(target: &Target, population: Population) -> Transactions {
        let mut random = Random::of(population.seed, &[0x74a5]);
        let mut entry = || {
            let name = population.any_of(Kind::Observation, &mut random);
            let resource = new_observation(&population, name);
            format!(r#"{{"resource":{resource},"request":{{"method":"POST","url":"Observation"}}}}"#)
        };
        let bundle =
            |_| format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}}"#, entry(), entry());
        let bodies: Vec<String> = (0..BODIES).map(bundle).collect();
        Transactions { target: target.clone(), random: Random::of(population.seed, &[0x74a6]), bodies }
    }
}

impl Source for Transactions {
    fn next(&mut self, _: usize, request: &mut Vec<u8>) -> bool {
        let body = self.random.pick(&self.bodies);
        self.target.write(request, "POST", "", body.as_bytes());
        true
    }

    fn answered(&mut self, _: usize, answer: &Answer<'_>) -> Result<u64> {
        expect(answer, &[200])?;
        Ok(1)
    }
}
