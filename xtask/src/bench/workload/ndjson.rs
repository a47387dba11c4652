//! Load of a file of resources, one a line.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::bench::population::Population;

/// Writes a population to a file and gives the number of its resources.
pub(crate) fn write(path: &Path, population: &Population) -> Result<u64> {
    let file = File::create(path).with_context(|| format!("make {}", path.display()))?;
    let mut file = BufWriter::new(file);
    let of_patients = (0..population.patients).flat_map(|patient| population.of_patient(patient));
    let (mut line, mut count) = (String::new(), 0);
    for name in population.shared().chain(of_patients) {
        line.clear();
        population.write(name, &mut line);
        line.push('\n');
        file.write_all(line.as_bytes())?;
        count += 1;
    }
    file.flush().with_context(|| format!("write {}", path.display()))?;
    Ok(count)
}
