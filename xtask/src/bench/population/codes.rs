//! What is measured, diagnosed and prescribed: codes of SNOMED CT, LOINC and UCUM with how often they come.

/// The LOINC code of the measurement that a fifth of all observations, and so about a sixth of all resources, are.
pub(crate) const SKEWED_LOINC: &str = "8867-4";

/// A measurement.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) loinc: &'static str,
    pub(super) snomed: &'static str,
    pub(super) display: &'static str,
    pub(super) unit: &'static str,
    pub(super) ucum: &'static str,
    /// Range of values, in tenths.
    pub(super) tenths: (u64, u64),
    /// UK Core profile, without the common beginning.
    pub(super) profile: &'static str,
    pub(super) is_vital_sign: bool,
}

/// A code with what it says.
pub(super) type Coded = (&'static str, &'static str);

const fn vital(
    codes: (&'static str, &'static str),
    display: &'static str,
    units: (&'static str, &'static str),
    tenths: (u64, u64),
    profile: &'static str,
) -> Measure {
    Measure {
        loinc: codes.0,
        snomed: codes.1,
        display,
        unit: units.0,
        ucum: units.1,
        tenths,
        profile,
        is_vital_sign: true,
    }
}

const fn lab(
    codes: (&'static str, &'static str),
    display: &'static str,
    unit: &'static str,
    ucum: &'static str,
    tenths: (u64, u64),
) -> Measure {
    Measure {
        loinc: codes.0,
        snomed: codes.1,
        display,
        unit,
        ucum,
        tenths,
        profile: "Observation-Lab",
        is_vital_sign: false,
    }
}

/// The skewed one.
pub(super) static HEART_RATE: Measure = vital(
    (SKEWED_LOINC, "364075005"),
    "Heart rate",
    ("per minute", "/min"),
    (450, 1300),
    "Observation-VitalSigns-HeartRate",
);

/// The other vital signs but blood pressure.
pub(super) static VITAL_SIGNS: [Measure; 6] = [
    vital(("29463-7", "27113001"), "Body weight", ("kilogram", "kg"), (450, 1300), "Observation-VitalSigns-BodyWeight"),
    vital(("8302-2", "50373000"), "Body height", ("cm", "cm"), (1450, 2000), "Observation-VitalSigns-BodyHeight"),
    vital(("39156-5", "60621009"), "Body mass index", ("kg/m2", "kg/m2"), (170, 420), "Observation-VitalSigns-BMI"),
    vital(
        ("8310-5", "386725007"),
        "Body temperature",
        ("degree Celsius", "Cel"),
        (355, 395),
        "Observation-VitalSigns-BodyTemperature",
    ),
    vital(
        ("9279-1", "86290005"),
        "Respiratory rate",
        ("per minute", "/min"),
        (100, 300),
        "Observation-VitalSigns-RespirationRate",
    ),
    vital(
        ("2708-6", "431314004"),
        "Peripheral oxygen saturation",
        ("percent", "%"),
        (880, 1000),
        "Observation-VitalSigns-OxygenSaturation",
    ),
];

/// Laboratory measurements.
pub(super) static LABS: [Measure; 24] = [
    lab(("59261-8", "999791000000106"), "Haemoglobin A1c level", "mmol/mol", "mmol/mol", (300, 1100)),
    lab(("718-7", "1022431000000105"), "Haemoglobin estimation", "g/L", "g/L", (900, 1750)),
    lab(("6690-2", "1022541000000102"), "Total white cell count", "10*9/L", "10*9/L", (30, 150)),
    lab(("777-3", "1022651000000100"), "Platelet count", "10*9/L", "10*9/L", (1200, 4500)),
    lab(("787-2", "1022491000000106"), "Mean corpuscular volume", "fL", "fL", (750, 1050)),
    lab(("751-8", "1022551000000104"), "Neutrophil count", "10*9/L", "10*9/L", (15, 90)),
    lab(("2951-2", "1000661000000107"), "Serum sodium level", "mmol/L", "mmol/L", (1300, 1480)),
    lab(("2823-3", "1000651000000109"), "Serum potassium level", "mmol/L", "mmol/L", (32, 56)),
    lab(("14682-9", "1000731000000107"), "Serum creatinine level", "umol/L", "umol/L", (450, 2500)),
    lab(
        ("33914-3", "1011481000000105"),
        "Estimated glomerular filtration rate",
        "mL/min/1.73m2",
        "mL/min/{1.73_m2}",
        (200, 1200),
    ),
    lab(("14647-2", "1005671000000105"), "Serum cholesterol level", "mmol/L", "mmol/L", (25, 85)),
    lab(
        ("14646-4", "1005681000000107"),
        "Serum high density lipoprotein cholesterol level",
        "mmol/L",
        "mmol/L",
        (7, 26),
    ),
    lab(
        ("22748-8", "1022191000000100"),
        "Serum low density lipoprotein cholesterol level",
        "mmol/L",
        "mmol/L",
        (10, 55),
    ),
    lab(("14927-8", "1005691000000109"), "Serum triglyceride level", "mmol/L", "mmol/L", (5, 50)),
    lab(("1742-6", "1018251000000107"), "Serum alanine aminotransferase level", "U/L", "U/L", (80, 1200)),
    lab(("6768-6", "1000621000000104"), "Serum alkaline phosphatase level", "U/L", "U/L", (300, 1600)),
    lab(("1751-7", "1000821000000103"), "Serum albumin level", "g/L", "g/L", (250, 520)),
    lab(("14631-6", "999691000000104"), "Serum total bilirubin level", "umol/L", "umol/L", (20, 400)),
    lab(("3016-3", "1022791000000101"), "Serum thyroid stimulating hormone level", "mU/L", "m[IU]/L", (2, 90)),
    lab(("14920-3", "1016971000000106"), "Serum free thyroxine level", "pmol/L", "pmol/L", (80, 260)),
    lab(("1988-5", "999651000000107"), "Plasma C reactive protein", "mg/L", "mg/L", (5, 1500)),
    lab(("30341-2", "1022511000000103"), "Erythrocyte sedimentation rate", "mm/h", "mm/h", (10, 800)),
    lab(("2276-4", "993381000000106"), "Serum ferritin level", "ug/L", "ug/L", (80, 4000)),
    lab(("2000-8", "1000691000000101"), "Serum calcium level", "mmol/L", "mmol/L", (20, 28)),
];

/// Diagnoses of SNOMED CT.
pub(super) static DIAGNOSES: [Coded; 20] = [
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Type 2 diabetes mellitus"),
    ("195967001", "Asthma"),
    ("35489007", "Depressive disorder"),
    ("396275006", "Osteoarthritis"),
    ("55822004", "Hyperlipidaemia"),
    ("13645005", "Chronic obstructive pulmonary disease"),
    ("49436004", "Atrial fibrillation"),
    ("709044004", "Chronic kidney disease"),
    ("414916001", "Obesity"),
    ("53741008", "Coronary arteriosclerosis"),
    ("40930008", "Hypothyroidism"),
    ("235595009", "Gastro-oesophageal reflux disease"),
    ("84114007", "Heart failure"),
    ("37796009", "Migraine"),
    ("230690007", "Cerebrovascular accident"),
    ("69896004", "Rheumatoid arthritis"),
    ("73430006", "Sleep apnoea"),
    ("128613002", "Seizure disorder"),
    ("24700007", "Multiple sclerosis"),
];

/// Medicines, with the codes of their substances in SNOMED CT.
pub(super) static MEDICINES: [Coded; 16] = [
    ("387517004", "Paracetamol"),
    ("373444002", "Atorvastatin"),
    ("386864001", "Amlodipine"),
    ("386872004", "Ramipril"),
    ("372567009", "Metformin"),
    ("372897005", "Salbutamol"),
    ("387137007", "Omeprazole"),
    ("710809001", "Levothyroxine"),
    ("387458008", "Aspirin"),
    ("372687004", "Amoxicillin"),
    ("372594008", "Sertraline"),
    ("386873009", "Lisinopril"),
    ("387475002", "Furosemide"),
    ("372756006", "Warfarin"),
    ("386839004", "Fluoxetine"),
    ("387207008", "Ibuprofen"),
];

/// Contacts of SNOMED CT, with the code of their class in v3-ActCode.
pub(super) static CONTACTS: [(Coded, Coded); 5] = [
    (("185349003", "Encounter for check up"), ("AMB", "ambulatory")),
    (("308335008", "Patient encounter procedure"), ("AMB", "ambulatory")),
    (("390906007", "Follow-up encounter"), ("AMB", "ambulatory")),
    (("50849002", "Emergency room admission"), ("EMER", "emergency")),
    (("32485007", "Hospital admission"), ("IMP", "inpatient encounter")),
];
