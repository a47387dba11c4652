//! The columns of the collection and the names under which they are sent.

use super::cell::normalise;

/// A column that this mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Column {
    LaCode,
    PeriodEnd,
    NhsNumber,
    PersonId,
    FirstName,
    LastName,
    GpPracticeName,
    GpPracticeCode,
    Gender,
    Ethnicity,
    DateOfBirth,
    DateOfDeath,
    ClientType,
    PrimarySupportReason,
    Postcode,
    AccommodationStatus,
    EmploymentStatus,
    HasUnpaidCarer,
    AutismSpectrumDisorder,
    VisualImpairment,
    HearingImpairment,
    Dementia,
    FundingStatus,
    EventType,
    EventReference,
    EventStart,
    EventEnd,
    EventDescription,
    EventOutcome,
    RouteOfAccess,
    AssessmentType,
    EligibleNeeds,
    MethodOfAssessment,
    HoursCaring,
    AdultsCaredFor,
    ServiceType,
    ServiceComponent,
    DeliveryMechanism,
    ProviderName,
    ProviderId,
    ReviewReason,
    ReviewOutcomesAchieved,
    MethodOfReview,
    PlannedUnits,
    CostFrequency,
}

/// Whether a file without the column is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Mandatory,
    Optional,
}

use Need::{Mandatory, Optional};

/// Column, name in the specification, need, and other names in use. Case, blanks and punctuation do not count.
const COLUMNS: &[(Column, &str, Need, &[&str])] = &[
    (Column::LaCode, "LA Code", Mandatory, &[]),
    (Column::PeriodEnd, "Reporting Period End Date", Mandatory, &["Reporting Period End", "Ref Period End Date"]),
    (Column::NhsNumber, "NHS Number", Mandatory, &[]),
    (Column::PersonId, "LA Person Unique Identifier", Mandatory, &["LA Person ID", "Local Authority Person ID"]),
    (Column::FirstName, "First Name", Optional, &["Forename"]),
    (Column::LastName, "Last Name", Optional, &["Surname"]),
    (Column::GpPracticeName, "GP Practice Name", Optional, &[]),
    (Column::GpPracticeCode, "GP Practice Code", Optional, &[]),
    (Column::Gender, "Gender", Mandatory, &[]),
    (Column::Ethnicity, "Ethnicity", Optional, &[]),
    (Column::DateOfBirth, "Date of Birth", Mandatory, &[]),
    (Column::DateOfDeath, "Date of Death", Optional, &[]),
    (Column::ClientType, "Client Type", Mandatory, &[]),
    (Column::PrimarySupportReason, "Primary Support Reason", Optional, &[]),
    (Column::Postcode, "Postcode", Optional, &[]),
    (Column::AccommodationStatus, "Accommodation Status", Optional, &[]),
    (Column::EmploymentStatus, "Employment Status", Optional, &[]),
    (Column::HasUnpaidCarer, "Has Unpaid Carer", Optional, &[]),
    (Column::AutismSpectrumDisorder, "Autism Spectrum Disorder", Optional, &["Autism Spectrum Disorder (ASD)"]),
    (Column::VisualImpairment, "Visual Impairment", Optional, &[]),
    (Column::HearingImpairment, "Hearing Impairment", Optional, &[]),
    (Column::Dementia, "Dementia", Optional, &[]),
    (Column::FundingStatus, "Client Funding Status", Optional, &[]),
    (Column::EventType, "Event Type", Mandatory, &[]),
    (Column::EventReference, "Event Reference", Optional, &[]),
    (Column::EventStart, "Event Start Date", Mandatory, &[]),
    (Column::EventEnd, "Event End Date", Mandatory, &[]),
    (Column::EventDescription, "Event Description", Optional, &[]),
    (Column::EventOutcome, "Event Outcome", Optional, &[]),
    (Column::RouteOfAccess, "Request: Route of Access", Optional, &["Route of Access", "Request Route of Access"]),
    (Column::AssessmentType, "Assessment Type", Optional, &[]),
    (Column::EligibleNeeds, "Eligible Needs Identified", Optional, &[]),
    (Column::MethodOfAssessment, "Method of Assessment", Optional, &[]),
    (Column::HoursCaring, "Total Hrs Caring per week", Optional, &["Total Hours Caring per week"]),
    (Column::AdultsCaredFor, "No. of adults being cared for", Optional, &["Number of adults being cared for"]),
    (Column::ServiceType, "Service Type", Optional, &[]),
    (Column::ServiceComponent, "Service Component", Optional, &[]),
    (Column::DeliveryMechanism, "Delivery Mechanism", Optional, &[]),
    (Column::ProviderName, "Provider CQC Location Name", Optional, &["CQC Location Name"]),
    (Column::ProviderId, "CQC Location ID", Optional, &["Provider CQC Location ID"]),
    (Column::ReviewReason, "Review Reason", Optional, &[]),
    (Column::ReviewOutcomesAchieved, "Review Outcomes Achieved", Optional, &[]),
    (Column::MethodOfReview, "Method of Review", Optional, &[]),
    (Column::PlannedUnits, "Planned units per week", Optional, &["Planned units"]),
    (Column::CostFrequency, "Cost Frequency (Unit Type)", Optional, &["Cost Frequency"]),
];

/// The name of a column in the specification.
pub(super) fn name(column: Column) -> &'static str {
    COLUMNS.iter().find(|(known, ..)| *known == column).map_or("", |(_, name, ..)| name)
}

/// Where each column stands in a file.
#[derive(Debug)]
pub(super) struct Header {
    places: Vec<(Column, usize)>,
    /// How many columns the file has.
    pub(super) width: usize,
}

impl Header {
    /// Reads the first line, or names the mandatory columns that it lacks.
    pub(super) fn read<'a>(names: impl Iterator<Item = &'a str>) -> Result<Header, Vec<&'static str>> {
        let names: Vec<String> = names.map(normalise).collect();
        let mut places = Vec::new();
        let mut missing = Vec::new();
        for (column, own, need, others) in COLUMNS {
            let is_named =
                |name: &&String| **name == normalise(own) || others.iter().any(|other| **name == normalise(other));
            match names.iter().enumerate().find(|(_, name)| is_named(name)) {
                Some((at, _)) => places.push((*column, at)),
                None if *need == Mandatory => missing.push(*own),
                None => {}
            }
        }
        if missing.is_empty() { Ok(Header { places, width: names.len() }) } else { Err(missing) }
    }

    /// The place of a column, from 0.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, at)| *at)
    }
}
