//! Lines of styled text that know how wide they are, with or without colours.

use crate::report::figures::share;
use crate::report::text::{clean, clip, columns};

/// How a piece of text looks where colours are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Bar,
    Caution,
    Alarm,
    /// The background of a cell, from 0 (nothing) to 10 (all).
    Heat(u8),
}

impl Style {
    /// The ANSI sequence that starts the style; Heat takes the blues of the 256-colour cube, readable on any terminal.
    fn start(self) -> String {
        const BLUES: [u8; 11] = [255, 255, 195, 153, 117, 75, 33, 27, 26, 19, 17];
        const FIRST_WITH_LIGHT_INK: u8 = 6;
        match self {
            Self::Plain => String::new(),
            Self::Strong => "\x1b[1m".to_owned(),
            Self::Faint => "\x1b[2m".to_owned(),
            Self::Bar => "\x1b[36m".to_owned(),
            Self::Caution => "\x1b[1;33m".to_owned(),
            Self::Alarm => "\x1b[1;31m".to_owned(),
            Self::Heat(step) => {
                let ink = if step >= FIRST_WITH_LIGHT_INK { 231 } else { 16 };
                format!("\x1b[38;5;{ink};48;5;{}m", BLUES[usize::from(step.min(10))])
            }
        }
    }
}

/// A line, built from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Style, String)>);

impl Line {
    /// Adds text; what could steer the terminal is spelt out.
    pub(super) fn add(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, clean(text)));
        self
    }

    /// Adds text in `width` columns, flush left.
    pub(super) fn left(self, style: Style, text: &str, width: usize) -> Self {
        let text = clip(&clean(text), width);
        let space = " ".repeat(width - columns(&text));
        self.add(style, &text).add(Style::Plain, &space)
    }

    /// Adds text in `width` columns, flush right.
    pub(super) fn right(self, style: Style, text: &str, width: usize) -> Self {
        let text = clip(&clean(text), width);
        let space = " ".repeat(width - columns(&text));
        self.add(Style::Plain, &space).add(style, &text)
    }

    /// Adds a bar of `part` of `width` columns, and fills up the rest.
    pub(super) fn bar(self, part: f64, width: usize) -> Self {
        self.left(Style::Bar, &bar(part, width), width)
    }

    /// Columns that the line takes.
    pub(super) fn columns(&self) -> usize {
        self.0.iter().map(|(_, text)| columns(text)).sum()
    }

    /// The line in at most `width` columns.
    pub(super) fn clipped(self, width: usize) -> Self {
        let mut left = width;
        let fits = |(style, text): (Style, String)| {
            let text = clip(&text, left);
            left -= columns(&text);
            (style, text)
        };
        Self(self.0.into_iter().map(fits).collect())
    }

    /// This line, and beside it from column `start` on another.
    pub(super) fn beside(self, other: Self, start: usize) -> Self {
        let space = " ".repeat(start.saturating_sub(self.columns()));
        let mut line = self.add(Style::Plain, &space);
        line.0.extend(other.0);
        line
    }

    /// The text, without spaces at its end, with ANSI colours if `colour`.
    pub(super) fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for (style, part) in &self.0 {
            if colour && *style != Style::Plain && !part.is_empty() {
                text.extend([&style.start(), part, "\x1b[0m"]);
            } else {
                text.push_str(part);
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text
    }
}

/// A bar of `part` of `width` columns, in eighths of a column.
fn bar(part: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share(part, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bar_shows_eighths() {
        assert_eq!([bar(0.5, 4), bar(0.53125, 4), bar(1.0, 2), bar(0.0, 3)], ["██", "██▏", "██", ""]);
        assert_eq!(bar(f64::NAN, 9), "");
    }

    #[test]
    fn colours_take_no_columns_and_only_come_when_asked_for() {
        let line = Line::default().left(Style::Strong, "a", 3).right(Style::Alarm, "b", 3).add(Style::Plain, "  ");
        assert_eq!((line.columns(), line.render(false).as_str()), (8, "a    b"));
        assert_eq!(line.render(true), "\x1b[1ma\x1b[0m    \x1b[1;31mb\x1b[0m");
        assert_eq!(Line::default().add(Style::Plain, "\x1b[31mx").render(true), "\\u{1b}[31mx");
    }

    proptest! {
        #[test]
        fn bars_and_lines_keep_their_width(
            part in any::<f64>(), text in ".{0,30}", width in 0_usize..60, whole in 0_usize..80,
        ) {
            prop_assert!(columns(&bar(part, width)) <= width);
            let line = Line::default().left(Style::Plain, &text, width).bar(part, width);
            let line = line.right(Style::Faint, &text, width);
            prop_assert_eq!(line.columns(), 3 * width);
            prop_assert!(line.clipped(whole).columns() <= whole);
        }
    }
}
