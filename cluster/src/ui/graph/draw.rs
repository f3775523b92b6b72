//! The picture of one scope.

use maud::{Markup, html};

use super::floor::{Arrow, Floor, Kind, Node};
use super::layout::{Layout, Place, Route, Size, layout};
use crate::ui::svg::{at, point};
use crate::ui::words::{clean, clip, count, counted, percent, share, short};

const OPERATOR: Size = Size { width: 184.0, height: 62.0 };
const EDGE: Size = Size { width: 104.0, height: 26.0 };
/// So many characters of a name fit into a box.
const NAME: usize = 25;
/// What a letter of a label takes, and what a line of it does.
const LETTER: f64 = 6.6;
const LINE: f64 = 12.0;
/// Half of an arrow head's width, and its length.
const HEAD: (f64, f64) = (4.0, 7.0);

/// The picture of a scope's floor, or `None` if it has too many boxes for one. `whole` is the time that heat is a share of;
/// `open` makes the link that opens a scope.
pub(in crate::ui) fn draw(floor: &Floor, whole: u64, label: &str, open: impl Fn(&str) -> String) -> Option<Markup> {
    let sizes: Vec<Size> = floor
        .boxes
        .iter()
        .map(|node| if matches!(node.kind, Kind::Entry | Kind::Exit) { EDGE } else { OPERATOR })
        .collect();
    let ends: Vec<(usize, usize)> = floor.arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let laid = layout(&sizes, &ends)?;
    let (width, height) = (at(laid.width), at(laid.height));
    Some(html! {
        svg.dataflow width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="group" aria-label=(label) {
            @for (arrow, route) in floor.arrows.iter().zip(&laid.routes) { (line_of(arrow, route)) }
            @for (node, place) in floor.boxes.iter().zip(&laid.boxes) { (box_of(node, *place, whole, &open)) }
            @for (arrow, label) in floor.arrows.iter().zip(labels(floor, &laid)) { @if let Some(label) = label { (label_of(arrow, &label, floor)) } }
        }
    })
}

fn box_of(node: &Node, place: Place, whole: u64, open: &impl Fn(&str) -> String) -> Markup {
    let Size { width, height } = place.size;
    let (x, y, middle) = (at(place.x), at(place.y), at(place.middle()));
    let name = clean(&node.name);
    let inner = |class: &str| {
        html! {
            title { (hint(node, whole)) }
            rect class=(class) x=(x) y=(y) width=(width) height=(height) rx="7" {}
        }
    };
    match &node.kind {
        Kind::Entry | Kind::Exit => html! {
            g.edge {
                (inner("frame"))
                text x=(middle) y=(at(place.y + 17.0)) text-anchor="middle" { (name) }
            }
        },
        Kind::Operator(_) => html! {
            g.operator.over[node.running == 0] {
                (inner(heat(node.nanos, whole)))
                (words_in(node, &name, place, whole))
            }
        },
        Kind::Scope(address, inside) => html! {
            g.operator.scope.over[node.running == 0] {
                a href=(open(&address.to_string())) aria-label=(format!("open {name}, {} inside", counted(*inside as u64, "operator"))) {
                    rect.behind x=(at(place.x + 5.0)) y=(at(place.y + 5.0)) width=(width) height=(height) rx="7" {}
                    (inner(heat(node.nanos, whole)))
                    (words_in(node, &name, place, whole))
                    text.inside x=(at(place.x + width - 10.0)) y=(at(place.y + 56.0)) text-anchor="end" { "+" (inside) }
                }
            }
        },
    }
}

/// Name, time and records.
fn words_in(node: &Node, name: &str, place: Place, whole: u64) -> Markup {
    let x = at(place.x + 10.0);
    let seconds = seconds(node.nanos);
    html! {
        text.name x=(x) y=(at(place.y + 20.0)) { (clip(name, NAME)) }
        text x=(x) y=(at(place.y + 38.0)) { (seconds) " · " (percent(share(node.nanos, whole))) }
        text.records x=(x) y=(at(place.y + 54.0)) { (short(node.taken as f64)) " in, " (short(node.given as f64)) " out" }
    }
}

fn line_of(arrow: &Arrow, route: &Route) -> Markup {
    let class = match (arrow.waiting > 0, arrow.records > 0) {
        (true, _) => "arrow waits",
        (false, true) => "arrow",
        (false, false) => "arrow idle",
    };
    let thick = 1.2 + (arrow.records as f64 + 1.0).log10().min(9.0) / 4.0;
    let dashes = route.goes_back.then_some("5 4");
    html! {
        g class=(class) {
            path d=(curve(&route.points)) stroke-width=(at(thick)) stroke-dasharray=[dashes] {}
            polygon points=(head(&route.points)) {}
        }
    }
}

/// What is said at an arrow, and where.
struct Label {
    text: String,
    x: f64,
    y: f64,
}

/// How many records went along each arrow, and how many wait: on that end of it that fewer others share, and beside other
/// labels as far as that goes.
fn labels(floor: &Floor, laid: &Layout) -> Vec<Option<Label>> {
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    let each = floor.arrows.iter().zip(&laid.routes).map(|(arrow, route)| {
        let waiting = (arrow.waiting > 0).then(|| format!(", {} wait", short(arrow.waiting as f64)));
        let text = format!("{}{}", short(arrow.records as f64), waiting.unwrap_or_default());
        let half = text.chars().count() as f64 * LETTER / 2.0;
        let into = floor.arrows.iter().filter(|other| other.to == arrow.to).count();
        let out_of = floor.arrows.iter().filter(|other| other.from == arrow.from).count();
        let (from, to) = match route.points[..] {
            [.., before, last] if into <= out_of => (before, last),
            [first, second, ..] => (first, second),
            _ => return None,
        };
        let is_free = |(x, y): &(f64, f64)| {
            taken
                .iter()
                .all(|(other, at, other_half)| (other - x).abs() > half + other_half + LETTER || (at - y).abs() > LINE)
        };
        let along = [0.5, 0.36, 0.64, 0.24, 0.76].map(|part| on_curve(from, to, part));
        let (x, y) = along.iter().copied().find(is_free).unwrap_or(along[0]);
        let x = x.clamp(half.min(laid.width / 2.0), (laid.width - half).max(laid.width / 2.0));
        (arrow.records > 0).then(|| {
            taken.push((x, y, half));
            Label { text, x, y }
        })
    });
    each.collect()
}

/// The point of the curve between two points at this part of the way; see [`curve`].
fn on_curve(from: (f64, f64), to: (f64, f64), part: f64) -> (f64, f64) {
    let rest = 1.0 - part;
    let (begins, ends) = (rest.powi(3), part.powi(3));
    let (near, far) = (3.0 * rest * rest * part, 3.0 * rest * part * part);
    let middle = (from.1 + to.1) / 2.0;
    (from.0 * (begins + near) + to.0 * (ends + far), from.1 * begins + middle * (near + far) + to.1 * ends)
}

fn label_of(arrow: &Arrow, label: &Label, floor: &Floor) -> Markup {
    let name = |at: usize| floor.boxes.get(at).map_or_else(String::new, |node| clean(&node.name));
    html! {
        text.flow.waits[arrow.waiting > 0] x=(at(label.x)) y=(at(label.y + 3.5)) text-anchor="middle" {
            (label.text)
            title {
                (name(arrow.from)) " to " (name(arrow.to)) ": " (counted(arrow.records, "record")) " in "
                (counted(arrow.batches, "batch")) ", " (count(arrow.waiting)) " waiting, " (counted(arrow.channels, "channel"))
            }
        }
    }
}

/// All that is known of a box.
fn hint(node: &Node, whole: u64) -> String {
    if matches!(node.kind, Kind::Entry | Kind::Exit) {
        return clean(&node.name);
    }
    format!(
        "{}: {} of work ({} of all), {}, {} in, {} out, running in {}",
        clean(&node.name),
        seconds(node.nanos),
        percent(share(node.nanos, whole)),
        counted(node.activations, "activation"),
        counted(node.taken, "record"),
        count(node.given),
        counted(node.running, "worker"),
    )
}

/// Time of work, from nanoseconds.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(in crate::ui) fn seconds(nanos: u64) -> String {
    if nanos == 0 {
        return "no time".to_owned();
    }
    match nanos as f64 / 1e9 {
        time if time < 0.000_999_5 => format!("{:.0} µs", time * 1e6),
        time if time < 0.9995 => format!("{:.0} ms", time * 1e3),
        time if time < 9.995 => format!("{time:.2} s"),
        time if time < 999.5 => format!("{time:.0} s"),
        time => format!("{:.1} h", time / 3600.0),
    }
}

/// From cold to hot, by the square root of the share: most operators have little, and should be told apart, too.
fn heat(nanos: u64, whole: u64) -> &'static str {
    const HEATS: [&str; 6] = ["heat-0", "heat-1", "heat-2", "heat-3", "heat-4", "heat-5"];
    let heat = (share(nanos, whole).sqrt() * 6.0) as usize;
    HEATS[heat.min(HEATS.len() - 1)]
}

/// A path through the points that is upright in each.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, pair) in points.windows(2).enumerate() {
        let [from, to] = *pair else { continue };
        if number == 0 {
            path = format!("M{}", point(from));
        }
        let middle = (from.1 + to.1) / 2.0;
        if (from.0 - to.0).abs() < 0.05 || (from.1 - to.1).abs() < 0.05 {
            path.push_str(&format!("L{}", point(to)));
        } else {
            path.push_str(&format!("C{} {} {}", point((from.0, middle)), point((to.0, middle)), point(to)));
        }
    }
    path
}

/// The head at the end of an arrow, in the direction in which it comes.
fn head(points: &[(f64, f64)]) -> String {
    let [.., before, end] = *points else { return String::new() };
    let (half, long) = HEAD;
    let corners = if (before.1 - end.1).abs() < 0.05 {
        let back = end.0 + long * (before.0 - end.0).signum();
        [(back, end.1 - half), (back, end.1 + half), end]
    } else {
        let back = end.1 + long * (before.1 - end.1).signum();
        [(end.0 - half, back), (end.0 + half, back), end]
    };
    corners.map(|(x, y)| format!("{},{}", at(x), at(y))).join(" ")
}

#[cfg(test)]
mod tests {
    use flightline_engine::supervised::Address;

    use super::*;

    fn node(name: &str, nanos: u64) -> Node {
        let kind = Kind::Operator(Address(vec![0, 1]));
        Node { kind, name: name.to_owned(), nanos, activations: 1, taken: 1, given: 2, running: 1 }
    }

    #[test]
    fn names_are_escaped_and_steering_characters_spelt_out() {
        let scope = Node { kind: Kind::Scope(Address(vec![0, 2]), 7), ..node("a\u{202e}\"><script>b", 5) };
        let arrow = Arrow { from: 0, to: 1, channels: 1, records: 1234, waiting: 34, batches: 2 };
        let floor = Floor { boxes: vec![node("<b>&\"", 5), scope], arrows: vec![arrow] };
        let drawn = draw(&floor, 10, "x", |scope| format!("?scope={scope}")).unwrap().into_string();
        assert!(!drawn.contains("<b>") && !drawn.contains("<script") && !drawn.contains('\u{202e}'), "{drawn}");
        for shown in ["&lt;b&gt;", "1.2k, 34 wait", "?scope=0.2", "heat-4", "+7", "50.0%"] {
            assert!(drawn.contains(shown), "{shown} in {drawn}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("style="));
    }

    #[test]
    fn heat_is_a_share_of_the_whole() {
        assert_eq!(
            [heat(0, 0), heat(0, 9), heat(1, 100), heat(25, 100), heat(100, 100)],
            ["heat-0", "heat-0", "heat-0", "heat-3", "heat-5"]
        );
        assert_eq!(
            [0, 999, 4_200_000, 1_500_000_000, 7_200_000_000_000].map(seconds),
            ["no time", "1 µs", "4 ms", "1.50 s", "2.0 h"]
        );
    }
}
