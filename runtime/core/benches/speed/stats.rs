//! The results as rows of a table.

use std::time::Duration;

use serde_json::{Value, json};

use crate::session::Subject;

#[derive(Default)]
pub(crate) struct Figures(Vec<Value>);

impl Figures {
    /// Adds a row of samples in `unit`.
    pub(crate) fn add(
        &mut self,
        figure: &str,
        subject: Subject,
        unit: &str,
        mut samples: Vec<f64>,
    ) {
        samples.sort_by(f64::total_cmp);
        let (p50, p99) = (at(&samples, 50), at(&samples, 99));
        eprintln!("{figure:<28} {:<14} {p50:>12.1} {p99:>12.1} {unit}", subject.to_string());
        self.0.push(json!({
            "figure": figure, "subject": subject.to_string(), "unit": unit,
            "p50": p50, "p99": p99, "samples": samples.len(),
        }));
    }

    pub(crate) fn rows(&self) -> &[Value] {
        &self.0
    }
}

/// The percentile of sorted samples.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
