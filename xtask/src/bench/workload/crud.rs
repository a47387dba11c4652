//! The mix of 10 creates, 60 reads, 25 updates and 5 deletes.
//!
//! Reads and updates go to ids uniform over the whole store; what is deleted was created by the mix, so that the store keeps its size.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::bench::drive::{Source, expect};
use crate::bench::http::{Answer, Target};
use crate::bench::population::{Kind, Name, Population, Random};

/// Bodies made before the measurement, so that making them is no part of it.
const BODIES: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Create,
    Read,
    Update,
    Delete,
}

/// The mix.
pub(crate) struct Crud {
    target: Target,
    population: Population,
    random: Random,
    creates: Vec<String>,
    updates: Vec<Update>,
    /// Makes each update another: one that changes nothing writes nothing.
    revision: u64,
    body: String,
    created: Vec<String>,
    /// What each connection has on its way.
    deeds: Vec<Deed>,
}

impl Crud {
    /// The mix on a store that holds the population.
    pub(crate) fn new(target: &Target, population: Population) -> Crud {
        let mut random = Random::of(population.seed, &[0xc40d]);
        let mut creates = Vec::with_capacity(BODIES);
        let mut updates = Vec::with_capacity(BODIES);
        for _ in 0..BODIES {
            let name = population.any_of(Kind::Observation, &mut random);
            updates.push(Update::of(&population, name));
            creates.push(new_observation(&population, name));
        }
        Crud {
            target: target.clone(),
            population,
            random,
            creates,
            updates,
            revision: 0,
            body: String::new(),
            created: Vec::new(),
            deeds: Vec::new(),
        }
    }
}

/// An Observation of the store, cut where a note goes.
struct Update {
    path: String,
    before: String,
    after: String,
}

impl Update {
    fn of(population: &Population, name: Name) -> Update {
        let resource = population.resource(name);
        let at = resource.find("\"status\"").unwrap_or_default();
        let (before, after) = resource.split_at(at);
        Update { path: format!("/{}", population.path(name)), before: before.to_owned(), after: after.to_owned() }
    }
}

/// An Observation without an id about a patient who is there.
pub(super) fn new_observation(population: &Population, name: Name) -> String {
    population.resource(name).replacen(&format!("\"id\":\"{}\",", population.id(name)), "", 1)
}

impl Source for Crud {
    fn next(&mut self, connection: usize, request: &mut Vec<u8>) -> bool {
        let mut deed = match self.random.below(100) {
            0..10 => Deed::Create,
            10..70 => Deed::Read,
            70..95 => Deed::Update,
            _ => Deed::Delete,
        };
        if deed == Deed::Delete && self.created.is_empty() {
            deed = Deed::Create;
        }
        self.deeds.resize(self.deeds.len().max(connection + 1), Deed::Read);
        if let Some(on_its_way) = self.deeds.get_mut(connection) {
            *on_its_way = deed;
        }
        match deed {
            Deed::Create => {
                let body = self.random.pick(&self.creates);
                self.target.write(request, "POST", "/Observation", body.as_bytes());
            }
            Deed::Read => {
                let name = self.population.any(&mut self.random);
                self.target.write(request, "GET", &format!("/{}", self.population.path(name)), &[]);
            }
            Deed::Update => {
                let update = self.random.pick(&self.updates);
                self.revision += 1;
                self.body.clear();
                // Writing to a String does not fail.
                let _ = write!(
                    self.body,
                    "{}\"note\":[{{\"text\":\"Looked at again, time {}\"}}],{}",
                    update.before, self.revision, update.after
                );
                self.target.write(request, "PUT", &update.path, self.body.as_bytes());
            }
            Deed::Delete => {
                let path = self.created.pop().unwrap_or_default();
                self.target.write(request, "DELETE", &path, &[]);
            }
        }
        true
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> Result<u64> {
        match self.deeds.get(connection).copied() {
            Some(Deed::Create) => {
                expect(answer, &[201])?;
                let location = answer.header("location").context("a create is answered without a Location")?;
                let path = location.split("/_history/").next().unwrap_or_default();
                let at = path.find("/Observation/").context("the Location names no Observation")?;
                self.created.push(path.get(at..).unwrap_or_default().to_owned());
            }
            Some(Deed::Delete) => expect(answer, &[200, 204])?,
            _ => expect(answer, &[200])?,
        }
        Ok(1)
    }
}
