use std::collections::BTreeSet;
use std::path::Path;

use super::*;

mod properties;

pub(super) fn with(text: &str) -> Result<Loaded, Mistakes> {
    load(&[Layer::text("my.toml", text)])
}

/// Every mistake as its line, or 0, and its message.
fn mistakes(text: &str) -> Vec<(usize, String)> {
    let Mistakes(mistakes) = with(text).unwrap_err();
    mistakes.iter().map(|mistake| (mistake.place.line().unwrap_or_default(), mistake.to_string())).collect()
}

pub(super) fn assert_told(text: &str, expected: &[(usize, &str)]) {
    let told = mistakes(text);
    let fits = |((line, message), (at, part)): (&(usize, String), &(usize, &str))| line == at && message.contains(part);
    assert!(told.len() == expected.len() && told.iter().zip(expected).all(fits), "{text}\n{told:#?}");
}

/// The lines `key = value` of a TOML text: number, from 1, section and key.
fn keys(text: &str) -> Vec<(usize, String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((index + 1, section.clone(), key.to_owned()));
        }
    }
    keys
}

#[test]
fn the_defaults_are_what_the_design_says() {
    let Loaded { config, .. } = load(&[]).unwrap();
    assert_eq!(&*config.job.name.0, "flight-delays");
    assert_eq!(config.embedded.partitions, 4);
    assert_eq!(config.requests.log, TopicUrl::Embedded(TopicName("flight-delay-ml-request".into())));
    let sinks: Vec<(&str, String, Selects, bool)> = config
        .sinks
        .iter()
        .map(|(name, sink)| (&*name.0, sink.target.endpoint().to_string(), sink.selects, sink.required))
        .collect();
    let collection = "embedded:collection/agile_data_science.flight_delay_ml_response";
    assert_eq!(
        sinks,
        [
            ("collection", collection.to_owned(), Selects::Answers, true),
            ("dead-letters", "embedded:topic/flight-delay-ml-dead-letter".to_owned(), Selects::DeadLetters, true),
            ("files", "file:flightline-state/predictions".to_owned(), Selects::Answers, false),
            ("topic", "embedded:topic/flight-delay-ml-response".to_owned(), Selects::Answers, true),
        ]
    );
    assert_eq!(config.table.spread, None);
    assert_eq!(config.http.of_process(2).unwrap().port(), 9466);
    assert!(config.settings().is_empty());
}

#[test]
fn programs_find_the_answers_where_the_sinks_put_them() {
    let of = |text: &str| with(text).unwrap().config;
    let topic = |config: &StreamConfig| config.answers_topic().map(|url| url.to_string());
    let collection = |config: &StreamConfig| config.answers_collection().map(|url| url.to_string());
    let config = of("");
    assert_eq!(topic(&config).as_deref(), Some("embedded:topic/flight-delay-ml-response"));
    assert_eq!(collection(&config).as_deref(), Some("embedded:collection/agile_data_science.flight_delay_ml_response"));
    assert_eq!(config.sinks_of(Selects::DeadLetters).count(), 1);
    let config = of("sinks.topic.enabled = false\nsinks.collection.url = 'embedded:collection/mine'\n");
    assert_eq!((topic(&config), collection(&config).as_deref()), (None, Some("embedded:collection/mine")));
}

#[test]
fn every_key_that_the_code_knows_stands_in_the_file_of_defaults_and_no_other() {
    let read: BTreeSet<String> = load(&[]).unwrap().in_force.paths().collect();
    let written: BTreeSet<String> =
        keys(DEFAULTS).into_iter().map(|(_, section, key)| format!("{section}.{key}")).collect();
    assert_eq!(read, written);
    // A key of files in a new sink comes from the file, too: so a default that is only in the code is seen here.
    let added = with("sinks.new.url = 'file:new'").unwrap();
    let added: BTreeSet<String> =
        added.in_force.paths().map(|path| path.replace("sinks.new.", "sinks.files.")).collect();
    assert_eq!(added, written);
}

#[test]
fn every_key_and_every_section_of_the_defaults_has_a_comment_above_it() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let above = lines[index - 1];
        assert!(above.starts_with("# ") && above.len() > 5, "line {}, `{line}`, has no comment", index + 1);
    }
}

#[test]
fn a_sink_can_be_added_changed_and_switched_off() {
    let text = "\
[sinks.archive]
url = \"file:archive\"
format = \"parquet\"
[sinks.topic]
url = \"embedded:topic/answers\"
[sinks.files]
enabled = false
[sinks.old]
url = \"mongodb://host/x\"
enabled = false
";
    let loaded = with(text).unwrap();
    let sinks = &loaded.config.sinks;
    let names: Vec<&str> = sinks.keys().map(|name| &*name.0).collect();
    assert_eq!(names, ["archive", "collection", "dead-letters", "topic"]);
    assert_eq!(loaded.config.answers_topic(), Some(&TopicUrl::Embedded(TopicName("answers".into()))));
    // Its keys of files are still in the defaults, where nobody can take them out.
    let files = with("sinks.files.url = 'embedded:topic/files'").unwrap().config.sinks;
    let target = SinkTarget::Topic(TopicUrl::Embedded(TopicName("files".into())));
    assert_eq!(files[&SinkName("files".into())].target, target);
    let archive = &sinks[&SinkName("archive".into())];
    let SinkTarget::Files(files) = &archive.target else { panic!("{archive:?}") };
    assert_eq!((files.format, files.roll_bytes, archive.required), (WrittenAs::Parquet, ByteSize::mib(64), false));
    assert!(loaded.dump().contains("[sinks.old]\nenabled = false  # from my.toml:10:11\n"), "{}", loaded.dump());
}

#[test]
fn flags_go_over_the_file_and_the_file_over_the_presets_of_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    std::fs::write(&file, "[table]\npoll = \"3s\"\n[embedded]\npartitions = 2\n").unwrap();
    let set = vec!["table.poll=4s".to_owned()];
    let preset = Layer::text("the demo", "[embedded]\npartitions = 1\nfolder = \"demo\"\n");
    let loaded = ConfigFlags { config: vec![file], set, dump_config: false }.load_over(&[preset]).unwrap();
    let StreamConfig { table, embedded, .. } = &loaded.config;
    assert_eq!((table.poll, embedded.partitions), (Duration::from_secs(4), 2));
    let dump = loaded.dump();
    assert!(dump.contains("poll = \"4s\"  # from --set table.poll\n"), "{dump}");
    assert!(dump.contains("folder = \"demo\"  # from the demo:3:10\n"), "{dump}");
    assert!(dump.contains("my.toml:4:14\n") && dump.contains("\nregistry = \"models\"\n"), "{dump}");
}

#[test]
fn the_presets_of_the_seeds_variants_name_its_topics() {
    let preset = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    for (names, requests, responses) in [
        ("names-ging.toml", "flight_delay_classification_request", "flight_delay_classification_response"),
        ("names-ibdn.toml", "flask-ml-delays-request", "flask-ml-delays-responses"),
    ] {
        let config = vec![preset("servers.toml"), preset(names)];
        let loaded = ConfigFlags { config, set: Vec::new(), dump_config: false }.load().unwrap();
        let StreamConfig { requests: asked, sinks, .. } = &loaded.config;
        assert_eq!(asked.log, TopicUrl::Kafka(TopicName(requests.into())), "{names}");
        let target = &sinks[&SinkName("topic".into())].target;
        assert_eq!(*target, SinkTarget::Topic(TopicUrl::Kafka(TopicName(responses.into()))), "{names}");
    }
}

#[test]
fn processes_may_differ_in_their_ports_and_logs_only() {
    let agreement = |setting: &str| load(&[Layer::flag(setting)]).unwrap().agreement();
    assert_eq!(agreement("http.listen=127.0.0.1:0"), agreement("log.format=json"));
    assert_ne!(agreement("http.listen=127.0.0.1:0"), agreement("table.poll=2s"));
}

#[test]
fn a_process_whose_port_is_beyond_the_last_has_none() {
    let listen = |address: &str| HttpConfig { listen: address.parse().unwrap() };
    assert_eq!(listen("127.0.0.1:65535").of_process(1), None);
    assert_eq!(listen("127.0.0.1:65535").of_process(70_000), None);
    assert_eq!(listen("[::1]:0").of_process(7), Some("[::1]:0".parse().unwrap()));
}

#[test]
fn a_wrong_value_is_told_with_its_line_and_what_to_write() {
    for (text, told) in [
        ("[job]\nname = \"a b\"", "`job.name` is \"a b\", which has ' ' in its name; use letters"),
        ("[job]\nstate = \"state\"", "`job.state` is \"state\", which is no URL of a file or folder; write file:state"),
        ("[job]\nstate = \"embedded:topic/x\"", "which is no URL of a file or folder"),
        ("[embedded]\npartitions = 0", "too small; write a whole number, without quotes, from 1 to 1024"),
        ("[embedded]\npartitions = -1", "which is not from 0 to 4294967295"),
        ("[embedded]\npartitions = \"4\"", "which is a text; write a whole number, without quotes"),
        ("[embedded]\npartitions = 1.5", "which is a number with a fraction"),
        ("[embedded]\nfolder = \"file:x\"", "which is a URL; write the path alone, \"x\""),
        ("[embedded]\nfolder = \"\"", "which is empty"),
        (
            "[requests]\nurl = \"file:x\"",
            "no topic, and requests are read from one; write embedded:topic/NAME or kafka:topic/NAME",
        ),
        ("[table]\nurl = \"embedded:topic/x\"", "write file:PATH of a file, embedded:collection/NAME or"),
        ("[table]\npoll = \"1 parsec\"", "which is no duration: \"parsec\" is no unit of time; write a number"),
        ("[table]\npoll = \"10\"", "which lacks its unit; write a number and its unit"),
        (
            "[table]\npoll = \"1ms\"",
            "which is too small; write a number and its unit (ms, s, m, h or d), such as \"10s\", from \"10ms\" to \"1d\"",
        ),
        ("[table]\nspread = \"by_key\"", "which is none of the choices; write \"auto\", \"everywhere\" or \"by-key\""),
        ("[model]\nregistry = 'file:models'", "write the path alone"),
        ("[sinks.topic]\nrequired = \"yes\"", "which is a text; write true or false, without quotes"),
        ("[sinks.topic]\nselects = \"all\"", "write \"answers\" or \"dead-letters\""),
        ("[sinks.topic]\nurl = \"mongodb://u:secret@h/x\"", "is \"mongodb://u:***@h/x\", "),
        ("[sinks.files]\nformat = \"csv\"", "write \"jsonl\", \"txt\" or \"parquet\""),
        ("[sinks.files]\nroll_bytes = \"2GiB\"", "too large; write a number and its unit"),
        (
            "[sinks.topic]\nroll_every = \"1s\"",
            "`sinks.topic.roll_every` means nothing here: only a sink of files has it",
        ),
        ("[sinks.topic]\nulr = \"x\"", "`sinks.topic.ulr` is no key; did you mean `sinks.topic.url`?"),
        ("[job]\nlisten = \"x\"", "`job.listen` is no key; did you mean `http.listen`?"),
        ("[http]\nlisten = \"localhost:80\"", "which is no address with a port; write an IP address"),
        ("[log]\nformat = \"xml\"", "write \"human\" or \"json\""),
        ("[limits]\nin_flight_bytes = \"lots\"", "which is no size"),
        ("[limits]\nread_batch_bytes = \"65MiB\"", "no batch would ever be read"),
    ] {
        assert_told(text, &[(2, told)]);
    }
    assert_told("\n[snks.x]\nurl = 'file:x'", &[(2, "`snks` is no key; did you mean `sinks`?")]);
    assert_told(
        "\n[sinks.x]\n",
        &[(2, "`sinks.x.url` is missing; write embedded:topic/NAME, embedded:collection/NAME, kafka:topic/NAME")],
    );
    assert_told("\n[sinks.\"a.b\"]\nurl = 'file:x'", &[(2, "\"a.b\" can't name a sink")]);
}

#[test]
fn what_contradicts_itself_is_told_where_it_was_set_last() {
    for (text, told) in [
        (
            "[sinks.topic]\nurl = 'embedded:topic/flight-delay-ml-request'",
            "`sinks.topic.url` and `requests.url` are both",
        ),
        (
            "[requests]\nurl = 'embedded:topic/flight-delay-ml-response'",
            "`sinks.topic.url` and `requests.url` are both",
        ),
        ("[sinks.x]\nurl = 'embedded:topic/flight-delay-ml-response'", "`sinks.x.url` and `sinks.topic.url` are both"),
        (
            "[table]\nurl = 'embedded:collection/agile_data_science.flight_delay_ml_response'",
            "`sinks.collection.url` and `table.url` are both",
        ),
        ("[sinks.files]\nurl = 'file:flightline-state/job/x'", "`sinks.files.url` and `job.state` are the same place"),
        ("[job]\nstate = 'file:./flightline-state/embedded'", "`embedded.folder` and `job.state` are the same place"),
        ("[sinks.x]\nurl = 'file:flightline-state/predictions'", "`sinks.x.url` and `sinks.files.url` are the same"),
        ("[model]\nregistry = 'data'", "`table.url` and `model.registry` are the same place, or one lies in the other"),
    ] {
        assert_told(text, &[(2, told)]);
    }
    let text = "[sinks.topic]\nrequired = false\n[sinks.collection]\nenabled = false\n";
    assert_told(text, &[(4, "no sink of answers is both enabled and required")]);
    assert_told("\n[sinks.x]\nurl = 'file:./data/'", &[(3, "`sinks.x.url` and `table.url` are the same place")]);
    with("[sinks.topic]\nrequired = false\n").unwrap();
    with("[sinks.topic]\nenabled = false\n[sinks.x]\nurl = 'embedded:topic/flight-delay-ml-response'\n").unwrap();
}

#[test]
fn all_mistakes_of_a_start_come_at_once() {
    let text = "\
[jobs]
name = \"x\"
[table]
poll = 5
url = \"kafka://b/x\"
spread = everywhere
[sinks.topic]
url = \"embedded:topic/flight-delay-ml-request\"
require = true
[limits]
in_flight_bytes = \"1KiB\"
";
    let lines: Vec<usize> = mistakes(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 4, 5, 6, 9, 11]);
    let quoted = text.replace("everywhere", "\"everywhere\"");
    let lines: Vec<usize> = mistakes(&quoted).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 4, 5, 8, 9, 11], "with the syntax mended, the contradiction is told, too");
}
