//! Small models for tests: random forests over random features, from one number.

use flightline_operators::columns::Number;
use flightline_operators::evaluate::Tally;
use flightline_operators::forest::{
    BinSet, ClassCounts, FeatureSubset, Forest, ForestParams, Impurity, Node, NodeIndex, Rule, Smoothing, Split, Tree,
};
use flightline_operators::identity::{Purpose, Seed};
use flightline_operators::space::{Bin, BinLimit, ColumnSummary, FeatureBins, FeatureIndex, FeatureSpace};
use flightline_operators::table::Class;

use super::{DataFingerprint, FeatureContract, GoldenFlight, IdentitySum, Metrics, ModelParts, Schema};
use crate::flight::date::FlightDate;
use crate::flight::features::{Feature, FeatureKind};
use crate::flight::label::DelayClass;
use crate::request::{Request, RequestId};

/// How large a random model is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) trees: u32,
    pub(crate) depth: u8,
    pub(crate) names: u64,
    pub(crate) golden: usize,
}

/// A few nodes, for tests that touch every byte.
pub(crate) const TINY: Size = Size { trees: 2, depth: 2, names: 4, golden: 2 };

/// Vocabularies over several words, and features with more bins than a byte holds.
pub(crate) const SMALL: Size = Size { trees: 4, depth: 5, names: 300, golden: 5 };

/// A source of chance that gives the same numbers for the same seed.
pub(crate) struct Dice {
    seed: Seed,
    thrown: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: Seed(seed), thrown: 0 }
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.thrown += 1;
        self.seed.draw(Purpose::Bagging, [self.thrown]) % limit
    }

    /// A number with all its digits.
    fn number(&mut self, limit: u64) -> Number {
        let whole = self.below(limit) as f64;
        Number::new(whole - limit as f64 / 3.0 + 1.0 / (self.below(1000) + 3) as f64).unwrap()
    }
}

/// The parts of a random model.
pub(crate) fn parts(seed: u64, size: Size) -> ModelParts {
    let dice = &mut Dice::new(seed);
    let mut features = Feature::ALL.to_vec();
    for _ in 0..dice.below(6) {
        features.remove(dice.below(features.len() as u64) as usize);
    }
    let space = FeatureSpace { features: features.iter().map(|feature| bins(*feature, dice, size)).collect() };
    let trees = (0..size.trees).map(|_| tree(dice, &space, size.depth)).collect();
    let contracts = space.features.iter().map(|bins| contract(bins, dice)).collect();
    let golden = (0..size.golden).map(|_| flight(dice)).collect();
    ModelParts {
        schema: Schema::of(features),
        params: ForestParams {
            trees: size.trees,
            depth: size.depth,
            features_per_node: [FeatureSubset::Sqrt, FeatureSubset::All, FeatureSubset::Count(3)]
                [dice.below(3) as usize],
            impurity: [Impurity::Gini, Impurity::Entropy][dice.below(2) as usize],
            min_rows: 1 + dice.below(9) as u32,
            bagging: dice.below(2) == 0,
            smoothing: Smoothing(dice.below(7) as f64 / 3.0),
            bins: BinLimit::default(),
            seed: Seed(u64::MAX - seed),
        },
        forest: Forest { classes: DelayClass::COUNT as u8, trees },
        space,
        metrics: Metrics {
            companion: None,
            held_out: Some(tally(dice)),
            hold_out: "last:0.2".to_owned(),
            train: Some(tally(dice)),
        },
        fingerprint: DataFingerprint {
            first_day: FlightDate::from_ymd(2013, 1, 1),
            identity_sum: IdentitySum(u128::from(dice.below(u64::MAX)) << 40),
            last_day: FlightDate::from_ymd(2013, 12, 31),
            rows: dice.below(1_000_000),
        },
        contracts,
        golden,
    }
}

fn bins(feature: Feature, dice: &mut Dice, size: Size) -> FeatureBins {
    let count = 1 + dice.below(size.names);
    match feature.kind() {
        FeatureKind::Numeric => {
            let mut cuts: Vec<Number> = (0..count).map(|_| dice.number(3000)).collect();
            cuts.sort_unstable();
            cuts.dedup();
            FeatureBins::Numeric { cuts }
        }
        FeatureKind::Categorical => {
            FeatureBins::Categorical { names: (0..count).map(|name| name_of(feature, name)).collect() }
        }
    }
}

fn name_of(feature: Feature, name: u64) -> Box<str> {
    match feature {
        Feature::Route => format!("A{name}-A{}", name + 1),
        _ => format!("A{name}"),
    }
    .into()
}

fn tree(dice: &mut Dice, space: &FeatureSpace, depth: u8) -> Tree {
    let mut nodes: Vec<Node> = Vec::new();
    let mut awaited = vec![NodeIndex::ROOT];
    let mut next = 0;
    while let Some(index) = awaited.get(next).copied() {
        next += 1;
        let split = (index.depth() < depth && (next == 1 || dice.below(4) > 0)).then(|| Box::new(split(dice, space)));
        if split.is_some() {
            awaited.extend([index.left(), index.right()]);
        }
        let counts = (0..DelayClass::COUNT).map(|_| dice.below(50)).collect();
        nodes.push(Node { index, counts: ClassCounts(counts), split });
    }
    Tree { nodes }
}

fn split(dice: &mut Dice, space: &FeatureSpace) -> Split {
    let feature = dice.below(space.features.len() as u64) as usize;
    let bins = &space.features[feature];
    let rule = if bins.is_categorical() {
        let density = 1 + dice.below(9);
        let chosen: Vec<Bin> = (0..bins.len() as Bin).filter(|_| dice.below(10) < density).collect();
        Rule::In(BinSet::of(chosen, bins.len()))
    } else {
        Rule::AtMost(dice.below(bins.len() as u64) as Bin)
    };
    Split { feature: FeatureIndex(feature as u16), rule, gain: dice.number(100).get() }
}

fn contract(bins: &FeatureBins, dice: &mut Dice) -> FeatureContract {
    let summary = match bins {
        FeatureBins::Numeric { cuts } => {
            ColumnSummary::Numeric(cuts.iter().map(|cut| (*cut, 1 + dice.below(9))).collect())
        }
        FeatureBins::Categorical { names } => {
            ColumnSummary::Categorical(names.iter().map(|name| (name.clone(), 1 + dice.below(9))).collect())
        }
    };
    FeatureContract::of(&summary, dice.below(3))
}

fn tally(dice: &mut Dice) -> Tally {
    let mut tally = Tally::empty(DelayClass::COUNT as u8);
    for _ in 0..20 {
        let share = dice.below(100) as f64 / 100.0;
        tally.add(Class(dice.below(4) as u8), &[share, (1.0 - share) / 2.0, (1.0 - share) / 4.0, (1.0 - share) / 4.0]);
    }
    tally
}

/// A flight whose names may or may not be known to a model.
pub(crate) fn flight(dice: &mut Dice) -> GoldenFlight {
    let uuid = format!("00000000-0000-4000-8000-{:012}", dice.below(1_000_000));
    let request = Request {
        carrier: name_of(Feature::Carrier, dice.below(400)),
        departure_delay: Number::new(dice.below(300) as f64 / 7.0 - 20.0).unwrap(),
        dest: name_of(Feature::Dest, dice.below(5)),
        date: FlightDate::from_days(15_706 + dice.below(365) as i32).unwrap(),
        flight_number: (dice.below(5) > 0).then(|| name_of(Feature::FlightNum, dice.below(400))),
        origin: name_of(Feature::Origin, dice.below(5)),
        timestamp: (dice.below(2) == 0).then(|| "2013-01-01T00:00:00.000Z \"x\"".into()),
        id: RequestId::parse(&uuid).unwrap(),
    };
    GoldenFlight { request, distance: Number::new(dice.below(3000) as f64 + 0.1).unwrap() }
}
