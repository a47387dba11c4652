//! The review list: questions of identity that a person has to decide.

use fhir::Instant;
use policy::PersonKey;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{Session, SqlRow, Statement};

/// How a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    /// Nobody has decided.
    Open,
    /// They are one person.
    Same,
    /// They are not.
    Different,
}

impl ReviewState {
    fn as_str(self) -> &'static str {
        match self {
            ReviewState::Open => "open",
            ReviewState::Same => "same",
            ReviewState::Different => "different",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "open" => Ok(ReviewState::Open),
            "same" => Ok(ReviewState::Same),
            "different" => Ok(ReviewState::Different),
            _ => Err(StoreError::Corrupt(format!("review state `{text}` is not known"))),
        }
    }
}

/// A question: is this patient the same person as another patient, or as a person?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// The logical id of the patient in question.
    pub patient_id: String,
    /// The patient it may be.
    pub other_patient_id: Option<String>,
    /// The person it may be.
    pub person: Option<PersonKey>,
    /// Why it is in question: a code, no patient data.
    pub reason: String,
    /// When it came up.
    pub opened: Instant,
}

/// A question and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its number.
    pub key: i64,
    /// The question.
    pub question: NewReview,
    /// How it stands.
    pub state: ReviewState,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Instant>,
}

impl Store {
    /// Adds a question. `false`: it was asked before, and stands as it stands, decided or not.
    pub async fn add_review(&self, review: &NewReview) -> Result<bool, StoreError> {
        let review = review.clone();
        let work = move |transaction: &mut crate::transaction::Transaction<'_>| open(transaction.session, &review);
        self.inner.writer.submit(work).await
    }

    /// The questions that nobody has decided, the oldest first.
    pub async fn open_reviews(&self) -> Result<Vec<Review>, StoreError> {
        self.reviews(ReviewState::Open).await
    }

    /// The questions that stand so, the oldest first.
    pub async fn reviews(&self, state: ReviewState) -> Result<Vec<Review>, StoreError> {
        let sql = "SELECT review_key, patient_id, other_patient_id, person_key, reason, opened, state, decided_by, \
                   decided_at FROM review WHERE state = $1 ORDER BY review_key";
        self.query(Statement::new(sql, vec![state.as_str().into()])).await?.iter().map(review_of).collect()
    }

    /// Decides a question once. `false`: there is no such question, or it was decided before. What follows from the decision
    /// (linking) is the caller's to do.
    pub async fn decide_review(
        &self,
        key: i64,
        decision: ReviewState,
        decided_by: &str,
        decided_at: Instant,
    ) -> Result<bool, StoreError> {
        if decision == ReviewState::Open {
            return Err(StoreError::Invalid("a review is decided as same or different".to_owned()));
        }
        let update = Statement::new(
            "UPDATE review SET state = $1, decided_by = $2, decided_at = $3 WHERE review_key = $4 AND state = 'open'",
            vec![decision.as_str().into(), decided_by.into(), decided_at.into(), key.into()],
        );
        Ok(self.execute_all(vec![update]).await?.first().is_some_and(|changed| *changed > 0))
    }
}

/// Adds a question in the transaction of the writes that raised it. `false`: it was asked before.
pub(crate) fn open(session: &mut dyn Session, review: &NewReview) -> Result<bool, StoreError> {
    let insert = Statement::new(
        "INSERT INTO review (patient_id, other_patient_id, person_key, reason, opened, state) \
         VALUES ($1, $2, $3, $4, $5, 'open') ON CONFLICT DO NOTHING",
        vec![
            (&review.patient_id).into(),
            review.other_patient_id.as_ref().into(),
            review.person.map(|person| person.0).into(),
            (&review.reason).into(),
            review.opened.into(),
        ],
    );
    Ok(session.execute(&insert)? > 0)
}

fn review_of(row: &SqlRow) -> Result<Review, StoreError> {
    Ok(Review {
        key: row.i64(0)?,
        question: NewReview {
            patient_id: row.text(1)?.to_owned(),
            other_patient_id: row.opt_text(2)?.map(str::to_owned),
            person: row.opt_i64(3)?.map(PersonKey),
            reason: row.text(4)?.to_owned(),
            opened: Instant(row.i64(5)?),
        },
        state: ReviewState::parse(row.text(6)?)?,
        decided_by: row.opt_text(7)?.map(str::to_owned),
        decided_at: row.opt_i64(8)?.map(Instant),
    })
}
