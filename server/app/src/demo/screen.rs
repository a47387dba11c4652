//! The one screen that the demo prints.

use std::collections::BTreeMap;
use std::time::Duration;

use super::story::{PASSWORD, Story, USERNAME};
use crate::table::table;

/// What came in, what was stored, what went out, and what to try next.
pub fn text(story: &Story, took: Duration) -> String {
    let mut text = String::from(
        "\nWeir: three feeds in, one record for each person, out again only to those who may have it.\n\nCame in\n",
    );
    let mut rows = vec![row(["feed", "sent", "stored", "quarantine"])];
    for line in &story.feeds {
        let counts = [line.sent, line.accepted, line.quarantined].map(|count| count.to_string());
        rows.push([vec![format!("{}: {}", line.name, line.door)], counts.to_vec()].concat());
    }
    text.push_str(&table(&rows));
    text.push_str(&format!(
        "\nStored: {} Patient records of {} persons; {} pairs wait for a human (weir person reviews)\n",
        story.stored.get("Patient").copied().unwrap_or_default(),
        story.persons,
        story.reviews,
    ));
    text.push_str(&in_columns(&story.stored));
    text.push_str("\nIn quarantine, kept and replayable\n");
    for (feed, reason) in &story.quarantined {
        text.push_str(&format!("  {feed}: {reason}\n"));
    }
    text.push_str(&format!(
        "\nNational data opt-out: asked about {} NHS numbers, {} came back as not opted out\n",
        story.asked, story.returned
    ));
    text.push_str(&format!(
        "\nExported for secondary use (job {}); the same client's search was answered {}\n",
        story.job, story.analyst_read_status
    ));
    text.push_str(&in_columns(&story.exported));
    text.push_str("\nWithheld persons, by rule: the controller's evidence, not in the analyst's manifest\n");
    let withheld: Vec<Vec<String>> =
        story.withheld.iter().map(|(rule, count)| vec![rule.clone(), count.to_string()]).collect();
    text.push_str(&table(&withheld));
    text.push_str(&next(story));
    text.push_str(&format!("\nDone in {:.1} s.\n", took.as_secs_f64()));
    text
}

fn next(story: &Story) -> String {
    format!(
        "\nTry next\n  A clinician's read by SMART launch (one person: {linked} Patient records, {opened} observations):\n    \
         curl -H 'Authorization: Bearer {token}' '{base}/Patient/{patient}'\n  \
         Launch the app in a browser, log in as `{USERNAME}`, password `{PASSWORD}`, open NHS number {number}:\n    {app}\n  \
         What the server offers:\n    curl {base}/metadata\n  \
         Send HL7 v2 to {mllp}; start your own with `weir serve --help`.\n",
        opened = story.opened,
        linked = story.linked,
        token = story.access_token,
        base = story.base_url,
        patient = story.patient,
        app = story.app_url,
        number = story.nhs_number,
        mllp = story.mllp,
    )
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Counts by type, three to a line, so that the screen stays one screen.
fn in_columns(counts: &BTreeMap<String, u64>) -> String {
    let cells: Vec<String> = counts.iter().map(|(name, count)| format!("{name:<22} {count:>5}")).collect();
    cells.chunks(3).map(|line| format!("  {}\n", line.join("   ").trim_end())).collect()
}
