use std::time::Duration;

use bytesize::ByteSize;
use proptest::prelude::*;

use super::*;

const DEFAULTS: &str = "\
[server]
port = 80
poll = \"1s\"
name = \"here\"
[stores.disk]
url = \"file:x\"
room = \"64MiB\"
";

#[derive(Debug, PartialEq)]
struct Config {
    port: u32,
    poll: Duration,
    name: String,
    stores: Vec<(String, String, ByteSize)>,
}

fn read(root: &mut Section<'_, '_>) -> Result<Config, Reported> {
    let server = root.section("server", |server| {
        let port = server.read_within("port", 1..=65_535);
        let (poll, name) = (server.read("poll"), server.read("name"));
        Ok((port?, poll?, name?))
    });
    let stores = root.sections("stores", |_, store| {
        let url = store.read("url");
        store.fall_back_to("stores.disk");
        let room = store.read("room");
        Ok((url?, room?))
    });
    let ((port, poll, name), mut all) = (server?, Vec::new());
    for (store, values) in stores? {
        let (url, room) = values?;
        all.push((store, url, room));
    }
    Ok(Config { port, poll, name, stores: all })
}

fn config(layers: &[Layer]) -> Result<(Config, InForce), Mistakes> {
    load(&Layer::defaults(DEFAULTS), layers, read)
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = config(&[Layer::text("my.toml", text)]).unwrap_err();
    mistakes.0.iter().map(ToString::to_string).collect()
}

#[test]
fn later_layers_go_over_earlier_ones_key_by_key() {
    let file = Layer::text("my.toml", "[server]\nport = 81\nname = 'there'\n[stores]\nmore.url = \"file:y\"\n");
    let (config, in_force) = config(&[file, Layer::flag("server.port = 82")]).unwrap();
    assert_eq!((config.port, config.poll, config.name.as_str()), (82, Duration::from_secs(1), "there"));
    let disk = ("disk".to_owned(), "file:x".to_owned(), ByteSize::mib(64));
    let more = ("more".to_owned(), "file:y".to_owned(), ByteSize::mib(64));
    assert_eq!(config.stores, [disk, more]);
    let expected = "\
# The configuration in force. A value without a comment is the default.

[server]
port = 82  # from --set server.port
poll = \"1s\"
name = \"there\"  # from my.toml:3:8

[stores.disk]
url = \"file:x\"
room = \"64MiB\"

[stores.more]
url = \"file:y\"  # from my.toml:5:12
room = \"64MiB\"
";
    assert_eq!(in_force.to_string(), expected);
    assert!(!in_force.without(&["server"]).contains("port"));
}

#[test]
fn every_mistake_is_told_with_its_place_its_key_and_a_way_out() {
    let told = mistakes(
        "[server]\nprot = 1\nport = 0\npoll = 10\nname = \"\"\n[sevrer]\nx = 1\n[stores]\nodd = 3\n[stores.new]\nroom = \"big\"\n",
    );
    let expected = [
        "my.toml:2:1: `server.prot` is no key; did you mean `server.port`?",
        "my.toml:3:8: `server.port` is 0, which is too small; write a whole number, without quotes, from 1 to 65535",
        "my.toml:4:8: `server.poll` is 10, which is a whole number; write a number and its unit (ms, s, m, h or d), such as \"10s\"",
        "my.toml:5:8: `server.name` is \"\", which is empty; write a text in quotes",
        "my.toml:6:2: `sevrer` is no key; did you mean `server`?",
        "my.toml:9:7: `stores.odd` is 3, which is a whole number; make it a section, `[stores.odd]`, with its keys below",
        "my.toml:10:9: `stores.new.url` is missing; write a text in quotes",
        "my.toml:11:8: `stores.new.room` is \"big\", which is no size; write a number and its unit (KiB, MiB, GiB, or kB, MB, GB), such as \"64MiB\"",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_key_below_the_wrong_header_is_sent_to_the_right_one() {
    assert_eq!(
        mistakes("[stores.disk]\npoll = \"1s\"\n"),
        ["my.toml:2:1: `stores.disk.poll` is no key; did you mean `server.poll`?"]
    );
    assert_eq!(
        mistakes("[stores.disk]\ncolour = 1\n\"a\\nb\" = 1\n"),
        [
            "my.toml:2:1: `stores.disk.colour` is no key; known here are room, url",
            "my.toml:3:1: `stores.disk.\"a\\nb\"` is no key; known here are room, url"
        ]
    );
}

#[test]
fn broken_lines_are_all_told_and_hide_no_other_mistake() {
    let told = mistakes(
        "[server]\nport 80\npoll = 10s\nname = \"open\n%%%\nport = \"x\"\n[stores\nurl = 1\n[stores.disk]\nroom = {\n[server]\n",
    );
    let lines: Vec<&str> = told.iter().map(|line| line.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "10", "11"], "{told:#?}");
    assert!(told[1].contains("put quotes around the value"), "{told:#?}");
    assert!(told[4].contains("`server.port` is \"x\""), "{told:#?}");
    assert!(told[7].contains("duplicate key"), "{told:#?}");
}

#[test]
fn a_statement_may_span_lines_also_beside_broken_ones() {
    let told = mistakes("stores.new = {\n  url = \"file:y\",\n  room = \"x\"\n}\n???\n");
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("my.toml:3:10: `stores.new.room`") && told[1].starts_with("my.toml:5:"), "{told:#?}");
}

#[test]
fn what_is_missing_is_not_complained_of_where_lines_were_lost() {
    let told = mistakes("[stores.new]\nurl \"file:y\"\n");
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn flags_take_toml_or_a_text_without_quotes() {
    for (flag, name) in [
        ("server.name=plain text", "plain text"),
        ("server.name = \"a\\tb\"", ""),
        ("server.name='12'", "12"),
        ("server.name=a=b", "a=b"),
        ("server={name = \"x\"}", "x"),
    ] {
        match config(&[Layer::flag(flag)]) {
            Ok((config, _)) => assert_eq!(config.name, name),
            Err(mistakes) => assert!(name.is_empty() && mistakes.to_string().contains("control"), "{mistakes}"),
        }
    }
    for (flag, told) in [
        ("server.name", "--set server.name: it is no KEY=VALUE"),
        ("=x", "--set : it is no KEY=VALUE"),
        ("a..b=secret", "--set a..b: it is no KEY=VALUE"),
        ("server.name=\"open", "--set server.name: the value of `server.name` is no TOML"),
        ("server.name=12", "--set server.name: `server.name` is 12, which is a whole number"),
        ("server.port=x", "`server.port` is \"x\", which is a text"),
        ("server.naem=x", "did you mean `server.name`?"),
        ("server=x", "make it a section"),
    ] {
        let message = config(&[Layer::flag(flag)]).unwrap_err().to_string();
        assert!(message.contains(told) && !message.contains("secret"), "{message}");
    }
}

/// The cluster's guard read flags letter by letter, and programs as TOML: an escape was enough to get past it.
#[test]
fn what_a_layer_says_is_told_as_programs_read_it() {
    let said = |layer: &Layer| -> Vec<String> {
        layer.said().unwrap().into_iter().map(|said| format!("{}={}", said.key, said.text)).collect()
    };
    for (flag, says) in [
        (r#"a.b="\u002fetc""#, "a.b=/etc"),
        ("a = '''\n/etc'''", "a=/etc"),
        (r#"a={"b\u002ec"={d=['x',5]}}"#, "a.b.c.d=x a.b.c.d=5"),
        ("a=/etc/x", "a=/etc/x"),
        ("a=b=c", "a=b=c"),
        ("a=99999999999999999999", "a=99999999999999999999"),
        ("a=1.5", "a=1.5"),
    ] {
        assert_eq!(said(&Layer::flag(flag)).join(" "), says, "{flag}");
    }
    let file = Layer::text("my.toml", "a.b = true\n[[c]]\n\"d.e\" = \"\\x2f\"\n[c.f]\ng = 1979-05-27");
    assert_eq!(said(&file), ["a.b=true", "c.d.e=/", "c.f.g=1979-05-27"]);
    for layer in [Layer::flag("a"), Layer::flag("a=\"open"), Layer::flag("\"a\"=1"), Layer::text("x", "a = /etc")] {
        assert!(!layer.said().unwrap_err().0.is_empty(), "{layer:?}");
    }
}

#[test]
fn a_file_that_can_not_be_read_is_a_mistake_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, [b'a', 0xff]).unwrap();
    let missing = Layer::file(&folder.path().join("none.toml"));
    let told = config(&[missing, Layer::file(&binary), Layer::flag("server.port=0")]).unwrap_err();
    let told: Vec<String> = told.0.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("none.toml: the file can't be read"), "{told:#?}");
    assert!(told[1].contains("binary.toml: it is no text (a byte at offset 1"), "{told:#?}");
}

#[test]
fn many_mistakes_are_counted() {
    let text: String = (0..150).map(|number| format!("x{number} = 1\n")).collect();
    let message = config(&[Layer::text("my.toml", text)]).unwrap_err().to_string();
    assert!(message.starts_with("150 mistakes") && message.ends_with("and 50 more"), "{message}");
}

#[test]
fn a_sum_that_no_duration_can_hold_is_refused() {
    let text = Value::Text("18446744073709551615s 1000ms".to_owned());
    assert!(Duration::from_value(&text).is_err());
}

fn settles<T: Setting + PartialEq + std::fmt::Debug>(value: &T) {
    assert_eq!(&T::from_value(&value.to_value()).unwrap(), value);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*", lines in proptest::collection::vec("[\\[\\]{}=.,\"'# a-c0-9\\n]{0,30}", 0..8)) {
        let layers = [Layer::text("my.toml", text.clone()), Layer::text("lines", lines.join("\n")), Layer::flag(&text)];
        if let Err(mistakes) = config(&layers) {
            prop_assert!(!mistakes.0.is_empty());
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(millis in 0_u64..=86_400_000, nanos in 0_u32..1_000_000_000, bytes: u64, number: u32) {
        settles(&Duration::from_millis(millis));
        settles(&Duration::new(millis / 1_000, nanos));
        settles(&ByteSize::b(bytes));
        settles(&number);
    }

    #[test]
    fn no_short_duration_makes_it_panic(text in "([0-9]{1,20}(y|d|s|ms|ns| |\\.)){0,3}") {
        let _ = Duration::from_value(&Value::Text(text));
    }
}
