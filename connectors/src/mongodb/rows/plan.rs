//! What must be done for a collection to hold some rows. Pure.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{Bson, Document, doc};

use super::set;
use crate::mongodb::json::{self, ID};

/// The fields of a row's key, as canonical JSON: comparable, and the same for 1 and 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<Vec<u8>>);

impl Key {
    /// The key of a document; `None` if it lacks one of the fields.
    pub(super) fn of(fields: &[Box<str>], document: &Document) -> Option<Self> {
        let field = |name: &str| Some(json::line(&doc! {"k": document.get(name)?.clone()}));
        fields.iter().map(|name| field(name)).collect::<Option<_>>().map(Self)
    }
}

/// The writes, and what needs none.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Documents.
    pub(super) inserts: Vec<Document>,
    /// Parts of the command `update`.
    pub(super) updates: Vec<Document>,
    /// Ids.
    pub(super) deletes: Vec<Bson>,
    pub(super) same: u64,
    /// Documents that are there for no row, or a second time, and stay.
    pub(super) others: u64,
}

impl Plan {
    /// Compares. Of several documents of one row all are put right, so that no reader finds two that differ; with `prune`
    /// the first of them stays alone.
    pub(super) fn of(key: &[Box<str>], wanted: &BTreeMap<Key, Document>, there: &[Document], prune: bool) -> Self {
        let mut plan = Self::default();
        let mut found: BTreeSet<Key> = BTreeSet::new();
        for document in there {
            let row = Key::of(key, document).and_then(|key| Some((wanted.get(&key)?, key)));
            let id = document.get(ID).cloned().unwrap_or(Bson::Null);
            let is_surplus = match &row {
                Some((_, key)) => found.contains(key),
                None => true,
            };
            if is_surplus && prune {
                plan.deletes.push(id);
                continue;
            }
            plan.others += u64::from(is_surplus);
            let Some((row, key)) = row else { continue };
            let differs = |(name, value): &(&String, &Bson)| document.get(name.as_str()) != Some(*value);
            let changes: Document =
                row.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect();
            if !changes.is_empty() {
                plan.updates.push(set(id, changes));
            } else if !is_surplus {
                plan.same += 1;
            }
            found.insert(key);
        }
        let new = wanted.iter().filter(|(key, _)| !found.contains(*key));
        plan.inserts = new.map(|(_, row)| with_id(key, row)).collect();
        plan
    }
}

/// A new document: its `_id` is made of its key, `EWR-ALB`, so that two who bring the same row make one document.
fn with_id(key: &[Box<str>], row: &Document) -> Document {
    let part = |name: &str| match row.get(name) {
        Some(Bson::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut document = doc! {ID: key.iter().map(|name| part(name)).collect::<Vec<_>>().join("-")};
    document.extend(row.clone());
    document
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Vec<Box<str>> {
        ["Origin".into(), "Dest".into()].to_vec()
    }

    fn row(origin: &str, dest: &str, miles: f64) -> Document {
        doc! {"Origin": origin, "Dest": dest, "Distance": miles}
    }

    fn wanted(rows: impl IntoIterator<Item = Document>) -> BTreeMap<Key, Document> {
        rows.into_iter().map(|row| (Key::of(&key(), &row).unwrap(), row)).collect()
    }

    #[test]
    fn what_is_new_differs_or_is_the_same_is_told_apart() {
        let with = |id: i32, mut row: Document| {
            row.insert(ID, id);
            row
        };
        let there = [
            with(1, row("A", "B", 1.0)),
            with(2, doc! {"Origin": "A", "Dest": "C", "Distance": 9, "note": "kept"}),
            with(3, row("X", "Y", 5.0)),
            with(4, row("A", "B", 1.5)),
            with(5, doc! {"other": true}),
        ];
        let wanted = wanted([row("A", "B", 1.0), row("A", "C", 2.0), row("A", "D", 3.0)]);
        let plan = Plan::of(&key(), &wanted, &there, false);
        assert_eq!(plan.inserts, [doc! {"_id": "A-D", "Origin": "A", "Dest": "D", "Distance": 3.0}]);
        assert_eq!(plan.updates, [set(2.into(), doc! {"Distance": 2.0}), set(4.into(), doc! {"Distance": 1.0})]);
        assert_eq!((plan.same, plan.others, plan.deletes), (1, 3, Vec::new()));
        let plan = Plan::of(&key(), &wanted, &there, true);
        assert_eq!(plan.deletes, [Bson::Int32(3), Bson::Int32(4), Bson::Int32(5)]);
        assert_eq!((plan.updates.len(), plan.same, plan.others), (1, 1, 0));
    }

    /// Carries a plan out on documents in memory.
    fn carried_out(there: &[Document], plan: &Plan) -> Vec<Document> {
        let mut documents: Vec<Document> = there.to_vec();
        documents.retain(|document| !plan.deletes.contains(document.get(ID).unwrap()));
        for update in &plan.updates {
            let id = update.get_document("q").unwrap().get(ID).unwrap();
            let set = update.get_document("u").unwrap().get_document("$set").unwrap();
            let found = documents.iter_mut().find(|document| document.get(ID) == Some(id)).unwrap();
            found.extend(set.clone());
        }
        documents.extend(plan.inserts.iter().cloned());
        documents
    }

    fn any_rows() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        prop::collection::vec((0_u8..4, 0_u8..4, 0_u8..3), 0..12)
    }

    proptest! {
        #[test]
        fn afterwards_every_row_is_there_and_nothing_is_left_to_do(
            before in any_rows(), rows in any_rows(), prune: bool,
        ) {
            let row_of = |(origin, dest, miles): (u8, u8, u8)| row(&origin.to_string(), &dest.to_string(), miles.into());
            let there: Vec<Document> = before.into_iter().enumerate().map(|(id, numbers)| {
                let mut document = doc! {ID: id as i64};
                document.extend(row_of(numbers));
                document
            }).collect();
            let wanted = wanted(rows.into_iter().map(row_of));
            let plan = Plan::of(&key(), &wanted, &there, prune);
            let after = carried_out(&there, &plan);
            for (key_of, row) in &wanted {
                let copies = after.iter().filter(|document| Key::of(&key(), document).as_ref() == Some(key_of));
                let miles: Vec<_> = copies.map(|document| document.get("Distance").cloned()).collect();
                prop_assert!(!miles.is_empty() && miles.iter().all(|miles| miles.as_ref() == row.get("Distance")));
                prop_assert!(!prune || miles.len() == 1);
            }
            prop_assert!(!prune || after.len() == wanted.len());
            let again = Plan::of(&key(), &wanted, &after, prune);
            prop_assert!(again.inserts.is_empty() && again.updates.is_empty() && again.deletes.is_empty());
            prop_assert_eq!(again.same, wanted.len() as u64);
        }
    }
}
