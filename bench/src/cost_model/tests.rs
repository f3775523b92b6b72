//! The model's bytes and rounds against those of the true grower on the bundled flights.

use std::rc::Rc;

use flightline_jobs::training::Preset;

use super::*;
use crate::crew::grow_by_crew;
use crate::{FLIGHTS, OneFile, Table};

/// Latency and rate reach no byte.
fn places(hosts: f64, workers: f64) -> Places {
    Places { hosts, workers, latency: 0.0, bytes_per_second: 1.0 }
}

fn within(factor: f64, model: f64, true_one: f64) -> bool {
    model <= true_one * factor && true_one <= model * factor
}

/// Dense and sparse levels, with and without bagging; of the few trees that a test can wait for.
#[test]
fn bytes_and_rounds_are_those_of_the_grower() {
    let flights = OneFile::open(FLIGHTS).unwrap().flights().unwrap();
    // The levels that are deepest, where trees end as their rows want it, are off by more than all together.
    for (preset, trees, of_all, of_level) in
        [(Preset::Seed, 20, 1.1, 1.15), (Preset::Forward, 9, 1.5, 2.0), (Preset::Accurate, 3, 1.5, 2.5)]
    {
        let table = Table::of(&flights, preset).unwrap();
        let params = ForestParams { trees, ..(*table.params).clone() };
        let work = Work::new(table.binned.len() as f64, 0.0, &table.layout, &params);
        let params = Rc::new(params);
        for workers in [2, 4] {
            let grown = grow_by_crew(&table.binned, &table.layout, &params, workers).unwrap();
            let model = cost(&work, &places(1.0, f64::from(workers)), &Machine::default());
            assert_eq!(model.rounds, grown.rounds as f64, "{preset}, {workers} workers");
            let pairs = model.histogram_bytes.iter().zip(&model.decision_bytes).zip(&grown.traffic.levels);
            let mut sums = [0.0; 4];
            for (level, ((histograms, decisions), grown)) in pairs.enumerate() {
                let true_ones = [grown.histogram_bytes as f64, grown.decision_bytes as f64];
                println!("{preset} {workers} level {level}: {histograms:.0} {decisions:.0}, in truth {true_ones:?}");
                assert!(within(of_level, *histograms, true_ones[0]), "{preset}, {workers} workers, level {level}");
                let figures = [*histograms, *decisions, true_ones[0], true_ones[1]];
                sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            }
            assert!(within(of_all, sums[0], sums[2]), "histograms of {preset}, {workers} workers: {sums:?}");
            assert!(within(2.0, sums[1], sums[3]), "decisions of {preset}, {workers} workers: {sums:?}");
        }
    }
}

#[test]
fn one_host_sends_nothing_and_waits_for_nobody() {
    let flights = OneFile::open(FLIGHTS).unwrap().flights().unwrap();
    let table = Table::of(&flights, Preset::Seed).unwrap();
    let work = Work::new(1e6, 0.0, &table.layout, &table.params);
    let machine = Machine { dense: 1.0, wire: 1.0, ..Machine::default() };
    let alone = cost(&work, &places(1.0, 4.0), &machine);
    assert_eq!([alone.bytes_per_host, alone.transfer, alone.writing, alone.waiting], [0.0; 4]);
    let apart = cost(&work, &Places { latency: 0.5, ..places(4.0, 1.0) }, &machine);
    assert_eq!(alone.compute, apart.compute);
    let sent: f64 = apart.histogram_bytes.iter().chain(&apart.decision_bytes).sum();
    assert_eq!(apart.bytes_per_host, sent / 4.0);
    assert_eq!(apart.waiting, apart.rounds * TRIPS_PER_ROUND * 0.5);
}
