//! The code lists of the collection. Labels of release 1 and release 2 give the same code.

use serde_json::{Value, json};

use super::cell::normalise;
use crate::coding;

/// One entry of a list: code, label of release 2, other labels (release 1, files in use).
pub(super) type Label = (&'static str, &'static str, &'static [&'static str]);

/// A code list with the system under which its codes are stored.
pub(super) struct List {
    /// The code system.
    pub(super) system: &'static str,
    labels: &'static [Label],
}

impl List {
    /// The code of a label.
    pub(super) fn code(&self, text: &str) -> Option<&'static str> {
        self.find(text).map(|(code, ..)| *code)
    }

    /// The label as a concept: coded where the list knows it, and always with the words that were sent.
    pub(super) fn concept(&self, text: &str) -> (Value, Known) {
        match self.find(text) {
            Some((code, display, _)) => {
                (json!({ "coding": [coding(self.system, code, display)], "text": text }), Known::Yes)
            }
            None => (json!({ "text": text }), Known::No),
        }
    }

    fn find(&self, text: &str) -> Option<&'static Label> {
        let text = normalise(text);
        let is_it = |label: &&Label| {
            normalise(label.0) == text
                || normalise(label.1) == text
                || label.2.iter().any(|other| normalise(other) == text)
        };
        self.labels.iter().find(is_it)
    }
}

/// Whether a list knows a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

pub(super) const CLIENT_TYPE: List = List {
    system: "urn:weir:cld:client-type",
    labels: &[
        ("service-user", "Service user", &[]),
        ("unpaid-carer", "Unpaid carer", &["Carer"]),
        ("unpaid-carer-by-association", "Unpaid carer known by association", &["Carer known by association"]),
    ],
};

pub(super) const ROUTE_OF_ACCESS: List = List {
    system: "urn:weir:cld:route-of-access",
    labels: &[
        ("transition", "Planned Entry (Transition)", &["Planned entry: Transition"]),
        ("hospital-discharge", "Discharge from Hospital", &[]),
        ("hospital-diversion", "Diversion from Hospital Services", &["Diversion from hospital"]),
        ("community", "Community / Other route", &["Community or other route", "Community"]),
        ("prison", "Prison", &[]),
        ("self-funder", "Self-Funder", &["Self-funder with depleted funds"]),
        ("reablement-discharge", "Discharge from Reablement", &[]),
        ("other-authority", "Transfer from Other LA", &["Transfer from other local authority"]),
    ],
};

pub(super) const ASSESSMENT_TYPE: List = List {
    system: "urn:weir:cld:assessment-type",
    labels: &[
        ("short-term", "Short term assessment", &["Short term"]),
        ("long-term", "Long term assessment", &["Long term"]),
        ("financial", "Financial assessment", &["Financial"]),
    ],
};

pub(super) const METHOD: List = List {
    system: "urn:weir:cld:method",
    labels: &[
        ("carer-only", "Unpaid carer only", &["Carer only"]),
        ("service-user-only", "Service user only", &[]),
        ("joint", "Service user and unpaid carer jointly", &["Service user and carer jointly"]),
    ],
};

pub(super) const SERVICE_TYPE: List = List {
    system: "urn:weir:cld:service-type",
    labels: &[
        ("long-term-nursing", "Long term support: Nursing care", &[]),
        ("long-term-residential", "Long term support: Residential care", &[]),
        ("long-term-community", "Long term support: Community", &[]),
        ("long-term-prison", "Long term support: Prison", &[]),
        ("short-term-max", "Short term support: ST-Max", &["Short term support to maximise independence"]),
        ("short-term-ongoing", "Short term support: Ongoing low level", &[]),
        ("short-term-other", "Short term support: Other short term", &[]),
        ("carer-direct", "Unpaid carer support: Direct to unpaid carer", &["Carer support: Direct to carer"]),
        (
            "carer-cared-for",
            "Unpaid carer support: Support involving the person cared-for",
            &["Carer support: Support involving the person cared-for"],
        ),
    ],
};

pub(super) const SERVICE_COMPONENT: List = List {
    system: "urn:weir:cld:service-component",
    labels: &[
        ("reablement", "Reablement", &[]),
        ("short-term-nursing", "Short term nursing care", &[]),
        ("short-term-residential", "Short term residential care", &[]),
        ("long-term-nursing", "Long term nursing care", &[]),
        ("long-term-residential", "Long term residential care", &[]),
        ("home-support", "Home support or domiciliary care", &["Home support", "Domiciliary care", "Home care"]),
        ("day-support", "Day support", &[]),
        ("meals", "Meals", &[]),
        ("transport", "Transport", &[]),
        ("equipment", "Equipment", &[]),
        ("direct-payment", "Direct payment", &[]),
        ("shared-lives", "Shared Lives", &[]),
        ("supported-living", "Community supported living", &["Supported living"]),
        ("extra-care", "Extra care housing", &[]),
        ("professional-social-worker", "Professional support: Social worker", &["Professional support: social work"]),
        ("professional-other", "Professional support: Other", &[]),
        ("learning-employment", "Learning, education or employment", &["Learning/education/employment support"]),
        ("end-of-life", "End of life", &["End of life support"]),
        ("emergency", "Emergency", &["Emergency support"]),
        ("other-short-term", "Other short term support", &["Other short term"]),
        ("other-long-term", "Other long term support", &["Other long term"]),
        ("carer-respite", "Unpaid carer respite", &["Carer respite"]),
        ("carer-sitting", "Unpaid carer sitting", &["Carer sitting"]),
        ("carer-universal", "Unpaid carer universal services", &["Unpaid carer universal", "Carer universal services"]),
        ("carer-other", "Unpaid carer other support", &["Unpaid carer other", "Carer other"]),
    ],
};

pub(super) const DELIVERY_MECHANISM: List = List {
    system: "urn:weir:cld:delivery-mechanism",
    labels: &[
        ("direct-payment", "Direct payment", &[]),
        ("managed-budget", "CASSR managed personal budget", &[]),
        ("commissioned", "CASSR commissioned support", &[]),
    ],
};

pub(super) const SUPPORT_REASON: List = List {
    system: "urn:weir:cld:primary-support-reason",
    labels: &[
        ("physical-access", "Physical support: Access and mobility only", &[]),
        ("physical-personal", "Physical support: Personal care support", &[]),
        ("sensory-visual", "Sensory support: Support for visual impairment", &["Sensory support: visual impairment"]),
        (
            "sensory-hearing",
            "Sensory support: Support for hearing impairment",
            &["Sensory support: hearing impairment"],
        ),
        ("sensory-dual", "Sensory support: Support for dual impairment", &["Sensory support: dual impairment"]),
        ("memory-cognition", "Support with memory and cognition", &[]),
        ("learning-disability", "Learning disability support", &[]),
        ("mental-health", "Mental health support", &[]),
        ("social-substance", "Social support: Substance misuse support", &["Social support: Substance misuse"]),
        ("social-asylum", "Social support: Asylum seeker support", &["Social support: Asylum seeker"]),
        (
            "social-carer",
            "Social support: Support to unpaid carer",
            &["Social support: Support to carer", "Social support: Support for carer"],
        ),
        (
            "social-isolation",
            "Social support: Support for social isolation or other",
            &["Social support: Social isolation or other", "Social support: Support for social isolation/other"],
        ),
        ("unknown", "Unknown", &["Not known"]),
    ],
};

pub(super) const OUTCOME: List = List {
    system: "urn:weir:cld:event-outcome",
    labels: &[
        (
            "reablement",
            "Progress to reablement/ST-Max",
            &[
                "Progress to Re-ablement/ST-Max",
                "Progress to reablement or short-term support to maximise independence",
            ],
        ),
        (
            "assessment",
            "Progress to assessment, review or reassessment",
            &["Progress to assessment / unplanned review", "Progress to assessment"],
        ),
        (
            "support-planning",
            "Progress to support planning or services",
            &["Progress to support planning / services", "Progress to support planning"],
        ),
        (
            "continuation",
            "Continuation of support or services",
            &["No change in package", "Continuation of support / services"],
        ),
        ("hospital", "Admitted to hospital", &[]),
        ("nfa-other-authority", "NFA: Responsibility moved to another LA", &["NFA - moved to another LA"]),
        (
            "nfa-nhs",
            "NFA: Referral to NHS or NHS-funded care",
            &["NFA - 100% NHS funded care", "NFA: 100% NHS funded care"],
        ),
        (
            "nfa-self-funded",
            "NFA: Self-funded or 12-week disregard",
            &["NFA - self-funded client", "NFA: Self-funded client"],
        ),
        (
            "nfa-information",
            "NFA: Information, advice or signposting",
            &["NFA - information & advice / signposting only", "NFA: Information and advice / signposting only"],
        ),
        ("nfa-other-service", "NFA: Other LA service", &[]),
        ("nfa-declined", "NFA: Support declined", &["NFA - support declined"]),
        ("nfa-deceased", "NFA: Deceased", &["NFA - deceased"]),
        ("nfa-ended-planned", "NFA: Support ended as planned", &["NFA - support ended: as planned"]),
        ("nfa-ended-other", "NFA: Support ended for other reason", &["NFA - support ended: other reason"]),
        ("nfa-no-services", "NFA: No services offered for other reason", &["NFA - no services offered: other reason"]),
        ("nfa-other", "NFA: Other", &["NFA - other"]),
    ],
};

pub(super) const ACCOMMODATION: List = List {
    system: "urn:weir:cld:accommodation-status",
    labels: &[
        ("owner", "Owner occupier or shared ownership scheme", &["Owner occupier / shared ownership scheme"]),
        (
            "tenant",
            "Tenant",
            &[
                "Tenant (including local authority, arm's length management organisation, registered social landlord, housing association)",
            ],
        ),
        ("private-tenant", "Tenant - private landlord", &["Tenant: private landlord", "Private tenant"]),
        (
            "family",
            "Settled mainstream housing with family / friends",
            &["Settled with family or friends", "Settled mainstream housing with family or friends"],
        ),
        (
            "supported",
            "Supported accommodation / supported lodgings / supported group home",
            &["Supported accommodation"],
        ),
        ("shared-lives", "Shared Lives scheme", &[]),
        (
            "approved-premises",
            "Approved premises for offenders released from prison or under probation supervision",
            &["Approved premises"],
        ),
        (
            "sheltered",
            "Sheltered housing / extra care housing / other sheltered housing",
            &["Sheltered or extra care housing", "Sheltered housing"],
        ),
        ("mobile", "Mobile accommodation for Gypsy / Roma and Traveller communities", &["Mobile accommodation"]),
        ("rough-sleeper", "Rough sleeper / squatting", &["Rough sleeper"]),
        ("night-shelter", "Night shelter / emergency hostel / direct access hostel", &["Night shelter"]),
        ("refuge", "Refuge", &[]),
        (
            "council-temporary",
            "Placed in temporary accommodation by the council (inc. homelessness resettlement)",
            &["Council temporary accommodation"],
        ),
        ("short-stay", "Staying with family / friends as a short-term guest", &["Short stay with family or friends"]),
        ("hospital", "Acute / long-term healthcare residential facility or hospital", &["Hospital"]),
        ("care-home", "Registered care home", &[]),
        ("nursing-home", "Registered nursing home", &[]),
        ("prison", "Prison / Young offenders institution / detention centre", &["Prison"]),
        ("other-temporary", "Other temporary accommodation", &[]),
        ("unknown", "Unknown", &["Not known"]),
    ],
};

pub(super) const EMPLOYMENT: List = List {
    system: "urn:weir:cld:employment-status",
    labels: &[
        ("paid-16-or-more", "Paid: 16 or more hours a week", &["Paid: 16 or more hours"]),
        ("paid-less-than-16", "Paid: Less than 16 hours a week", &["Paid: Less than 16 hours"]),
        ("paid-unknown", "Paid: Hours per week unknown", &["Paid: Hours unknown"]),
        ("seeking", "Not in paid employment: Seeking work", &["Not in Paid Employment (seeking work)"]),
        (
            "not-seeking",
            "Not in paid employment: Not actively seeking work or retired",
            &[
                "Not in Paid Employment (not actively seeking work / retired)",
                "Not in paid employment: not actively seeking or retired",
            ],
        ),
        ("voluntary", "Not in paid employment: Voluntary work only", &["Not in Paid Employment (voluntary work only)"]),
        ("unknown", "Unknown", &["Not known"]),
    ],
};

pub(super) const FUNDING: List = List {
    system: "urn:weir:cld:client-funding-status",
    labels: &[
        ("client", "Fully client funded", &[]),
        ("joint", "Joint client and social care funded", &["Joint client and social care"]),
        ("social-care", "Fully social care funded", &["Fully social care"]),
        ("unknown", "Unknown", &["Not known"]),
    ],
};

pub(super) const REVIEW_REASON: List = List {
    system: "urn:weir:cld:review-reason",
    labels: &[
        ("planned", "Planned review of long term support", &["Planned"]),
        (
            "unplanned-hospital",
            "Unplanned review: Hospital episode",
            &["Unplanned - Hospital (planned and unplanned episodes)"],
        ),
        ("unplanned-carer", "Unplanned review: Unpaid carer related", &["Unplanned - Carer related"]),
        ("unplanned-safeguarding", "Unplanned review: Safeguarding concern", &["Unplanned - Safeguarding concern"]),
        ("unplanned-other", "Unplanned review: Other reason", &["Unplanned - Other reason", "Unplanned"]),
        ("short-term", "Review of short term support", &[]),
    ],
};

pub(super) const OUTCOMES_ACHIEVED: List = List {
    system: "urn:weir:cld:review-outcomes-achieved",
    labels: &[("fully", "Fully achieved", &[]), ("partially", "Partially achieved", &[]), ("not", "Not achieved", &[])],
};

pub(super) const YES_NO: List = List {
    system: "urn:weir:cld:yes-no",
    labels: &[("yes", "Yes", &["Y"]), ("no", "No", &["N"]), ("unknown", "Unknown", &["Not known"])],
};

pub(super) const VISION: List = List {
    system: "urn:weir:cld:visual-impairment",
    labels: &[
        ("blind", "Blind or severely sight impaired", &["Blind / severely sight impaired"]),
        ("partial", "Partially sighted or sight impaired", &["Partially sighted / sight impaired"]),
        ("none", "No visual impairment", &["None", "No"]),
        ("unknown", "Unknown", &["Not known"]),
    ],
};

pub(super) const HEARING: List = List {
    system: "urn:weir:cld:hearing-impairment",
    labels: &[
        ("deaf-with-speech", "Deaf with speech", &[]),
        ("deaf-without-speech", "Deaf without speech", &[]),
        ("hard-of-hearing", "Hard of hearing", &[]),
        ("none", "No hearing impairment", &["None", "No"]),
        ("unknown", "Unknown", &["Not known"]),
    ],
};
