//! The sections of the terminal's report, each a pure function of the report and a width.

use super::Block;
use super::line::{Line, Style};
use crate::report::figures::{bytes, count, counted, percent, seconds, share, short_id, signed_decimal, whole_percent};
use crate::report::text::{clean, columns, wrap};
use crate::report::words::{self, Tone};
use crate::report::{FeatureReport, TrainingReport, memory, quality, traffic};

/// Columns that the widest table needs for four classes.
pub(super) const TABLE_NEEDS: usize = 80;

/// Most bars of one kind; what is left is summed up in a line.
const MOST_BARS: usize = 10;

/// Most reasons, and most columns with nulls, that get a line.
const MOST_REASONS: usize = 4;

pub(super) fn title(text: &str) -> Line {
    Line::default().add(Style::Strong, text)
}

pub(super) fn paragraph(style: Style, text: &str, width: usize) -> impl Iterator<Item = Line> + use<> {
    wrap(&clean(text), width).into_iter().map(move |line| Line::default().add(style, &line))
}

/// What was made, and the one figure that matters most.
pub(super) fn head(report: &TrainingReport, width: usize) -> Block {
    let (accuracy, rest) = words::headline(report);
    let id = format!("Model {}", short_id(&report.model));
    let mut lines =
        vec![Line::default().add(Style::Strong, &id).add(Style::Faint, "  ").add(Style::Plain, &words::making(report))];
    lines.extend(paragraph(Style::Faint, &format!("{}.", words::forest(report)), width));
    lines.push(Line::default());
    lines.extend(paragraph(Style::Strong, &format!("{accuracy} {rest}"), width));
    lines
}

/// What the figures say about days to come.
pub(super) fn outlook(report: &TrainingReport, width: usize) -> Block {
    const EDGE: &str = "▌ ";
    let outlook = words::outlook(report);
    let style = match outlook.tone {
        Tone::Calm => Style::Bar,
        Tone::Caution => Style::Caution,
        Tone::Alarm => Style::Alarm,
    };
    let inner = width - columns(EDGE);
    let text =
        paragraph(style, &outlook.title, inner).chain(paragraph(Style::Plain, &outlook.sentences.join(" "), inner));
    text.map(|line| Line::default().add(style, EDGE).beside(line, columns(EDGE))).collect()
}

/// The figures of all judged rows, side by side; a narrow terminal goes without those that say least.
pub(super) fn quality(report: &TrainingReport, width: usize) -> Block {
    const NAME: usize = 18;
    const NARROWEST_CELL: usize = 7;
    const WIDEST_CELL: usize = 16;
    let mut judged = quality::columns(report);
    if NAME + judged.len() * NARROWEST_CELL > width {
        judged.remove(0);
    }
    let cell = ((width - NAME) / judged.len()).min(WIDEST_CELL);
    let row = |name: &str, style: Style, cells: Vec<String>| {
        let name = Line::default().left(style, name, NAME);
        cells.iter().fold(name, |line, text| line.right(style, text, cell))
    };
    let mut lines = vec![
        row("Quality", Style::Strong, judged.iter().map(|column| column.heading.to_owned()).collect()),
        row("", Style::Faint, judged.iter().map(|column| column.role.to_owned()).collect()),
    ];
    lines.extend(quality::FIGURES.iter().map(|(name, figure)| {
        let style = if *name == "Accuracy" { Style::Strong } else { Style::Plain };
        row(name, style, judged.iter().map(|column| figure(column.quality)).collect())
    }));
    lines
}

/// Precision, recall and F1 of each class, and for its rows which class was said; the latter only where it fits.
pub(super) fn by_class(report: &TrainingReport, width: usize) -> Block {
    const FIGURE: usize = 7;
    const CELL: usize = 6;
    const SHORTEST_NAME: usize = 14;
    let (judged, quality) = report.shown();
    let names: Vec<String> =
        (0..quality.classes.len()).map(|class| format!("{class} {}", report.class_name(class))).collect();
    let longest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let room = width.saturating_sub(3 * FIGURE);
    let matrix = 2 + CELL * names.len();
    let with_matrix = room >= matrix + SHORTEST_NAME;
    let name = longest.min(if with_matrix { room - matrix } else { room });
    let mut header = Line::default().left(Style::Strong, "Classes", name);
    header = ["prec.", "recall", "F1"].iter().fold(header, |line, text| line.right(Style::Faint, text, FIGURE));
    if with_matrix {
        header = header.add(Style::Plain, "  ");
        header = (0..names.len()).fold(header, |line, class| line.right(Style::Faint, &format!("→{class}"), CELL));
    }
    let row = |(class, label): (usize, &String)| {
        let of = &quality.classes[class];
        let mut line = Line::default().left(Style::Plain, label, name);
        line =
            line.right(Style::Plain, &percent(of.precision), FIGURE).right(Style::Plain, &percent(of.recall), FIGURE);
        line = line.right(Style::Plain, &percent(of.f1), FIGURE);
        if with_matrix {
            line = line.add(Style::Plain, "  ");
            line = quality.confusion[class]
                .iter()
                .fold(line, |line, rows| heat(line, share(*rows as f64, of.rows as f64), CELL));
        }
        line
    };
    let mut lines = vec![header];
    lines.extend(names.iter().enumerate().map(row));
    lines.extend(paragraph(Style::Faint, &format!("On {judged}; →n: the share taken for class n."), width));
    lines
}

/// A cell of a confusion matrix: its share, shaded.
fn heat(line: Line, share: f64, width: usize) -> Line {
    const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
    let step = (share * 10.0).round() as u8;
    let shade = SHADES[(share * 4.0).round() as usize];
    line.add(Style::Plain, " ").right(Style::Heat(step), &format!("{}{shade}", whole_percent(share)), width - 1)
}

/// How much each feature contributes.
pub(super) fn importances(report: &TrainingReport, width: usize) -> Block {
    let features = report.features_by_importance();
    let told = features.iter().any(|feature| feature.shuffled.is_some());
    let figure = |feature: &FeatureReport| match &feature.shuffled {
        Some(shuffled) => format!("{} {:>7}", percent(feature.importance), signed_decimal(shuffled.log_loss_added)),
        None => percent(feature.importance),
    };
    let bars: Vec<(String, f64, String)> =
        features.iter().map(|feature| (feature.name.clone(), feature.importance, figure(feature))).collect();
    if bars.is_empty() {
        return Block::new();
    }
    let mut lines = vec![title("Importance of the features")];
    lines.extend(bar_lines(&bars, width));
    if told {
        let text = "Share of all decrease of impurity; log loss added by shuffling the feature among unseen rows.";
        lines.extend(paragraph(Style::Faint, text, width));
    }
    lines
}

/// Where the time went.
pub(super) fn time(report: &TrainingReport, width: usize) -> Block {
    let stages: Vec<(String, f64, String)> =
        report.time_spent().into_iter().map(|stage| (stage.name, stage.seconds, seconds(stage.seconds))).collect();
    let mut text = format!(
        "{} in all, {} at most, {} in {}.",
        seconds(report.wall_seconds),
        bytes(report.peak_memory_bytes),
        counted(report.workers, "worker"),
        counted(report.processes, "process")
    );
    if let Some(memory) = memory::words(report) {
        text += &format!(" Memory: {memory}.");
    }
    if let Some(reading) = &report.reading {
        text += &format!(" Read {}.", reading.words());
    }
    if let Some(sent) = traffic::in_short(report) {
        text += &format!(" {sent}");
    }
    let mut lines = vec![title("Time")];
    lines.extend(bar_lines(&stages, width));
    lines.extend(paragraph(Style::Faint, &text, width));
    lines
}

/// Where the rows went and who read them.
pub(super) fn rows(report: &TrainingReport, width: usize) -> Block {
    let mut lines = vec![title("Rows")];
    lines.extend(paragraph(Style::Plain, &words::rows(report), width));
    let read = &report.rows.per_worker;
    if let (Some(least), Some(most)) = (read.iter().min(), read.iter().max()) {
        let text = match read.len() {
            1 => "One worker read them all.".to_owned(),
            2..=4 => {
                format!("Read per worker: {}.", read.iter().map(|rows| count(*rows)).collect::<Vec<_>>().join(", "))
            }
            workers => format!("Each of {workers} workers read {} to {}.", count(*least), count(*most)),
        };
        lines.extend(paragraph(Style::Plain, &text, width));
    }
    lines
}

/// Rows that could not be used, and nulls; nothing when there are none.
pub(super) fn unusable_rows(report: &TrainingReport, width: usize) -> Block {
    let rows = &report.rows;
    let mut lines = Block::new();
    if !rows.bad.is_empty() {
        let all = rows.bad.iter().map(|bad| bad.rows).sum::<u64>();
        lines.push(Line::default().add(Style::Caution, &format!("Rows that could not be used: {}", count(all))));
    }
    for bad in rows.bad.iter().take(MOST_REASONS) {
        let example = bad.example.as_ref().map(|example| format!(" (first: {example})")).unwrap_or_default();
        lines.push(
            Line::default()
                .right(Style::Plain, &count(bad.rows), 9)
                .add(Style::Plain, &format!("  {}", bad.reason))
                .add(Style::Faint, &example),
        );
    }
    let more = rows.bad.iter().skip(MOST_REASONS);
    if rows.bad.len() > MOST_REASONS {
        let left = rows.bad.len() - MOST_REASONS;
        let text = format!("  for {left} other reasons: see the report's page");
        lines.push(
            Line::default().right(Style::Plain, &count(more.map(|bad| bad.rows).sum()), 9).add(Style::Faint, &text),
        );
    }
    if !rows.nulls.is_empty() {
        let nulls = rows.nulls.iter().take(MOST_REASONS).map(|null| format!("{} {}", null.column, count(null.rows)));
        let more = if rows.nulls.len() > MOST_REASONS { ", and others" } else { "" };
        lines.extend(paragraph(
            Style::Plain,
            &format!("Nulls: {}{more}.", nulls.collect::<Vec<_>>().join(", ")),
            width,
        ));
    }
    lines.extend(words::day_disagreements(report).iter().flat_map(|text| paragraph(Style::Plain, text, width)));
    lines.into_iter().map(|line| line.clipped(width)).collect()
}

/// A line with a bar for each of the first values, relative to the largest, and one for what is left.
fn bar_lines(values: &[(String, f64, String)], width: usize) -> Block {
    let figure = values.iter().map(|(_, _, figure)| columns(figure)).max().unwrap_or(0);
    let largest = values.iter().map(|(_, value, _)| *value).fold(0.0, f64::max);
    let longest = values.iter().map(|(name, ..)| columns(&clean(name))).max().unwrap_or(0);
    let name = longest.min(width / 3) + 1;
    let bar = width.saturating_sub(name + figure + 1).min(60);
    let line = |(label, value, text): &(String, f64, String)| {
        let line = Line::default().left(Style::Plain, label, name).right(Style::Plain, text, figure);
        line.add(Style::Plain, " ").bar(share(*value, largest), bar)
    };
    let mut lines: Block = values.iter().take(MOST_BARS).map(line).collect();
    if values.len() > MOST_BARS {
        let left = values.len() - MOST_BARS;
        lines.push(Line::default().add(Style::Faint, &format!("and {left} more: see the report's page")));
    }
    lines
}
