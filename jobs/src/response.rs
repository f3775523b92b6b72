//! What a client is told: one line of JSON for one request.
//!
//! The line is canonical: sorted keys, the shortest numbers that read back as the same bits, and nothing that is not a
//! function of the request and its binding; no clock above all. What does not apply is left out; only the flight number of a
//! request that was sent without one is `null`, as the first clients know it.

use std::collections::BTreeMap;

use flightline_engine::ledger::{AnswerFormat, TableVersion};
use flightline_engine::log::{Offset, Partition};
use flightline_operators::columns::Number;
use serde::{Deserialize, Serialize};

use crate::flight::features::Feature;
use crate::flight::label::DelayClass;
use crate::flight::number;
use crate::request::{Request, RequestId};

/// Where a request stood in the log, and which table it was looked up in. A batch has none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Partition of the request topic.
    pub partition: Partition,
    /// Offset in the partition.
    pub offset: Offset,
    /// Version of the table of distances.
    pub table: TableVersion,
}

/// A prediction, and what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Miles, as looked up.
    #[serde(with = "number")]
    pub distance: Number,
    /// The most probable class.
    pub class: DelayClass,
    /// Probability of each class.
    pub probabilities: [f64; DelayClass::COUNT],
    /// Features whose value the model has never seen, in schema order.
    pub unseen: Vec<Feature>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was answered.
    Predicted(Request, Prediction),
    /// It was understood, but can't be answered: an unknown route, say.
    Unanswerable(Request, Box<str>),
    /// It could not be read, beyond who asked.
    Unreadable(RequestId, Box<str>),
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Id of the model that was asked.
    pub model: Box<str>,
    /// Where the request stood; `None` in a batch.
    pub position: Option<LogPosition>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Whether a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// There is a prediction.
    Ok,
    /// There is an error.
    Error,
}

/// How answers are written: what of a binding is neither model nor table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// How probabilities are.
    pub decimals: Decimals,
    /// The format and the settings, for an answer that names them.
    pub named: Option<(AnswerFormat, Box<str>)>,
}

/// How many digits behind the point a probability has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimals(u32);

impl Decimals {
    /// The name of the setting in a binding.
    pub const SETTING: &str = "answers.decimals";

    /// So many leave a number as it is.
    const ALL: u32 = 17;

    /// So many; 17 and more leave a number as it is.
    #[must_use]
    pub fn new(decimals: u32) -> Self {
        Self(decimals.min(Self::ALL))
    }

    /// What stands in a binding; `None` if it is no such number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|decimals| (1..Self::ALL).contains(decimals)).map(Self)
    }

    /// Those of a binding with these settings.
    #[must_use]
    pub fn of(settings: &BTreeMap<Box<str>, Box<str>>) -> Self {
        settings.get(Self::SETTING).and_then(|text| Self::parse(text)).unwrap_or_default()
    }

    /// What stands in a binding, if it changes anything.
    #[must_use]
    pub fn setting(self) -> Option<(Box<str>, Box<str>)> {
        (self != Self::default()).then(|| (Self::SETTING.into(), self.0.to_string().into()))
    }

    fn round(self, share: f64) -> f64 {
        match self.0 {
            Self::ALL => share,
            decimals => {
                let scale = (0..decimals).fold(1.0, |scale, _| scale * 10.0);
                (share * scale).round() / scale
            }
        }
    }
}

impl Default for Decimals {
    fn default() -> Self {
        Self(Self::ALL)
    }
}

impl Response {
    /// Who asked.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        match &self.outcome {
            Outcome::Predicted(request, _) | Outcome::Unanswerable(request, _) => &request.id,
            Outcome::Unreadable(id, _) => id,
        }
    }

    /// Whether the request was answered.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.outcome {
            Outcome::Predicted(..) => Status::Ok,
            Outcome::Unanswerable(..) | Outcome::Unreadable(..) => Status::Error,
        }
    }

    /// The canonical line, without a line feed. Two answers are the same exactly when their lines are.
    ///
    /// # Errors
    /// None that can occur: the fields are texts and numbers.
    pub fn to_json(&self) -> serde_json::Result<String> {
        self.to_json_as(&Style::default())
    }

    /// The same as a binding says.
    ///
    /// # Errors
    /// None that can occur.
    pub fn to_json_as(&self, style: &Style) -> serde_json::Result<String> {
        serde_json::to_string(&self.line(style))
    }

    fn line<'a>(&'a self, style: &'a Style) -> Line<'a> {
        let (request, prediction, error) = match &self.outcome {
            Outcome::Predicted(request, prediction) => (Some(request), Some(prediction), None),
            Outcome::Unanswerable(request, error) => (Some(request), None, Some(&**error)),
            Outcome::Unreadable(_, error) => (None, None, Some(&**error)),
        };
        let date = request.map(|request| request.date);
        let position = self.position.as_ref();
        Line {
            carrier: request.map(|request| &*request.carrier),
            day_of_month: date.map(|date| date.day_of_month()),
            day_of_week: date.map(|date| date.day_of_week()),
            day_of_year: date.map(|date| date.day_of_year()),
            departure_delay: request.map(|request| request.departure_delay.get()),
            dest: request.map(|request| &*request.dest),
            distance: prediction.map(|prediction| prediction.distance.get()),
            error,
            date: date.map(|date| date.to_string()),
            flight_number: request.map(|request| request.flight_number.as_deref()),
            format: style.named.as_ref().map(|(format, _)| *format),
            model: &self.model,
            offset: position.map(|position| position.offset),
            origin: request.map(|request| &*request.origin),
            partition: position.map(|position| position.partition),
            prediction: prediction.map(|prediction| prediction.class),
            probabilities: prediction
                .map(|prediction| prediction.probabilities.map(|share| style.decimals.round(share))),
            route: request.map(Request::route),
            settings: style.named.as_ref().map(|(_, settings)| &**settings).filter(|settings| !settings.is_empty()),
            status: self.status(),
            table: position.map(|position| position.table),
            timestamp: request.and_then(|request| request.timestamp.as_deref()),
            id: self.id(),
            unseen: prediction.map(|prediction| &*prediction.unseen),
        }
    }
}

/// The fields in the order of their names.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "Carrier", skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    #[serde(rename = "DayOfMonth", skip_serializing_if = "Option::is_none")]
    day_of_month: Option<i32>,
    #[serde(rename = "DayOfWeek", skip_serializing_if = "Option::is_none")]
    day_of_week: Option<i32>,
    #[serde(rename = "DayOfYear", skip_serializing_if = "Option::is_none")]
    day_of_year: Option<i32>,
    #[serde(rename = "DepDelay", skip_serializing_if = "Option::is_none")]
    departure_delay: Option<f64>,
    #[serde(rename = "Dest", skip_serializing_if = "Option::is_none")]
    dest: Option<&'a str>,
    #[serde(rename = "Distance", skip_serializing_if = "Option::is_none")]
    distance: Option<f64>,
    #[serde(rename = "Error", skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(rename = "FlightDate", skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(rename = "FlightNum", skip_serializing_if = "Option::is_none")]
    flight_number: Option<Option<&'a str>>,
    #[serde(rename = "Format", skip_serializing_if = "Option::is_none")]
    format: Option<AnswerFormat>,
    #[serde(rename = "Model")]
    model: &'a str,
    #[serde(rename = "Offset", skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
    #[serde(rename = "Origin", skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(rename = "Partition", skip_serializing_if = "Option::is_none")]
    partition: Option<Partition>,
    #[serde(rename = "Prediction", skip_serializing_if = "Option::is_none")]
    prediction: Option<DelayClass>,
    #[serde(rename = "Probabilities", skip_serializing_if = "Option::is_none")]
    probabilities: Option<[f64; DelayClass::COUNT]>,
    #[serde(rename = "Route", skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(rename = "Settings", skip_serializing_if = "Option::is_none")]
    settings: Option<&'a str>,
    #[serde(rename = "Status")]
    status: Status,
    #[serde(rename = "Table", skip_serializing_if = "Option::is_none")]
    table: Option<TableVersion>,
    #[serde(rename = "Timestamp", skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    #[serde(rename = "UUID")]
    id: &'a RequestId,
    #[serde(rename = "Unseen", skip_serializing_if = "Option::is_none")]
    unseen: Option<&'a [Feature]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";

    fn request() -> Request {
        Request {
            carrier: "AA".into(),
            departure_delay: Number::from(5),
            dest: "SFO".into(),
            date: "2016-12-25".parse().unwrap(),
            flight_number: Some("1519".into()),
            origin: "ATL".into(),
            timestamp: None,
            id: RequestId::parse(UUID).unwrap(),
        }
    }

    fn answer(position: Option<LogPosition>) -> Response {
        let prediction = Prediction {
            distance: Number::from(2139),
            class: DelayClass::try_from(2).unwrap(),
            probabilities: [0.1, 0.2, 0.600_000_000_000_000_1, 0.1],
            unseen: vec![Feature::Carrier],
        };
        Response { model: "m".into(), position, outcome: Outcome::Predicted(request(), prediction) }
    }

    #[test]
    fn a_batch_answer_in_full() {
        let line = answer(None).to_json().unwrap();
        assert_eq!(
            line,
            format!(
                "{{\"Carrier\":\"AA\",\"DayOfMonth\":25,\"DayOfWeek\":7,\"DayOfYear\":360,\"DepDelay\":5.0,\
                 \"Dest\":\"SFO\",\"Distance\":2139.0,\"FlightDate\":\"2016-12-25\",\"FlightNum\":\"1519\",\
                 \"Model\":\"m\",\"Origin\":\"ATL\",\"Prediction\":2,\"Probabilities\":[0.1,0.2,0.6000000000000001,0.1],\
                 \"Route\":\"ATL-SFO\",\"Status\":\"OK\",\"UUID\":\"{UUID}\",\"Unseen\":[\"Carrier\"]}}"
            )
        );
    }

    #[test]
    fn a_style_rounds_probabilities_and_names_what_an_answer_depends_on() {
        let as_is = answer(None).to_json().unwrap();
        let style = Style { decimals: Decimals::new(1), named: None };
        assert_eq!(answer(None).to_json_as(&style).unwrap(), as_is.replace("0.6000000000000001", "0.6"));
        let style = Style { decimals: Decimals::default(), named: Some((AnswerFormat(2), "".into())) };
        assert_eq!(answer(None).to_json_as(&style).unwrap(), as_is.replace("\"Model\"", "\"Format\":2,\"Model\""));
        let style = Style { named: Some((AnswerFormat(2), "answers.decimals=3".into())), ..style };
        let said = answer(None).to_json_as(&style).unwrap();
        assert!(said.contains("\"Settings\":\"answers.decimals=3\",\"Status\""), "{said}");
    }

    #[test]
    fn a_flight_number_that_was_not_sent_is_null_where_a_request_was_read() {
        let mut request = request();
        request.flight_number = None;
        let of = |outcome| Response { model: "m".into(), position: None, outcome }.to_json().unwrap();
        assert!(of(Outcome::Unanswerable(request.clone(), "no".into())).contains("\"FlightNum\":null,"));
        assert!(!of(Outcome::Unreadable(request.id, "no".into())).contains("FlightNum"));
    }

    #[test]
    fn keys_are_sorted_in_every_kind_of_answer() {
        let position = LogPosition { partition: Partition(3), offset: Offset(17), table: TableVersion(2) };
        let of = |outcome| Response { model: "m".into(), position: Some(position), outcome };
        let mut asked_at = request();
        asked_at.timestamp = Some("now".into());
        for response in [
            answer(Some(position)),
            of(Outcome::Unanswerable(asked_at, "unknown route".into())),
            of(Outcome::Unreadable(RequestId::parse(UUID).unwrap(), "no JSON".into())),
        ] {
            let line = response.to_json().unwrap();
            let sorted: BTreeMap<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&sorted).unwrap(), line);
            assert_eq!((&sorted["Partition"], &sorted["Offset"], &sorted["Table"]), (&3.into(), &17.into(), &2.into()));
            assert_eq!(sorted["Status"] == "OK", !sorted.contains_key("Error"), "{line}");
        }
    }
}
