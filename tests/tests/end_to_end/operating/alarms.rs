//! Each alarm asks for metrics that there are, and has its section in the guide; each section has its alarm.

use std::collections::BTreeSet;
use std::process::Command;

use flightline_tests::project_root;

use super::{metrics, page};

const RULES: &str = "deploy/prometheus/alarms.yml";
const GUIDE: &str = "docs/operating/alarms.md";

/// An alarm of the file.
#[derive(Debug, Default)]
struct Alarm {
    name: String,
    expression: String,
    said: Vec<String>,
}

/// The alarms, as far as their lines tell: whether it is YAML is `promtool`'s to say.
fn alarms() -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    let mut in_expression = false;
    for line in page(RULES).lines() {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("- alert: ") {
            alarms.push(Alarm { name: name.to_owned(), ..Alarm::default() });
        }
        let Some(alarm) = alarms.last_mut() else { continue };
        if let Some(rest) = text.strip_prefix("expr: ") {
            in_expression = true;
            alarm.expression = rest.trim_start_matches(">-").to_owned();
        } else if text.starts_with("for: ") {
            in_expression = false;
        } else if in_expression {
            alarm.expression.push_str(text);
            alarm.expression.push(' ');
        } else {
            alarm.said.push(text.to_owned());
        }
    }
    alarms
}

fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|other: char| !other.is_ascii_alphanumeric() && other != '_').filter(|word| !word.is_empty())
}

#[test]
fn each_alarm_asks_for_metrics_that_there_are() {
    let known: BTreeSet<String> = metrics::guide()
        .into_values()
        .flatten()
        .flat_map(|(name, kind)| match kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
            _ => vec![name],
        })
        .collect();
    let alarms = alarms();
    assert!(alarms.len() > 10, "{alarms:?}");
    for Alarm { name, expression, .. } in &alarms {
        let asked: Vec<&str> = words(expression).filter(|word| word.starts_with("flightline_")).collect();
        assert!(!asked.is_empty() || words(expression).any(|word| word == "up"), "{name}: {expression}");
        for metric in asked {
            assert!(known.contains(metric), "{name} asks for {metric}, which nobody tells");
        }
    }
}

/// `up` and other labels `job` are those of the example of what is asked.
#[test]
fn each_target_that_an_alarm_names_is_asked() {
    let asked = page("deploy/prometheus/prometheus.yml");
    for Alarm { name, expression, .. } in alarms() {
        for (_, rest) in expression.match_indices("job=\"").map(|(at, found)| expression.split_at(at + found.len())) {
            let job = rest.split('"').next().expect("a label ends");
            assert!(asked.contains(&format!("job_name: {job}\n")), "{name} names {job}");
        }
    }
}

#[test]
fn each_alarm_says_what_to_do_and_has_its_section() {
    let guide = page(GUIDE);
    let sections: BTreeSet<&str> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alarms = alarms();
    let names: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    assert_eq!(names, sections, "alarms beside the sections of {GUIDE}");
    assert_eq!(names.len(), alarms.len(), "an alarm is there twice");
    for Alarm { name, said, .. } in &alarms {
        let link = format!("runbook: {GUIDE}#{}", name.to_lowercase());
        for wanted in ["summary: ", "action: ", "labels: { severity: ", &link] {
            assert!(said.iter().any(|line| line.starts_with(wanted)), "{name} lacks {wanted:?}: {said:?}");
        }
    }
}

/// Whether rules are rules, and each alarm comes when it should and not before, is Prometheus's own to say.
#[test]
fn promtool_finds_the_rules_right() {
    let fetched = project_root().join("target/services/fetched/promtool/promtool");
    let program = if fetched.exists() { fetched } else { "promtool".into() };
    let told = |words: &[&str]| Command::new(&program).args(words).current_dir(project_root()).output();
    if told(&["--version"]).is_err() {
        println!("LEFT OUT: there is no promtool here; on Debian `tests/services fetch promtool` gets it");
        return;
    }
    for words in [["check", "rules", RULES], ["test", "rules", "deploy/prometheus/alarms.test.yml"]] {
        let told = told(&words).expect("promtool runs");
        let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        assert!(told.status.success(), "{words:?}: {said}");
    }
}
