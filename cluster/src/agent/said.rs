//! What a process says of itself, as the master wants to hear it. Pure.

use flightline_engine::http::HealthState;
use flightline_engine::supervised::{StagePhase, StageReport, Telemetry};

use crate::protocol::StageLine;

/// Whether a process is at work: one of its stages has begun, or it answers requests.
pub(super) fn is_up(said: &Telemetry) -> bool {
    said.stages.iter().any(|stage| stage.state != StagePhase::Waiting)
        || said.health.as_ref().is_some_and(|health| health.state == HealthState::Running)
}

/// The id of the model that it has made. No id is longer.
pub(super) fn model(said: &Telemetry) -> Option<Box<str>> {
    const LONGEST: usize = 64;
    said.made.clone().filter(|id| id.len() <= LONGEST)
}

/// Its stages.
pub(super) fn stage_lines(said: &Telemetry) -> Vec<StageLine> {
    said.stages.iter().map(stage_line).collect()
}

fn stage_line(stage: &StageReport) -> StageLine {
    // A unit's name is the one that it has in JSON everywhere.
    let unit =
        serde_json::to_value(stage.unit).ok().and_then(|unit| unit.as_str().map(str::to_owned)).unwrap_or_default();
    StageLine {
        name: stage.name.clone(),
        unit,
        total: stage.total.unwrap_or(0),
        done: stage.done,
        ended: stage.state == StagePhase::Ended,
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::http::HealthReport;
    use flightline_engine::progress::Unit;

    use super::*;

    fn with_stage(state: StagePhase) -> Telemetry {
        let stage =
            StageReport { name: "read".to_owned(), unit: Unit::Rows, total: None, done: 3, state, seconds: 0.5 };
        Telemetry { stages: vec![stage], ..Telemetry::default() }
    }

    #[test]
    fn a_process_is_up_when_it_has_begun_to_work() {
        let with_health = |state| Telemetry {
            health: Some(HealthReport { state, ..HealthReport::default() }),
            ..Telemetry::default()
        };
        assert!(!is_up(&Telemetry::default()));
        assert!(!is_up(&with_stage(StagePhase::Waiting)));
        assert!(is_up(&with_stage(StagePhase::Running)));
        assert!(is_up(&with_stage(StagePhase::Ended)));
        assert!(!is_up(&with_health(HealthState::Starting)));
        assert!(is_up(&with_health(HealthState::Running)));
    }

    #[test]
    fn a_stage_is_told_with_its_unit() {
        let line = StageLine { name: "read".to_owned(), unit: "rows".to_owned(), total: 0, done: 3, ended: true };
        assert_eq!(stage_lines(&with_stage(StagePhase::Ended)), [line]);
    }
}
