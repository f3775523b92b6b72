//! Which data a model was made from.

use flightline_operators::identity::RowIdentity;
use serde::{Deserialize, Serialize};

use crate::flight::date::FlightDate;

/// The same for the same rows, whatever their order, files and formats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFingerprint {
    /// The earliest day of a row.
    pub first_day: Option<FlightDate>,
    /// Sum of the identities of all rows.
    pub identity_sum: IdentitySum,
    /// The latest day of a row.
    pub last_day: Option<FlightDate>,
    /// Good rows.
    pub rows: u64,
}

/// Sum of row identities modulo 2^128, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdentitySum(pub u128);

impl IdentitySum {
    /// Adds a row.
    #[must_use]
    pub const fn plus(self, row: RowIdentity) -> Self {
        Self(self.0.wrapping_add(row.0))
    }
}

impl From<IdentitySum> for String {
    fn from(sum: IdentitySum) -> Self {
        format!("{:032x}", sum.0)
    }
}

impl TryFrom<String> for IdentitySum {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let sum = digits.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        sum.map(Self).ok_or("a sum of row identities has 32 hexadecimal digits")
    }
}
