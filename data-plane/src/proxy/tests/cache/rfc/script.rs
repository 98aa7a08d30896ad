//! Scripts, read line by line.

use std::time::{Duration, SystemTime};

/// One line of a script.
#[derive(Debug)]
pub(super) enum Line<'s> {
    /// The policy, in words.
    Policy(&'s str),
    /// A client's request.
    Ask(Message<'s>),
    /// What the origin has to see.
    Seen(Vec<Check<'s>>),
    /// What the origin answers.
    Answer(Message<'s>),
    /// What the client has to get.
    Got(Got<'s>),
    /// Time that passes.
    Later(Duration),
    /// What was asked for in the background is stored.
    Stored,
}

/// A message as a script has it.
#[derive(Debug)]
pub(super) struct Message<'s> {
    /// `GET /a`, `200` or `cut`.
    pub start: &'s str,
    pub fields: Vec<(&'s str, String)>,
    /// Fields that are there by default, and are not to be.
    pub without: Vec<&'s str>,
    pub body: Option<&'s str>,
    /// Of an answer, which is chunked then.
    pub trailers: Vec<(&'s str, String)>,
    /// The status of an answer in front of it.
    pub interim: Option<&'s str>,
}

/// What a client has to get.
#[derive(Debug)]
pub(super) struct Got<'s> {
    pub status: &'s str,
    /// Whose body.
    pub answer: Option<usize>,
    pub body: Option<&'s str>,
    pub checks: Vec<Check<'s>>,
}

/// What has to be so of a head.
#[derive(Debug)]
pub(super) enum Check<'s> {
    Has(&'s str, String),
    Holds(&'s str, &'s str),
    IsThere(&'s str),
    IsNotThere(&'s str),
}

/// Reads a script whose dates count from `start`.
pub(super) fn read(script: &str, start: SystemTime) -> impl Iterator<Item = Line<'_>> {
    script.lines().map(str::trim).filter(|line| !line.is_empty()).map(move |line| {
        let (kind, rest) = line.split_at(1);
        let rest = rest.trim_start();
        match kind {
            ":" => Line::Policy(rest),
            ">" => Line::Ask(message(rest, start)),
            "=" => Line::Answer(message(rest, start)),
            "?" => Line::Seen(rest.split(" | ").map(|piece| check(piece, start)).collect()),
            "<" => Line::Got(got(rest, start)),
            "+" => Line::Later(Duration::from_secs(rest.parse().expect("seconds"))),
            "~" => Line::Stored,
            _ => panic!("no line of a script: {line}"),
        }
    })
}

fn message(text: &str, start: SystemTime) -> Message<'_> {
    let mut pieces = text.split(" | ");
    let start_line = pieces.next().unwrap_or_default();
    let (interim, start_line) = start_line.split_once(", ").map_or((None, start_line), |(one, two)| (Some(one), two));
    let mut message = Message {
        start: start_line,
        fields: Vec::new(),
        without: Vec::new(),
        body: None,
        trailers: Vec::new(),
        interim,
    };
    for piece in pieces {
        if let Some(body) = piece.strip_prefix('=') {
            message.body = Some(body);
        } else if let Some(name) = piece.strip_prefix('!') {
            message.without.push(name);
        } else if let Some((name, value)) = piece.strip_prefix('^').and_then(|piece| piece.split_once(':')) {
            message.trailers.push((name, self::value(value, start)));
        } else {
            let (name, value) = piece.split_once(':').expect("a field");
            message.fields.push((name, self::value(value, start)));
        }
    }
    message
}

fn got(text: &str, start: SystemTime) -> Got<'_> {
    let mut pieces = text.split(" | ");
    let mut first = pieces.next().unwrap_or_default().split(" #");
    let status = first.next().unwrap_or_default();
    let answer = first.next().map(|number| number.parse().expect("the number of an answer"));
    let mut got = Got { status, answer, body: None, checks: Vec::new() };
    for piece in pieces {
        match piece.strip_prefix('=') {
            Some(body) => got.body = Some(body),
            None => got.checks.push(check(piece, start)),
        }
    }
    got
}

fn check(text: &str, start: SystemTime) -> Check<'_> {
    if let Some(name) = text.strip_prefix('!') {
        return Check::IsNotThere(name);
    }
    if let Some((name, piece)) = text.split_once(" ~ ") {
        return Check::Holds(name, piece);
    }
    match text.split_once(':') {
        Some((name, value)) => Check::Has(name, self::value(value, start)),
        None => Check::IsThere(text),
    }
}

/// A value, or the date that it stands for.
fn value(text: &str, start: SystemTime) -> String {
    let text = text.trim();
    let Some(seconds) = text.strip_prefix('@').and_then(|offset| offset.parse::<i64>().ok()) else {
        return text.to_owned();
    };
    let offset = Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(if seconds < 0 { start - offset } else { start + offset })
}

impl Check<'_> {
    /// Says what is wrong with these lines of a head.
    pub(super) fn of(&self, head: &str) -> Result<(), String> {
        let values = |wanted: &str| -> Vec<&str> {
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).collect()
        };
        let (is_so, wanted) = match self {
            Self::Has(name, value) => (values(name).contains(&value.as_str()), format!("{name}: {value}")),
            Self::Holds(name, piece) => {
                (values(name).iter().any(|value| value.contains(piece)), format!("{name} with {piece}"))
            }
            Self::IsThere(name) => (!values(name).is_empty(), format!("a field {name}")),
            Self::IsNotThere(name) => (values(name).is_empty(), format!("no field {name}")),
        };
        if is_so { Ok(()) } else { Err(format!("wants {wanted}, has {head:?}")) }
    }
}
