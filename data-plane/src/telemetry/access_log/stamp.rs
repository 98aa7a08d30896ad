//! The time of a line, with everything but its milliseconds written once a second.

use std::{fmt::Write, time::SystemTime};

use jiff::Timestamp;

use super::Form;

/// The text of the second that was asked for last.
#[derive(Debug)]
pub(super) struct Stamp {
    form: Form,
    second: i64,
    text: String,
    /// How much of the text is of the second alone.
    whole: usize,
}

impl Stamp {
    pub(super) const fn new(form: Form) -> Self {
        Self { form, second: i64::MIN, text: String::new(), whole: 0 }
    }

    /// The time in UTC: as RFC 3339 with milliseconds in JSON, otherwise as the common log format
    /// has it, without brackets.
    pub(super) fn at(&mut self, time: SystemTime) -> &str {
        let time = Timestamp::try_from(time).unwrap_or_default();
        if self.second != time.as_second() {
            self.begin(time);
        }
        if self.form == Form::Json {
            self.text.truncate(self.whole);
            // Writing to a string does not fail.
            let _ = write!(self.text, ".{:03}Z", time.subsec_millisecond());
        }
        &self.text
    }

    fn begin(&mut self, time: Timestamp) {
        self.second = time.as_second();
        self.text.clear();
        let form = match self.form {
            Form::Off | Form::Json => "%Y-%m-%dT%H:%M:%S",
            Form::Common => "%d/%b/%Y:%H:%M:%S +0000",
        };
        let _ = write!(self.text, "{}", time.strftime(form));
        self.whole = self.text.len();
    }
}
