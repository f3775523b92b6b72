use flightline_engine::contract::Standing::{Final, Provisional};
use mongodb::bson::doc;

use super::*;
use crate::mongodb::answer::tests::answer;
use crate::mongodb::scripted::Scripted;

fn desk(scripted: &Scripted) -> Desk {
    Desk { server: scripted.server.clone(), name: "d.c".parse().unwrap() }
}

/// What MongoDB 8 says of a bulk write in which these were refused.
fn told(refused: &[(i32, i32)], more: Document) -> Document {
    let refused: Vec<_> = refused
        .iter()
        .map(|(index, code)| doc! {"ok": 0.0, "idx": *index, "code": *code, "errmsg": "E: refused", "n": 0})
        .collect();
    let mut answer = doc! {
        "ok": 1.0, "nErrors": refused.len() as i32, "nInserted": 1, "nMatched": 0, "nModified": 0, "nUpserted": 1,
        "nDeleted": 0, "cursor": {"id": 0_i64, "ns": "admin.$cmd.bulkWrite", "firstBatch": refused},
    };
    answer.extend(more);
    answer
}

fn answers() -> [Answer; 3] {
    [answer("a", 0, 1, Final), answer("b", 0, 2, Provisional), answer("c", 1, 7, Final)]
}

#[test]
fn a_server_with_bulk_writes_gets_one_for_a_batch() {
    let scripted = Scripted::start("8.0.4", |_, _| told(&[(2, 11_000), (1, 11_000)], doc! {}));
    assert_eq!(desk(&scripted).put(&answers()).unwrap(), [1, 2]);
    let commands = scripted.heard("bulkWrite");
    let [command] = commands.as_slice() else { panic!("{commands:?}") };
    assert!(!command.get_bool("ordered").unwrap());
    let concern = command.get_document("writeConcern").unwrap();
    assert_eq!((concern.get_str("w").unwrap(), concern.get_bool("j").unwrap()), ("majority", true));
    let [first, second, third] = command.get_array("ops").unwrap().as_slice() else { panic!("{command}") };
    let [a, b, c] = answers();
    for (op, answer) in [(first, &a), (third, &c)] {
        let op = op.as_document().unwrap();
        assert_eq!(op.get_document("filter").unwrap(), &answer.filter());
        assert_eq!(op.get_document("updateMods").unwrap(), &answer.document);
        assert!(op.get_bool("upsert").unwrap() && !op.get_bool("multi").unwrap());
    }
    assert_eq!(second.as_document().unwrap().get_document("document").unwrap(), &b.document);
    assert!(scripted.heard("update").is_empty() && scripted.heard("insert").is_empty());
}

#[test]
fn an_older_server_gets_updates_and_ferretdb_inserts() {
    let scripted = Scripted::start("7.0.1", |_, _| {
        doc! {"n": 2, "ok": 1.0, "writeErrors": [{"index": 1, "code": 11_000, "errmsg": "E11000"}]}
    });
    assert_eq!(desk(&scripted).put(&answers()).unwrap(), [1]);
    let updates = scripted.heard("update");
    let updates = updates[0].get_array("updates").unwrap();
    let expected: Vec<_> = answers().iter().map(|answer| Bson::Document(command::upsert(answer))).collect();
    assert_eq!(updates, &expected);
}

#[test]
fn what_a_bulk_write_is_refused_for_is_told_apart() {
    let lost = doc! {"writeConcernError": {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "timed out"}};
    let never = doc! {"writeConcernError": {"code": 100, "codeName": "X", "errmsg": "not enough members"}};
    let stepped = doc! {"ok": 0.0, "code": 10_107, "codeName": "NotWritablePrimary", "errmsg": "not primary"};
    for (answer, transient, sign) in [
        (told(&[(0, 121)], doc! {}), false, "validation rules"),
        (told(&[(1, 11_000)], lost), true, "no majority"),
        (told(&[], never), false, "w: majority, j: true"),
        (stepped, true, "no primary now"),
    ] {
        let scripted = Scripted::start("8.0.4", move |_, _| answer.clone());
        let error = desk(&scripted).put(&answers()).unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        let said = error.to_string();
        assert!(said.contains(sign) && said.contains("collection `d.c`") && said.contains("127.0.0.1:"), "{said}");
    }
}
