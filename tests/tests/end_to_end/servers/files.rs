//! Batch jobs on HDFS and on a server of the S3 protocol: the same models and the same answers as from local files.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use flightline_connectors::files::{OutputFolder, S3Access, S3Options, StoreBlobs, StoreOptions, Stores};
use flightline_engine::contract::Blobs;
use flightline_engine::process::Exit;
use flightline_tests::rows::{Zip, json_lines, packed, parquet_file, sample};
use flightline_tests::servers::Servers;
use flightline_tests::{Folder, Invocation, bundled_distances};

use crate::training::{MODELS, Trained, train};

/// A folder in a store that nobody else uses, and how a process reaches the store.
struct Place {
    url: String,
    stores: Stores,
    variables: Vec<(&'static str, String)>,
    /// Of the configuration, `KEY=VALUE`.
    settings: Vec<String>,
}

impl Place {
    fn hdfs() -> Self {
        let url = format!("{}/tests/{}", Servers::shared().address("HDFS_URL"), new_name());
        Self { url, stores: Stores::new().unwrap(), variables: Vec::new(), settings: Vec::new() }
    }

    fn s3() -> Self {
        let [endpoint, key_id, secret] = ["S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"]
            .map(|key| Servers::shared().address(key).to_owned());
        let variables = vec![
            ("AWS_ENDPOINT_URL", endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", secret.clone()),
        ];
        let s3 = S3Options { endpoint: Some(endpoint), region: None, access: Some(S3Access { key_id, secret }) };
        let stores = Stores::with_options(StoreOptions { s3, ..StoreOptions::default() }).unwrap();
        let url = format!("s3://{}/tests/{}", Servers::shared().address("S3_BUCKET"), new_name());
        Self { url, stores, variables, settings: Vec::new() }
    }

    /// The same, reached by `[s3]` of the configuration instead of the variables of Amazon's tools.
    fn s3_as_configured() -> Self {
        let [endpoint, key_id, secret] =
            ["S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"].map(|key| Servers::shared().address(key));
        let settings = vec![format!("s3.endpoint={endpoint}"), "s3.credentials=env:ACCOUNT".to_owned()];
        Self { variables: vec![("ACCOUNT", format!("{key_id}:{secret}"))], settings, ..Self::s3() }
    }

    /// An invocation that can reach it.
    fn reached_by(&self, invocation: Invocation) -> Invocation {
        let invocation = self.settings.iter().fold(invocation, |invocation, set| invocation.args(["--set", set]));
        self.variables.iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value))
    }

    fn upload(&self, folder: &str, name: &str, file: &Path) {
        OutputFolder::at(&self.stores, &format!("{}/{folder}", self.url)).unwrap().upload(name, file).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        OutputFolder::at(&self.stores, &format!("{}/{folder}", self.url)).unwrap().names().unwrap()
    }

    fn read(&self, name: &str) -> String {
        let bytes = StoreBlobs::open(&self.stores, &self.url).unwrap().read(name).unwrap();
        String::from_utf8(bytes.expect("it is there").to_vec()).unwrap()
    }
}

fn new_name() -> String {
    format!("end-to-end-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

#[test]
fn a_model_from_hdfs_or_s3_is_the_one_from_local_files() {
    let rows = sample(9_000, 0);
    let folder = Folder::new();
    let (third, train_on) =
        (rows.len() / 3, |input: &str| train(&folder).args(["--promote", "never", "-w", "2", "--input", input]));
    let files = [
        ("a.parquet", folder.write("rows/a.parquet", parquet_file(&rows[..third], 1_000))),
        ("b.jsonl.gz", folder.write("rows/b.jsonl.gz", packed(&json_lines(&rows[third..2 * third]), Zip::Gzip))),
        ("c.jsonl", folder.write("rows/c.jsonl", json_lines(&rows[2 * third..]))),
    ];
    let local = Trained::by(train_on("rows"));
    for place in [Place::hdfs(), Place::s3()] {
        for (name, file) in &files {
            place.upload("rows", name, file);
        }
        // What a killed writer leaves is never read.
        place.upload("rows", ".c.jsonl.tmp.7", &files[2].1);
        for input in ["rows", "rows/*", "**/[abc].*"] {
            let trained = Trained::by(place.reached_by(train_on(&format!("{}/{input}", place.url))));
            assert_eq!(trained.model(), local.model(), "{input}\n{}{}", local.ended, trained.ended);
            assert_eq!(trained.count("rows"), rows.len() as u64, "{}", trained.ended);
        }
        let missing = place.reached_by(train_on(&format!("{}/no-such-*.csv", place.url))).finish();
        missing.expect(Exit::BadInput).says(&["no-such-*.csv"]);
    }
}

#[test]
fn answers_go_to_hdfs_and_s3_as_they_go_to_a_folder() {
    let folder = Folder::new();
    let rows = sample(3_000, 0);
    folder.write("rows.jsonl", json_lines(&rows));
    folder.write("data/origin_dest_distances.jsonl", std::fs::read(bundled_distances()).unwrap());
    Trained::by(train(&folder).words("--input rows.jsonl"));
    let predict = |output: &str, workers: &str| {
        folder.run("predict").args([
            "--models",
            MODELS,
            "--rows",
            "flights",
            "--input",
            "rows.jsonl",
            "--output",
            output,
            "-w",
            workers,
        ])
    };
    predict("local", "2").succeed();
    // Which worker writes which part is not settled.
    let parts = ["part-00000.jsonl", "part-00001.jsonl"];
    let expected = sorted(parts.map(|part| folder.read(format!("local/{part}"))));
    for place in [Place::hdfs(), Place::s3_as_configured()] {
        let output = format!("{}/answers", place.url);
        place.reached_by(predict(&output, "3")).succeed();
        assert_eq!(place.names("answers").len(), 4, "{:?}", place.names("answers"));
        let again = place.reached_by(predict(&output, "2")).finish();
        again.expect(Exit::Storage).says(&["exists already", &output]);
        place.reached_by(predict(&output, "2")).arg("--replace").succeed();
        assert_eq!(place.names("answers"), ["_SUCCESS", "part-00000.jsonl", "part-00001.jsonl"]);
        let found = sorted(parts.map(|part| place.read(&format!("answers/{part}"))));
        assert!(found == expected, "{output} has other answers than the folder");
    }
    // The account of the configuration, who may not write there.
    let elsewhere = format!("{}/answers", Place::hdfs().url);
    let stranger = predict(&elsewhere, "1").args(["--set", "hdfs.user=stranger"]).finish();
    stranger.expect(Exit::Storage).says(&["user=stranger", &elsewhere]);
}

fn sorted(parts: [String; 2]) -> Vec<String> {
    let mut lines: Vec<String> = parts.iter().flat_map(|part| part.lines()).map(str::to_owned).collect();
    lines.sort();
    lines
}
