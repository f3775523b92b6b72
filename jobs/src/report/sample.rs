//! A report as a real training makes it, for tests: figures come from tallies, so that they agree with each other.

use flightline_operators::evaluate::{Quality, Tally};
use flightline_operators::table::Class;

use super::{
    BadRows, CandidateReport, ClassReport, CurrentModelReport, FeatureReport, FoldReport, Judged, JudgedKind,
    LevelReport, NullCount, Parameter, Promotion, PromotionReason, Reading, RowsReport, SearchReport, StageTime,
    TrainingReport,
};

/// Shares of the classes among flights of a year.
const SHARES: [u64; 4] = [22, 34, 29, 15];

/// Names of the classes.
const CLASSES: [&str; 4] =
    ["early by more than 15 min", "early by up to 15 min", "on time or late by under 30 min", "late by 30 min or more"];

/// Quality on `rows` rows of a model that is right about `skill` percent of the time more than by chance.
pub(super) fn quality(rows: u64, skill: u64) -> Quality {
    let mut tally = Tally::empty(4);
    let class_of = |draw: u64| {
        let mut upto = 0;
        SHARES.iter().position(|share| {
            upto += share;
            draw % 100 < upto
        })
    };
    for row in 0..rows {
        let draw = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let actual = class_of(draw >> 40).unwrap_or(1);
        let knows = (draw >> 20) % 100 < skill;
        let said = if knows { actual } else { class_of(draw >> 8).unwrap_or(1) };
        let sure = 0.34 + ((draw >> 30) % 60) as f64 / 100.0 * (0.3 + skill as f64 / 160.0);
        let rest = (1.0 - sure) / 3.0;
        let near = |class: usize| if class.abs_diff(said) == 1 { 1.25 } else { 0.75 };
        let mut shares: Vec<f64> = (0..4).map(|class| if class == said { sure } else { rest * near(class) }).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        tally.add(Class(actual as u8), &shares);
    }
    Quality::of(&tally).unwrap()
}

/// A report with everything in it.
pub(super) fn report() -> TrainingReport {
    let judged = |name: &str, kind, quality| Some(Judged { name: name.to_owned(), kind, quality });
    let stages = [("read", 0.31), ("index", 0.22), ("bin", 0.09), ("grow", 1.64), ("judge", 0.18), ("save", 0.05)];
    let parameters =
        [("trees", "60"), ("depth", "16"), ("features-per-node", "sqrt"), ("impurity", "gini"), ("min-rows", "20")];
    TrainingReport {
        model: "9f2c61d07ab34e85c1d6f0e2b7a4983355ac0d1e6fb28790c4d3e2f1a0b9c8d7".to_owned(),
        preset: Some("accurate".to_owned()),
        grower: "histogram".to_owned(),
        parameters: parameters.map(|(name, value)| Parameter { name: name.to_owned(), value: value.to_owned() }).into(),
        seed: 42,
        search: None,
        features: features(),
        classes: CLASSES
            .iter()
            .zip(SHARES)
            .map(|(name, share)| ClassReport { name: (*name).to_owned(), training_share: share as f64 / 100.0 })
            .collect(),
        rows: rows(),
        train: quality(20_000, 55),
        out_of_bag: None,
        test: judged("last days (from 2013-10-20)", JudgedKind::Future, quality(6_547, 29)),
        companion: judged("random rows of known days", JudgedKind::Familiar, quality(1_301, 45)),
        promotion: Promotion::new(
            PromotionReason::Better,
            Some(CurrentModelReport {
                model: "03ab5e91c2d7f04866b1a9e3d5c7f2081144bbccdde0f9a8b7c6d5e4f3a2b190".to_owned(),
                test: Some(quality(6_547, 21)),
            }),
        ),
        stages: stages.map(|(name, seconds)| StageTime { name: name.to_owned(), seconds }).into(),
        reading: Some(Reading { bytes: 8_400_000, rows: 27_848, seconds: 0.5 }),
        wall_seconds: 2.71,
        peak_memory_bytes: 312_400_000,
        memory: None,
        workers: 4,
        processes: 2,
        nodes: 261_844,
        depth: 16,
        trees: 60,
        levels: (0..16)
            .map(|level| LevelReport {
                level,
                nodes: 60 << level.min(12),
                histogram_bytes: 410_000 << level.min(6),
                decision_bytes: 9_000 << level.min(12),
            })
            .collect(),
    }
}

/// A search among 24 candidates by four folds.
pub(super) fn search() -> SearchReport {
    let parameter = |name: &str, value: u64| Parameter { name: name.to_owned(), value: value.to_string() };
    let candidate = |place: u64| {
        let log_loss = 0.98 + 0.004 * place as f64;
        let fold = |fold: u64| FoldReport {
            fold,
            rows: 50_000,
            log_loss: log_loss + 0.01 * (fold as f64 - 2.5),
            accuracy: 0.59,
        };
        CandidateReport {
            parameters: vec![parameter("depth", 16 - place % 12), parameter("min-rows", 20 + 30 * (place % 2))],
            log_loss,
            accuracy: 0.59,
            by_fold: (1..=4).map(fold).collect(),
        }
    };
    SearchReport { folds: "forward:4".to_owned(), forests: 24, candidates: (0..24).map(candidate).collect() }
}

fn features() -> Vec<FeatureReport> {
    let features = [
        ("DepDelay", "numeric", 528, 0.412),
        ("Distance", "numeric", 214, 0.061),
        ("DayOfMonth", "numeric", 31, 0.058),
        ("DayOfWeek", "numeric", 7, 0.047),
        ("DayOfYear", "numeric", 292, 0.148),
        ("Carrier", "categorical", 16, 0.066),
        ("Origin", "categorical", 3, 0.012),
        ("Dest", "categorical", 104, 0.087),
        ("Route", "categorical", 224, 0.091),
        ("FlightNum", "categorical", 3_843, 0.018),
    ];
    let feature = |(name, kind, values, importance): (&str, &str, u64, f64)| FeatureReport {
        name: name.to_owned(),
        kind: kind.to_owned(),
        values,
        importance,
        shuffled: None,
    };
    features.map(feature).into()
}

fn rows() -> RowsReport {
    let bad = |reason: &str, rows, example: &str| BadRows {
        reason: reason.to_owned(),
        rows,
        example: Some(example.to_owned()),
    };
    RowsReport {
        good: 327_346,
        bad: vec![
            bad("ArrDelay is null", 9_430, "flights.parquet, row 472: Carrier EV, FlightDate 2013-01-01"),
            bad("Distance is below 0", 3, "more.jsonl, line 18, byte 4071: Distance -8"),
        ],
        nulls: vec![NullCount { column: "ArrDelay".to_owned(), rows: 9_430 }],
        day_disagreements: 12,
        per_worker: vec![81_837, 81_836, 81_837, 81_836],
        training: 248_710,
        held_out: 65_502,
        companion: 13_134,
        first_day: "2013-01-01".to_owned(),
        last_day: "2013-12-31".to_owned(),
    }
}
