//! The oracle: plain loops over all rows of a node.

use super::*;

pub(super) fn block(row: usize) -> Block {
    Block((row % 3) as u8)
}

pub(super) fn naive_forest(case: &Case, task: &ForestTask) -> Forest {
    let params = &task.params;
    let tree = |tree| {
        let weight = |row: usize| match task.fold.is_none_or(|fold| fold.sees(block(row))) {
            true if params.bagging => bagging_weight(params.seed, TreeIndex(tree), key(row)).into(),
            seen => u64::from(seen),
        };
        let bag: Vec<(usize, u64)> =
            (0..case.rows.len()).map(|row| (row, weight(row))).filter(|row| row.1 > 0).collect();
        let mut nodes = Vec::new();
        naive_node(case, params, TreeIndex(tree), NodeIndex::ROOT, &bag, &mut nodes);
        nodes.sort_by_key(|node: &Node| node.index);
        Tree { nodes }
    };
    Forest { classes: CLASSES as u8, trees: (0..params.trees).map(tree).collect() }
}

fn naive_node(
    case: &Case,
    params: &ForestParams,
    tree: TreeIndex,
    index: NodeIndex,
    bag: &[(usize, u64)],
    nodes: &mut Vec<Node>,
) {
    let counts = naive_counts(case, bag);
    let split = naive_split(case, params, tree, index, bag, &counts);
    if let Some(split) = &split {
        let goes_left = |row: usize| split.rule.goes_left(case.rows[row].0[split.feature.index()]);
        let (left, right): (Vec<_>, Vec<_>) = bag.iter().partition(|(row, _)| goes_left(*row));
        naive_node(case, params, tree, index.left(), &left, nodes);
        naive_node(case, params, tree, index.right(), &right, nodes);
    }
    nodes.push(Node { index, counts, split: split.map(Box::new) });
}

fn naive_counts(case: &Case, bag: &[(usize, u64)]) -> ClassCounts {
    let mut counts = ClassCounts::zero(CLASSES);
    bag.iter().for_each(|(row, weight)| counts.0[usize::from(case.rows[*row].1)] += weight);
    counts
}

fn numbers(counts: &ClassCounts) -> [f64; CLASSES] {
    counts.to_numbers().try_into().unwrap()
}

fn naive_split(
    case: &Case,
    params: &ForestParams,
    tree: TreeIndex,
    index: NodeIndex,
    bag: &[(usize, u64)],
    counts: &ClassCounts,
) -> Option<Split> {
    if index.depth() == params.depth || counts.is_pure() {
        return None;
    }
    let parent = gain::weighted_impurity(params.impurity, &counts.to_numbers());
    let mut best = (counts.total() as f64 * gain::LEAST_RELATIVE_GAIN, None);
    for feature in FeatureDealer::new(params, 4).deal(tree, index).to_vec() {
        let of_bin = |bin: Bin| -> Vec<(usize, u64)> {
            bag.iter().copied().filter(|(row, _)| case.rows[*row].0[feature.index()] == bin).collect()
        };
        let mut order: Vec<Bin> = (0..BINS).filter(|bin| !of_bin(*bin).is_empty()).collect();
        let names = match &case.space.features[feature.index()] {
            FeatureBins::Numeric { .. } => None,
            FeatureBins::Categorical { names } => Some(names),
        };
        if let Some(names) = names {
            let of_bins: Vec<ClassCounts> = order.iter().map(|bin| naive_counts(case, &of_bin(*bin))).collect();
            let by_class: Vec<[f64; CLASSES]> = of_bins.iter().map(numbers).collect();
            let mut placed: Vec<(f64, &str, Bin)> = principal_places(&by_class, &numbers(counts))
                .into_iter()
                .zip(&order)
                .map(|(place, bin)| (place, names[usize::from(*bin)].as_ref(), *bin))
                .collect();
            placed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
            order = placed.into_iter().map(|(_, _, bin)| bin).collect();
        }
        for cut in 1..order.len() {
            let left: Vec<(usize, u64)> = order[..cut].iter().flat_map(|bin| of_bin(*bin)).collect();
            let left = naive_counts(case, &left);
            let right = counts.without(&left);
            if left.total().min(right.total()) < u64::from(params.min_rows) {
                continue;
            }
            let gain = gain::gain(params.impurity, parent, &left.to_numbers(), &right.to_numbers());
            if gain > best.0 {
                let mut chosen = order[..cut].to_vec();
                if names.is_some() && left.total() >= right.total() {
                    chosen.extend((0..=BINS).filter(|bin| !order.contains(bin)));
                }
                let rule = match names {
                    None => Rule::AtMost(order[cut - 1]),
                    Some(names) => Rule::In(BinSet::of(chosen, names.len() + 1)),
                };
                best = (gain, Some(Split { feature, rule, gain }));
            }
        }
    }
    best.1
}
