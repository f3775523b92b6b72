//! Two small models that many tests share: trained once in a test program.

use std::fs;
use std::sync::OnceLock;

use crate::Folder;
use crate::rows::{json_lines, sample};

/// Where a folder has its models.
const MODELS: &str = "models";

#[derive(Debug)]
struct Trained {
    ids: [String; 2],
    /// The registry's files: names below its folder, and bytes.
    files: Vec<(String, Vec<u8>)>,
}

/// Writes the registry into a folder, and gives the ids of its models. The second one is current.
pub(super) fn write(folder: &Folder) -> [String; 2] {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    let trained = TRAINED.get_or_init(train);
    for (name, bytes) in &trained.files {
        folder.write(&format!("{MODELS}/{name}"), bytes);
    }
    trained.ids.clone()
}

fn train() -> Trained {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    let train = |seed: &str| {
        folder.run("train").words("--input rows.jsonl --models models -w 1 --seed").arg(seed).succeed();
        folder.read(format!("{MODELS}/current")).trim().to_owned()
    };
    let ids = ["1", "2"].map(train);
    let read = |name: String| {
        let bytes = fs::read(folder.join(format!("{MODELS}/{name}"))).expect("a model's file can be read");
        (name, bytes)
    };
    Trained { ids, files: folder.files(MODELS).into_iter().map(read).collect() }
}
