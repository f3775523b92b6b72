//! Cross-validation and search against runs of one candidate each, and what is said of those that can't be.

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Chance, Folder};
use serde_json::Value;

use crate::training::{Trained, assert_no_model, train};

const ROWS: usize = 12_000;

/// What the folds of a run say of a candidate: its log loss, and that of each fold.
fn losses(candidate: &Value) -> (f64, Vec<f64>) {
    let loss = |of: &Value| of["log_loss"].as_f64().unwrap();
    (loss(candidate), candidate["by_fold"].as_array().unwrap().iter().map(loss).collect())
}

fn candidates(trained: &Trained) -> Vec<Value> {
    trained.json["search"]["candidates"].as_array().unwrap_or_else(|| panic!("{}", trained.ended)).clone()
}

/// The flags that name the parameters of a candidate.
fn flags(candidate: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let flag = |parameter: &Value| format!(" --{} {}", text(&parameter["name"]), text(&parameter["value"]));
    candidate["parameters"].as_array().unwrap().iter().map(flag).collect()
}

#[test]
fn a_search_says_of_each_candidate_what_a_run_of_it_alone_says_and_keeps_the_best() {
    let mut chance = Chance::new();
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(ROWS, chance.below(16))));
    for folds in ["random:3", "days:2", "forward:4"] {
        let run = |words: &str| {
            let run = train(&folder).words("--input rows.jsonl --promote never -w 2 --folds").arg(folds);
            Trained::by(run.words(words))
        };
        let searched = run("--search depth=2,7 trees=3,6 min-rows=1,60 smoothing=0,25 features-per-node=2,all");
        let all = candidates(&searched);
        assert_eq!(all.len(), 32, "{}", searched.ended);
        assert!(all.is_sorted_by(|a, b| losses(a).0 <= losses(b).0), "{}", searched.ended);
        for candidate in [&all[0], &all[1 + chance.below(31)]] {
            let alone = run(&flags(candidate));
            assert_eq!(losses(&candidates(&alone)[0]), losses(candidate), "{folds}: {}", alone.ended);
            let is_best = candidate == &all[0];
            assert_eq!(alone.model() == searched.model(), is_best, "{folds}: the model is the best one's");
        }
    }
}

#[test]
fn some_of_the_candidates_drawn_by_chance_are_candidates_of_the_whole_search() {
    let mut chance = Chance::new();
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(3_000, chance.below(64))));
    let run = |words: &str| {
        let run =
            train(&folder).words("--input rows.jsonl --promote never --folds 2 --search depth=1,2,3,4 trees=1,2,3");
        Trained::by(run.words(words))
    };
    let all = candidates(&run(""));
    let some = candidates(&run("--candidates 5"));
    assert_eq!((all.len(), some.len()), (12, 5));
    for candidate in &some {
        assert!(all.iter().any(|any| losses(any) == losses(candidate)), "{candidate} stands in {all:?}");
    }
}

#[test]
fn the_page_and_the_screen_show_what_was_searched() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(3_000, 0)));
    let ended = folder.run("train").words("--input rows.jsonl --folds 3 --search depth=2,5 trees=2,4").succeed();
    for shown in ["Search", "judged 4 candidates, in 3 stretches of days", "by fold", "trees 4, depth 5"] {
        assert!(ended.stdout.contains(shown), "{shown} is missing\n{ended}");
    }
    let id = folder.read("models/current");
    let page = folder.read(format!("models/{}/report.html", id.trim()));
    for shown in ["Candidates by folds", "Chosen for the least log loss", "fold 3"] {
        assert!(page.contains(shown), "{shown} is missing");
    }
}

#[test]
fn what_can_not_be_searched_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let mut one_day = sample(500, 0);
    let day = one_day[0].clone();
    one_day.retain(|row| row.day_of_year == day.day_of_year);
    folder.write("day.jsonl", json_lines(&one_day));
    let usage = [
        ("--folds 1", "with K from 2 to 50"),
        ("--folds last:3", "forward:K"),
        ("--search deep=3", "with a KEY of trees, depth"),
        ("--search depth=3,x", "\"x\" is not a number of at most 48"),
        ("--search depth=60 trees=0", "trees is 0"),
        ("--candidates 3", "--search"),
        ("--folds 3 --grower linfa", "--grower linfa knows no --folds"),
    ];
    for (words, shown) in usage {
        let ended = train(&folder).words("--input day.jsonl").words(words).finish();
        ended.expect(Exit::Usage).silent();
        assert!(ended.stderr.contains(shown), "{words}: {shown} is missing\n{ended}");
        assert_no_model(&folder, &ended);
    }
    let ended = train(&folder).words("--input day.jsonl --holdout random:0.1 --folds forward:3").finish();
    ended.expect(Exit::BadInput).says(&["--folds forward:3", "ask for fewer"]).silent();
    assert_no_model(&folder, &ended);
}
