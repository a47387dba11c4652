//! Made-up records of made-up people, the same for the same seed: about a hundred resources a patient, as a hospital would send them.

use std::fmt::Write as _;

/// A resource to be written.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// A small generator of numbers (SplitMix64): what is made must not depend on a library's version.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            (a >> 16) & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    fn time(&mut self) -> String {
        let (year, month, day) = (2015 + self.below(10), 1 + self.below(12), 1 + self.below(28));
        let (hour, minute) = (self.below(24), self.below(60));
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00+00:00")
    }
}

const FAMILIES: [&str; 16] = [
    "Marlow",
    "Kurtz",
    "Ashworth",
    "Okonkwo",
    "Patel",
    "Llewellyn",
    "MacLeod",
    "Fitzgerald",
    "Hussain",
    "Nowak",
    "Singh",
    "Thornton",
    "Begum",
    "O'Brien",
    "Whitaker",
    "Zhang",
];
const GIVEN: [&str; 12] =
    ["Amelia", "Mohammed", "Olivia", "Jack", "Siân", "Oliver", "Zainab", "Hamish", "Grace", "Arjun", "Niamh", "George"];
const STREETS: [&str; 8] = [
    "High Street",
    "Station Road",
    "Church Lane",
    "Victoria Road",
    "Mill Lane",
    "Park Avenue",
    "The Crescent",
    "Queensway",
];
const TOWNS: [(&str, &str); 6] = [
    ("Leeds", "LS1 4"),
    ("Bristol", "BS2 8"),
    ("Cardiff", "CF10 3"),
    ("Oxford", "OX1 2"),
    ("York", "YO1 7"),
    ("Hull", "HU1 1"),
];
const VITALS: [(&str, &str, &str, &str, u64, u64); 8] = [
    ("8867-4", "Heart rate", "beats/minute", "/min", 55, 60),
    ("9279-1", "Respiratory rate", "breaths/minute", "/min", 12, 10),
    ("8310-5", "Body temperature", "degrees C", "Cel", 36, 3),
    ("29463-7", "Body weight", "kg", "kg", 50, 60),
    ("8302-2", "Body height", "cm", "cm", 150, 45),
    ("2708-6", "Oxygen saturation", "%", "%", 92, 8),
    ("2339-0", "Glucose", "mmol/L", "mmol/L", 4, 9),
    ("718-7", "Hemoglobin", "g/L", "g/L", 110, 60),
];
const PROBLEMS: [(&str, &str); 6] = [
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("73211009", "Diabetes mellitus"),
    ("13645005", "Chronic obstructive lung disease"),
    ("35489007", "Depressive disorder"),
];
const MEDICINES: [(&str, &str); 5] = [
    ("319775004", "Aspirin 75mg tablets"),
    ("325072002", "Metformin 500mg tablets"),
    ("320029006", "Ramipril 5mg capsules"),
    ("319996000", "Simvastatin 40mg tablets"),
    ("332735008", "Salbutamol 100micrograms/dose inhaler"),
];

/// The record of one patient, the Patient first.
pub(crate) fn record(random: &mut Random, number: u64) -> Vec<Made> {
    let patient = random.uuid();
    let mut made = vec![Made { text: patient_text(random, &patient, number), id: patient.clone() }];
    for _ in 0..9 {
        let encounter = random.uuid();
        made.push(Made { text: encounter_text(random, &encounter, &patient), id: encounter.clone() });
        for _ in 0..8 {
            let id = random.uuid();
            made.push(Made { text: observation_text(random, &id, &patient, &encounter), id });
        }
        if random.below(2) == 0 {
            let id = random.uuid();
            made.push(Made { text: condition_text(random, &id, &patient, &encounter), id });
        }
        let id = random.uuid();
        made.push(Made { text: medication_text(random, &id, &patient, &encounter), id });
    }
    made
}

/// The ten digits of an NHS number of the test range: the last makes the weighted sum a multiple of 11.
fn nhs_number(number: u64) -> String {
    let mut candidate = 999_000_000 + number * 7;
    loop {
        let digits = candidate.to_string();
        let sum: u32 =
            digits.chars().zip((2..=10).rev()).map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight).sum();
        match (11 - sum % 11) % 11 {
            10 => candidate += 1,
            check => return format!("{digits}{check}"),
        }
    }
}

fn patient_text(random: &mut Random, id: &str, number: u64) -> String {
    let (family, given, middle) = (random.pick(&FAMILIES), random.pick(&GIVEN), random.pick(&GIVEN));
    let ((town, district), street, house) = (random.pick(&TOWNS), random.pick(&STREETS), 1 + random.below(200));
    let (year, month, day) = (1930 + random.below(90), 1 + random.below(12), 1 + random.below(28));
    let gender = random.pick(&["female", "male"]);
    let mut text = String::new();
    let _ = write!(
        text,
        r#"{{"resourceType":"Patient","id":"{id}","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]}},"identifier":[{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{}"}},{{"use":"usual","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR","display":"Medical record number"}}]}},"system":"urn:oid:2.16.840.1.113883.2.1.3.2.4.18.24","value":"H{number:08}"}}],"active":true,"name":[{{"use":"official","family":"{family}","given":["{given}","{middle}"]}}],"telecom":[{{"system":"phone","value":"0113 496 {:04}","use":"home"}},{{"system":"email","value":"{number}@example.org"}}],"gender":"{gender}","birthDate":"{year}-{month:02}-{day:02}","address":[{{"use":"home","line":["{house} {street}"],"city":"{town}","postalCode":"{district}{}{}"}}],"generalPractitioner":[{{"identifier":{{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"B{:05}"}}}}]}}"#,
        nhs_number(number),
        random.below(10_000),
        random.pick(&["A", "B", "D", "E", "F", "G"]),
        random.pick(&["A", "B", "D", "H", "J", "L"]),
        random.below(400) + 81_000,
    );
    text
}

fn encounter_text(random: &mut Random, id: &str, patient: &str) -> String {
    let (start, end, practitioner) = (random.time(), random.time(), random.below(500));
    let (start, end) = if start < end { (start, end) } else { (end, start) };
    format!(
        r#"{{"resourceType":"Encounter","id":"{id}","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Encounter"]}},"status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB","display":"ambulatory"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"185349003","display":"Encounter for check up"}}],"text":"Encounter for check up"}}],"subject":{{"reference":"Patient/{patient}"}},"participant":[{{"individual":{{"reference":"Practitioner/p{practitioner}","display":"Dr {}"}}}}],"period":{{"start":"{start}","end":"{end}"}},"serviceProvider":{{"reference":"Organization/o{}"}}}}"#,
        random.pick(&FAMILIES),
        random.below(60),
    )
}

fn observation_text(random: &mut Random, id: &str, patient: &str, encounter: &str) -> String {
    let (code, display, unit, unit_code, low, range) = random.pick(&VITALS);
    let (value, tenth, time) = (low + random.below(range), random.below(10), random.time());
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]}},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"Patient/{patient}"}},"encounter":{{"reference":"Encounter/{encounter}"}},"effectiveDateTime":"{time}","issued":"{time}","performer":[{{"reference":"Practitioner/p{}"}}],"valueQuantity":{{"value":{value}.{tenth},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit_code}"}}}}"#,
        random.below(500),
    )
}

fn condition_text(random: &mut Random, id: &str, patient: &str, encounter: &str) -> String {
    let ((code, display), time) = (random.pick(&PROBLEMS), random.time());
    format!(
        r#"{{"resourceType":"Condition","id":"{id}","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Condition"]}},"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis","display":"Encounter Diagnosis"}}]}}],"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"Patient/{patient}"}},"encounter":{{"reference":"Encounter/{encounter}"}},"onsetDateTime":"{time}","recordedDate":"{time}"}}"#,
    )
}

fn medication_text(random: &mut Random, id: &str, patient: &str, encounter: &str) -> String {
    let ((code, display), time) = (random.pick(&MEDICINES), random.time());
    format!(
        r#"{{"resourceType":"MedicationRequest","id":"{id}","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-MedicationRequest"]}},"status":"active","intent":"order","medicationCodeableConcept":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"Patient/{patient}"}},"encounter":{{"reference":"Encounter/{encounter}"}},"authoredOn":"{time}","requester":{{"reference":"Practitioner/p{}"}},"dosageInstruction":[{{"text":"One to be taken each day","timing":{{"repeat":{{"frequency":1,"period":1,"periodUnit":"d"}}}}}}]}}"#,
        random.below(500),
    )
}
