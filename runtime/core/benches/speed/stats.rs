//! The results as rows of a table.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

/// Whether this run takes few samples, to try the program.
static IS_QUICK: OnceLock<bool> = OnceLock::new();

/// Makes this run quick.
pub(crate) fn be_quick(is_quick: bool) {
    IS_QUICK.get_or_init(|| is_quick);
}

pub(crate) fn is_quick() -> bool {
    *IS_QUICK.get_or_init(|| false)
}

/// The number of samples to take.
pub(crate) fn samples(full: usize) -> usize {
    if is_quick() { full.min(2) } else { full }
}

#[derive(Default)]
pub(crate) struct Figures(Vec<Value>);

impl Figures {
    /// Adds a row of samples in `unit`.
    pub(crate) fn add(
        &mut self,
        figure: &str,
        subject: impl Display,
        unit: &str,
        mut samples: Vec<f64>,
    ) {
        samples.sort_by(f64::total_cmp);
        let [min, q1, p50, q3, max] = [0, 25, 50, 75, 100].map(|percent| at(&samples, percent));
        let subject = subject.to_string();
        eprintln!("{figure:<40} {subject:<18} {min:>12.1} {p50:>12.1} {max:>12.1} {unit}");
        self.0.push(json!({
            "figure": figure, "subject": subject, "unit": unit,
            "min": min, "q1": q1, "p50": p50, "q3": q3, "max": max, "samples": samples.len(),
        }));
    }

    pub(crate) fn rows(&self) -> &[Value] {
        &self.0
    }
}

/// The middle one of the samples.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    at(samples, 50)
}

/// The percentile of sorted samples, by nearest rank.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A count as a number to calculate with.
#[allow(clippy::cast_precision_loss, reason = "counts of a measurement are small")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}
