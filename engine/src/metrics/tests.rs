use std::collections::BTreeMap;

use super::*;
use crate::ledger::{AnswerFormat, TableVersion};

fn busy() -> StreamMetrics {
    let metrics = StreamMetrics::new();
    let (topic, files) = (SinkName("topic".into()), SinkName("fi\"les\n".into()));
    metrics.generation(Generation(3));
    metrics.epoch(Epoch(17));
    metrics.epochs_in_flight(Partition(0), Some((Epoch(12), Epoch(15))));
    metrics.epochs_in_flight(Partition(1), Some((Epoch(14), Epoch(16))));
    metrics.binding(&Binding {
        model: "5e1f".into(),
        table: TableVersion(4),
        format: AnswerFormat(1),
        settings: BTreeMap::new(),
    });
    let worse =
        Binding { model: "bad".into(), table: TableVersion(4), format: AnswerFormat(1), settings: BTreeMap::new() };
    metrics.refused(&worse, "golden row 3 differs");
    metrics.read(Partition(0), 10, 1000);
    metrics.read(Partition(1), 5, 400);
    metrics.released(Partition(0), 7, 700);
    metrics.log_end(Partition(0), Offset(110));
    metrics.answered(AnswerStatus::Ok, 6);
    metrics.answered(AnswerStatus::Error, 1);
    metrics.error("unknown route", 1);
    metrics.dead_letters(2);
    metrics.sink(&topic, Guarantee::ExactlyOnce, true);
    metrics.sink(&files, Guarantee::AtLeastOnce, false);
    metrics.durable(&topic, Partition(0), Offset(107));
    metrics.transient_fault(&files, "the store is away");
    metrics.sink_state(&files, SinkState::CatchingUp);
    metrics.took(Stage::Settle, Duration::from_millis(3), 7);
    metrics.took(Stage::Commit(&topic), Duration::from_millis(30), 7);
    metrics.took(Stage::Whole, Duration::from_millis(40), 7);
    metrics.ledger_entries(9);
    metrics.cut(Duration::from_millis(120));
    metrics.cut(Duration::from_millis(80));
    metrics
}

#[test]
fn every_number_has_its_line() {
    let page = busy().encode();
    for line in [
        "# TYPE flightline_requests_read counter",
        "flightline_requests_read_total{partition=\"0\"} 10",
        "flightline_requests_read_total{partition=\"1\"} 5",
        "flightline_request_bytes_read_total{partition=\"1\"} 400",
        "flightline_in_flight_records{partition=\"0\"} 3",
        "flightline_in_flight_bytes{partition=\"0\"} 300",
        "flightline_log_end_offset{partition=\"0\"} 110",
        "flightline_answers_total{status=\"OK\"} 6",
        "flightline_answers_total{status=\"ERROR\"} 1",
        "flightline_errors_total{reason=\"unknown route\"} 1",
        "flightline_settle_seconds_count 7",
        "flightline_settle_seconds_bucket{le=\"0.002\"} 0",
        "flightline_settle_seconds_bucket{le=\"0.005\"} 7",
        "flightline_settle_seconds_bucket{le=\"+Inf\"} 7",
        "flightline_commit_seconds_bucket{le=\"0.05\",sink=\"topic\"} 7",
        "flightline_whole_seconds_sum 0.28",
        "flightline_sink_next_offset{sink=\"topic\",partition=\"0\"} 107",
        "flightline_sink_lag_offsets{sink=\"topic\",partition=\"0\"} 3",
        "flightline_sink_transient_faults_total{sink=\"fi\\\"les\\n\"} 1",
        "flightline_sink_state{sink=\"topic\",state=\"live\"} 1",
        "flightline_sink_state{sink=\"topic\",state=\"failed\"} 0",
        "flightline_sink_state{sink=\"fi\\\"les\\n\",state=\"catching-up\"} 1",
        "flightline_dead_letters_total 2",
        "flightline_epoch 17",
        "flightline_epochs_in_flight 5",
        "flightline_oldest_epoch_in_flight 12",
        "flightline_generation 3",
        "flightline_binding_info{model=\"5e1f\",table=\"4\",format=\"1\"} 1",
        "flightline_bindings_refused_total 1",
        "flightline_ledger_entries 9",
        "flightline_cuts_total 2",
        "flightline_cut_longest_stop_seconds 0.12",
    ] {
        assert!(page.lines().any(|found| found == line), "lacks {line}:\n{page}");
    }
    assert!(page.ends_with("# EOF\n"), "{page}");
}

/// What a scraper checks: each line belongs to the metric that was announced last, and none is announced twice.
#[test]
fn the_page_is_well_formed_busy_or_idle() {
    for page in [busy().encode(), StreamMetrics::new().encode()] {
        let mut announced = Vec::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap().to_owned();
                assert!(!announced.contains(&name), "{name} twice");
                announced.push(name);
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(name.starts_with(announced.last().unwrap()), "{line}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
                assert_eq!(name.contains('{'), name.ends_with('}'), "{line}");
                assert!(!name.contains("{}") && !name.contains(",}"), "{line}");
            }
        }
        assert!(announced.contains(&"flightline_epoch".to_owned()), "{announced:?}");
    }
}

#[test]
fn the_table_in_the_docs_names_every_metric() {
    let docs = include_str!("mod.rs");
    for line in busy().encode().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert!(docs.contains(&format!("`{name}{suffix}`")), "{name}{suffix}");
    }
}

#[test]
fn the_status_says_the_same_and_survives_json() {
    let status = busy().status();
    assert_eq!(status.generation, Some(Generation(3)));
    assert_eq!((status.epoch, status.epochs_in_flight), (Epoch(17), Some((Epoch(12), Epoch(16)))));
    let refused = status.refused.as_ref().unwrap();
    assert_eq!((&*refused.model, &*refused.reason), ("bad", "golden row 3 differs"));
    assert_eq!(status.guarantee, Some(Guarantee::AtLeastOnce), "the weakest");
    assert_eq!(status.answers, AnswersStatus { ok: 6, error: 1 });
    assert_eq!(status.partitions[&Partition(0)].in_flight_records, 3);
    let topic = &status.sinks[&SinkName("topic".into())];
    assert_eq!((topic.lag[&Partition(0)], topic.state, topic.required), (3, SinkState::Live, true));
    assert_eq!(topic.commit.p99_ms, Some(50.0));
    let files = &status.sinks[&SinkName("fi\"les\n".into())];
    assert_eq!(files.last_fault.as_deref(), Some("the store is away"));
    assert_eq!((status.cuts, status.longest_stop_ms), (2, 120));
    let json = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<StreamStatus>(&json).unwrap(), status);
    assert!(json.contains("\"catching-up\"") && json.contains("\"partitions\":{\"0\":{"), "{json}");
}

#[test]
fn reasons_are_bounded() {
    let metrics = StreamMetrics::new();
    for number in 0..1000 {
        metrics.error(&format!("reason {number}"), 1);
    }
    metrics.error("reason 3", 1);
    let errors = metrics.status().errors;
    assert_eq!(errors.len(), MOST_REASONS + 1);
    assert_eq!(errors["reason 3"], 2);
    assert_eq!(errors.values().sum::<u64>(), 1001);
}

#[test]
fn clones_count_together_and_releasing_too_much_stops_at_nothing() {
    let metrics = StreamMetrics::new();
    let twin = metrics.clone();
    twin.read(Partition(2), 1, 10);
    metrics.released(Partition(2), 5, 50);
    let partition = twin.status().partitions[&Partition(2)];
    assert_eq!((partition.requests, partition.in_flight_records, partition.in_flight_bytes), (1, 0, 0));
    metrics.permanent_fault(&SinkName("s".into()), "gone");
    assert_eq!(metrics.status().sinks[&SinkName("s".into())].state, SinkState::Failed);
}

#[test]
fn epochs_are_in_flight_only_while_something_is() {
    let metrics = StreamMetrics::new();
    metrics.epoch(Epoch(9));
    metrics.epoch(Epoch(8));
    assert_eq!((metrics.status().epoch, metrics.status().epochs_in_flight), (Epoch(9), None));
    let idle = metrics.encode();
    assert!(idle.contains("flightline_epochs_in_flight 0\n") && !idle.contains("oldest_epoch_in_flight"), "{idle}");
    metrics.epochs_in_flight(Partition(3), Some((Epoch(9), Epoch(9))));
    assert!(metrics.encode().contains("flightline_epochs_in_flight 1\n"));
}
