//! The columns of a flight file and the names under which they are found.
//!
//! The canonical names are those of the training rows; the others are those of the BTS downloads of different years.
//! Names are compared without case, blanks and underscores, so that `FL_DATE`, `fl_date` and `FlDate` are one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A column that a flight file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Column {
    /// Arrival delay in minutes.
    ArrDelay,
    /// Scheduled arrival: an instant, or `hhmm` local time.
    #[serde(rename = "CRSArrTime")]
    CrsArrTime,
    /// Scheduled departure: an instant, or `hhmm` local time.
    #[serde(rename = "CRSDepTime")]
    CrsDepTime,
    /// Carrier code.
    Carrier,
    /// Day of the month, 1 to 31; only compared with the date.
    DayOfMonth,
    /// Day of the week, 1 (Monday) to 7; only compared with the date.
    DayOfWeek,
    /// Day of the year, 1 to 366; only compared with the date.
    DayOfYear,
    /// Departure delay in minutes.
    DepDelay,
    /// Airport of arrival.
    Dest,
    /// Distance in miles.
    Distance,
    /// Day of the flight.
    FlightDate,
    /// Flight number.
    FlightNum,
    /// Airport of departure.
    Origin,
    /// BTS only: 1 when the flight was cancelled.
    Cancelled,
    /// BTS only: 1 when the flight was diverted.
    Diverted,
}

impl Column {
    /// Number of columns.
    pub const COUNT: usize = Self::ALL.len();

    /// All columns: first those of a training row, in its order, then those of the BTS alone.
    pub const ALL: [Self; 15] = [
        Self::ArrDelay,
        Self::CrsArrTime,
        Self::CrsDepTime,
        Self::Carrier,
        Self::DayOfMonth,
        Self::DayOfWeek,
        Self::DayOfYear,
        Self::DepDelay,
        Self::Dest,
        Self::Distance,
        Self::FlightDate,
        Self::FlightNum,
        Self::Origin,
        Self::Cancelled,
        Self::Diverted,
    ];

    /// What a labelled flight can't be without.
    pub const OF_A_FLIGHT: [Self; 10] = [
        Self::FlightDate,
        Self::Carrier,
        Self::FlightNum,
        Self::Origin,
        Self::Dest,
        Self::Distance,
        Self::CrsDepTime,
        Self::CrsArrTime,
        Self::DepDelay,
        Self::ArrDelay,
    ];

    /// What the distance of a route can't be without.
    pub const OF_A_DISTANCE: [Self; 3] = [Self::Origin, Self::Dest, Self::Distance];

    /// The column as an index below [`Column::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in training rows and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArrDelay => "ArrDelay",
            Self::CrsArrTime => "CRSArrTime",
            Self::CrsDepTime => "CRSDepTime",
            Self::Carrier => "Carrier",
            Self::DayOfMonth => "DayOfMonth",
            Self::DayOfWeek => "DayOfWeek",
            Self::DayOfYear => "DayOfYear",
            Self::DepDelay => "DepDelay",
            Self::Dest => "Dest",
            Self::Distance => "Distance",
            Self::FlightDate => "FlightDate",
            Self::FlightNum => "FlightNum",
            Self::Origin => "Origin",
            Self::Cancelled => "Cancelled",
            Self::Diverted => "Diverted",
        }
    }

    /// The column with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ArrDelay" => Self::ArrDelay,
            "CRSArrTime" => Self::CrsArrTime,
            "CRSDepTime" => Self::CrsDepTime,
            "Carrier" => Self::Carrier,
            "DayOfMonth" => Self::DayOfMonth,
            "DayOfWeek" => Self::DayOfWeek,
            "DayOfYear" => Self::DayOfYear,
            "DepDelay" => Self::DepDelay,
            "Dest" => Self::Dest,
            "Distance" => Self::Distance,
            "FlightDate" => Self::FlightDate,
            "FlightNum" => Self::FlightNum,
            "Origin" => Self::Origin,
            "Cancelled" => Self::Cancelled,
            "Diverted" => Self::Diverted,
            _ => return None,
        })
    }

    /// Further names, the preferred first.
    const fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::Carrier => &["Reporting_Airline", "Op_Unique_Carrier", "Op_Carrier", "UniqueCarrier"],
            Self::FlightDate => &["Fl_Date"],
            Self::FlightNum => &[
                "Flight_Number_Reporting_Airline",
                "Flight_Number_Operating_Airline",
                "Flight_Number_Operating_Carrier",
                "Flight_Number",
                "Op_Carrier_Fl_Num",
                "Fl_Num",
            ],
            _ => &[],
        }
    }

    /// The column's names, its own first, then the preferred ones.
    fn names(self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name()).chain(self.other_names().iter().copied())
    }

    /// Where this column stands among the `names` of a file: under its own name, else under the first other name.
    #[must_use]
    pub fn find<S: AsRef<str>>(self, names: &[S]) -> Option<usize> {
        self.names().map(fold_name).find_map(|wanted| names.iter().position(|name| fold_name(name.as_ref()) == wanted))
    }

    /// The usual spellings of the column's names, for readers that skip what has another name.
    #[must_use]
    pub fn spellings(self) -> Vec<String> {
        let snakes = self.names().map(snake_case);
        let forms = self.names().map(ToOwned::to_owned).chain(snakes);
        forms.flat_map(|name| [name.to_ascii_lowercase(), name.to_ascii_uppercase(), name]).collect()
    }
}

/// `CRSDepTime` as `CRS_Dep_Time`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let is_lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
        if at > 0 && letter.is_ascii_uppercase() && letters[at - 1] != '_' && (is_lower(at - 1) || is_lower(at + 1)) {
            snake.push('_');
        }
        snake.push(*letter);
    }
    snake
}

/// A column name without case, blanks and underscores.
fn fold_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_place_in_all() {
        for (index, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column.index(), index);
            assert_eq!(Column::from_name(column.name()), Some(column));
            assert_eq!(serde_json::to_string(&column).unwrap(), format!("\"{column}\""));
        }
    }

    #[test]
    fn spellings_hold_those_of_the_bts() {
        for (column, spelling) in [
            (Column::CrsDepTime, "CRS_DEP_TIME"),
            (Column::ArrDelay, "arr_delay"),
            (Column::FlightDate, "FL_DATE"),
            (Column::FlightNum, "OP_CARRIER_FL_NUM"),
            (Column::DayOfWeek, "DAY_OF_WEEK"),
            (Column::Origin, "Origin"),
        ] {
            let spellings = column.spellings();
            assert!(spellings.iter().any(|known| known == spelling), "{spelling} is not in {spellings:?}");
            assert!(spellings.iter().all(|known| column.find(&[known]) == Some(0)));
        }
    }

    #[test]
    fn finds_the_names_of_every_year() {
        let now = ["Year", "DayofMonth", "FlightDate", "Reporting_Airline", "Flight_Number_Reporting_Airline"];
        assert_eq!(Column::Carrier.find(&now), Some(3));
        assert_eq!(Column::FlightNum.find(&now), Some(4));
        assert_eq!(Column::DayOfMonth.find(&now), Some(1));
        let prezipped = ["FL_DATE", "OP_CARRIER", "OP_CARRIER_FL_NUM", "CRS_DEP_TIME", "DEP_DELAY_NEW"];
        assert_eq!(Column::FlightDate.find(&prezipped), Some(0));
        assert_eq!(Column::Carrier.find(&prezipped), Some(1));
        assert_eq!(Column::FlightNum.find(&prezipped), Some(2));
        assert_eq!(Column::CrsDepTime.find(&prezipped), Some(3));
        assert_eq!(Column::DepDelay.find(&prezipped), None, "DEP_DELAY_NEW has no early departures");
        let old = ["UniqueCarrier", "Carrier", "FlightNum"];
        assert_eq!(Column::Carrier.find(&old), Some(1), "the column's own name comes first");
    }
}
