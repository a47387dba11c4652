//! A population that does not exist: UK-shaped patients with what is recorded of them, made from a seed.
//!
//! Every resource is made from the seed and its own name alone, so that any of them can be named, or made again, without the others. NHS numbers
//! are of the 999 range, which is kept for tests, and names are put together from syllables.

mod clinical;
mod codes;
mod observation;
mod patient;
mod random;
mod shared;
mod template;

use std::fmt::Write as _;

pub(crate) use codes::SKEWED_LOINC;
pub(crate) use random::Random;

/// The types of the population.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// An organisation that all share.
    Organization,
    /// A practitioner that all share.
    Practitioner,
    /// The patient.
    Patient,
    /// A contact of the patient.
    Encounter,
    /// A diagnosis of the patient.
    Condition,
    /// A prescription of the patient.
    MedicationRequest,
    /// A measurement of the patient.
    Observation,
}

impl Kind {
    /// The kinds of which each patient has their own.
    pub(crate) const OF_PATIENT: [Kind; 5] =
        [Kind::Patient, Kind::Encounter, Kind::Condition, Kind::MedicationRequest, Kind::Observation];

    /// The name of the type.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Organization => "Organization",
            Kind::Practitioner => "Practitioner",
            Kind::Patient => "Patient",
            Kind::Encounter => "Encounter",
            Kind::Condition => "Condition",
            Kind::MedicationRequest => "MedicationRequest",
            Kind::Observation => "Observation",
        }
    }
}

/// The name of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// Its type.
    pub(crate) kind: Kind,
    /// Number of the patient; 0 for what all share.
    pub(crate) patient: u64,
    /// Number among those of its type, of this patient or of all.
    pub(crate) index: u64,
}

/// How a resource points at others of the same patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum References {
    /// `Patient/…`: the ids are the sender's.
    Relative,
    /// `urn:uuid:…` and no id of its own: the server gives ids.
    Urn,
}

/// A population. Patients are numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    /// What everything is made from.
    pub(crate) seed: u64,
    /// How many patients.
    pub(crate) patients: u64,
    /// Whether resources claim their UK Core profile in `meta.profile`.
    pub(crate) is_claiming: bool,
    /// How they point at each other.
    pub(crate) references: References,
}

impl Population {
    /// How many organisations all share: one for 200 patients, ten at the least.
    pub(crate) fn organisations(&self) -> u64 {
        10 + self.patients / 200
    }

    /// How many practitioners all share.
    pub(crate) fn practitioners(&self) -> u64 {
        self.organisations() * 4
    }

    /// What all share, organisations first.
    pub(crate) fn shared(&self) -> impl Iterator<Item = Name> + use<> {
        let of = |kind, count| (0..count).map(move |index| Name { kind, patient: 0, index });
        of(Kind::Organization, self.organisations()).chain(of(Kind::Practitioner, self.practitioners()))
    }

    /// How many of a kind a patient has; about 100 of all kinds.
    pub(crate) fn count(&self, kind: Kind, patient: u64) -> u64 {
        let mut random = Random::of(self.seed, &[kind as u64, patient]);
        match kind {
            Kind::Organization | Kind::Practitioner => 0,
            Kind::Patient => 1,
            Kind::Encounter => random.between(4, 12),
            Kind::Condition => random.between(1, 7),
            Kind::MedicationRequest => random.between(2, 12),
            Kind::Observation => random.between(50, 110),
        }
    }

    /// Everything of one patient, the Patient first.
    pub(crate) fn of_patient(&self, patient: u64) -> impl Iterator<Item = Name> + use<> {
        let population = *self;
        Kind::OF_PATIENT
            .into_iter()
            .flat_map(move |kind| (0..population.count(kind, patient)).map(move |index| Name { kind, patient, index }))
    }

    /// Any resource of any patient; each as likely as the next but for the patients' different numbers of them.
    pub(crate) fn any(&self, random: &mut Random) -> Name {
        let patient = random.below(self.patients);
        let counts = Kind::OF_PATIENT.map(|kind| (kind, self.count(kind, patient)));
        let mut index = random.below(counts.iter().map(|(_, count)| count).sum());
        for (kind, count) in counts {
            if index < count {
                return Name { kind, patient, index };
            }
            index -= count;
        }
        Name { kind: Kind::Patient, patient, index: 0 }
    }

    /// Any resource of a kind.
    pub(crate) fn any_of(&self, kind: Kind, random: &mut Random) -> Name {
        let patient = random.below(self.patients);
        Name { kind, patient, index: random.below(self.count(kind, patient)) }
    }

    /// Writes the logical id: a UUID (version 4) that the name gives.
    pub(crate) fn write_id(&self, name: Name, out: &mut String) {
        let mut random = Random::of(self.seed, &[0x1d, name.kind as u64, name.patient, name.index]);
        let (high, low) = (random.next(), random.next());
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        );
    }

    /// The logical id.
    pub(crate) fn id(&self, name: Name) -> String {
        let mut id = String::with_capacity(36);
        self.write_id(name, &mut id);
        id
    }

    /// `Type/id`, whatever references look like.
    pub(crate) fn path(&self, name: Name) -> String {
        format!("{}/{}", name.kind.as_str(), self.id(name))
    }

    /// Writes the resource as JSON.
    pub(crate) fn write(&self, name: Name, out: &mut String) {
        let random = Random::of(self.seed, &[0xda7a, name.kind as u64, name.patient, name.index]);
        let mut making = Making { population: self, name, random };
        match name.kind {
            Kind::Organization => shared::organization(&mut making, out),
            Kind::Practitioner => shared::practitioner(&mut making, out),
            Kind::Patient => patient::patient(&mut making, out),
            Kind::Encounter => clinical::encounter(&mut making, out),
            Kind::Condition => clinical::condition(&mut making, out),
            Kind::MedicationRequest => clinical::medication_request(&mut making, out),
            Kind::Observation => observation::observation(&mut making, out),
        }
    }

    /// The resource as JSON.
    pub(crate) fn resource(&self, name: Name) -> String {
        let mut out = String::with_capacity(1600);
        self.write(name, &mut out);
        out
    }
}

fn is_shared(kind: Kind) -> bool {
    matches!(kind, Kind::Organization | Kind::Practitioner)
}

/// A resource in the making.
struct Making<'a> {
    population: &'a Population,
    name: Name,
    random: Random,
}

impl Making<'_> {
    /// `"id":"…",` or nothing, then `"meta":{…},` or nothing.
    fn head(&self, profile: &str) -> String {
        let mut head = String::with_capacity(160);
        if self.population.references == References::Relative || is_shared(self.name.kind) {
            head.push_str("\"id\":\"");
            self.population.write_id(self.name, &mut head);
            head.push_str("\",");
        }
        if self.population.is_claiming {
            head.push_str("\"meta\":{\"profile\":[\"https://fhir.hl7.org.uk/StructureDefinition/UKCore-");
            head.push_str(profile);
            head.push_str("\"]},");
        }
        head
    }

    /// The text of a reference. What all share is in the store before, under its own id.
    fn reference(&self, to: Name) -> String {
        let mut text = String::with_capacity(64);
        if is_shared(to.kind) || self.population.references == References::Relative {
            text.push_str(to.kind.as_str());
            text.push('/');
        } else {
            text.push_str("urn:uuid:");
        }
        self.population.write_id(to, &mut text);
        text
    }

    fn patient(&self) -> String {
        self.reference(Name { kind: Kind::Patient, patient: self.name.patient, index: 0 })
    }

    /// The organisation where this patient is registered.
    fn organization(&self) -> String {
        let mut random = Random::of(self.population.seed, &[0x09, self.name.patient]);
        let index = random.below(self.population.organisations());
        self.reference(Name { kind: Kind::Organization, patient: 0, index })
    }

    fn practitioner(&mut self) -> String {
        let index = self.random.below(self.population.practitioners());
        self.reference(Name { kind: Kind::Practitioner, patient: 0, index })
    }

    fn encounter(&mut self) -> String {
        let index = self.random.below(self.population.count(Kind::Encounter, self.name.patient));
        self.reference(Name { kind: Kind::Encounter, patient: self.name.patient, index })
    }

    /// An identifier of a business system, the same for the same resource.
    fn identifier(&self) -> String {
        let mut random =
            Random::of(self.population.seed, &[0x1e, self.name.kind as u64, self.name.patient, self.name.index]);
        format!("{:012}", random.below(1_000_000_000_000))
    }
}

#[cfg(test)]
mod tests;
