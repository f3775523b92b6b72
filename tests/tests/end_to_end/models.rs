//! The folder of models: listed, shown, promoted, verified; and refused by name when a file was changed or cut.

use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Chance, Ended, Folder, Invocation};
use serde_json::Value;

use crate::training::{MODELS, Trained, current, train};

/// A folder with two models; the second is current.
fn two_models() -> (Folder, [String; 2]) {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    let ids = ["1", "2"].map(|seed| Trained::by(train(&folder).words("--input rows.jsonl --seed").arg(seed)).model());
    (folder, ids)
}

fn model(folder: &Folder, words: &str) -> Invocation {
    folder.run("model").words(words).args(["--models", MODELS])
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{ended}"))
}

#[test]
fn models_are_listed_shown_and_promoted() {
    let (folder, [first, second]) = two_models();
    let listed = json(&model(&folder, "list --json").succeed());
    let models = listed.as_array().expect("a list");
    let current_ones: Vec<&Value> = models.iter().filter(|model| model["current"] == true).collect();
    assert_eq!((models.len(), current_ones.len(), &current_ones[0]["id"]), (2, 1, &second.as_str().into()));
    let text = model(&folder, "list").succeed().stdout;
    assert!(text.contains(&first[..8]) && text.contains(&second[..8]), "{text}");

    let shown = json(&model(&folder, &format!("show {} --json", &first[..12])).succeed());
    assert_eq!((&shown["id"], &shown["current"], &shown["trees"]), (&first.as_str().into(), &false.into(), &20.into()));
    let promoted = json(&model(&folder, &format!("promote {first} --json")).succeed());
    assert_eq!((&promoted["current"], &promoted["before"]), (&first.as_str().into(), &second.as_str().into()));
    assert_eq!(current(&folder), first);
    model(&folder, "verify").succeed();
    model(&folder, "verify --all").succeed();
}

#[test]
fn what_is_not_there_is_said() {
    let (folder, [first, second]) = two_models();
    for (words, exit, says) in [
        ("show 0123456789abcdef", Exit::Usage, "0123456789abcdef"),
        ("promote xyz", Exit::Usage, "xyz"),
        ("verify 0123456789abcdef", Exit::Usage, "0123456789abcdef"),
    ] {
        model(&folder, words).finish().expect(exit).says(&[says]).silent();
    }
    assert_eq!(current(&folder), second);
    assert_ne!(first, second);
    let elsewhere = folder.run("model").words("list --models nowhere").finish();
    elsewhere.expect(Exit::BadInput).says(&["nowhere"]).silent();
}

/// Ways to damage a file.
fn damages(bytes: &[u8], chance: &mut Chance) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let mut edited = bytes.to_vec();
    let place = chance.below(edited.len());
    edited[place] ^= 1 << chance.below(8);
    let mut longer = bytes.to_vec();
    longer.extend_from_slice(b"\n{}\n");
    vec![
        ("edited", Some(edited)),
        ("cut", Some(bytes[..chance.below(bytes.len())].to_vec())),
        ("cut by one byte", Some(bytes[..bytes.len() - 1].to_vec())),
        ("longer", Some(longer)),
        ("empty", Some(Vec::new())),
        ("missing", None),
    ]
}

#[test]
fn a_damaged_file_is_refused_by_name_and_never_promoted() {
    let mut chance = Chance::new();
    let (folder, [first, second]) = two_models();
    for name in ["model.json", "forest.parquet", "golden.jsonl"] {
        let path = folder.join(MODELS).join(&first).join(name);
        let whole = fs::read(&path).expect("a model has this file");
        for (damage, bytes) in damages(&whole, &mut chance) {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).expect("a file can be written"),
                None => fs::remove_file(&path).expect("a file can be removed"),
            }
            for words in [format!("verify {first}"), format!("promote {first}")] {
                let ended = model(&folder, &words).finish();
                assert!(ended.verdict().contains(name), "{damage} {name} is not named\n{ended}");
                ended.expect(Exit::DamagedModel).says(&[&first[..12]]);
            }
            assert_eq!(current(&folder), second, "{damage} {name}");
            let all = model(&folder, "verify --all --json").finish();
            all.expect(Exit::DamagedModel);
            let good: Vec<bool> = json(&all).as_array().into_iter().flatten().map(|of| of["ok"] == true).collect();
            assert_eq!(good.iter().filter(|ok| **ok).count(), 1, "{all}");
            fs::write(&path, &whole).expect("a file can be written");
        }
    }
    model(&folder, "verify --all").succeed();
}

#[test]
fn another_format_version_is_told_from_damage() {
    let (folder, [first, _]) = two_models();
    let path = format!("{MODELS}/{first}/model.json");
    let card = folder.read(&path);
    let key = ["\"format_version\"", "\"format\"", "\"FormatVersion\""].into_iter().find(|key| card.contains(key));
    let key = key.expect("the card says its format version");
    let start = card.find(key).expect("it was found") + key.len();
    let digit = start + card[start..].find(|c: char| c.is_ascii_digit()).expect("the version is a number");
    folder.write(&path, format!("{}999{}", &card[..digit], &card[digit + 1..]));
    let ended = model(&folder, &format!("verify {first}")).finish();
    ended.expect(Exit::DamagedModel).says(&["model.json", "format version 999"]);
}

#[test]
fn training_the_same_again_mends_a_damaged_model() {
    let (folder, [_, second]) = two_models();
    let path = format!("{MODELS}/{second}/golden.jsonl");
    let whole = folder.read(&path);
    folder.write(&path, &whole[..whole.len() / 2]);
    model(&folder, "verify").finish().expect(Exit::DamagedModel);
    let again = Trained::by(train(&folder).words("--input rows.jsonl --seed 2"));
    assert_eq!(again.model(), second);
    assert_eq!(folder.read(&path), whole);
    model(&folder, "verify").succeed();
}
