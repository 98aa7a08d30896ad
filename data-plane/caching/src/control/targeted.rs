//! `CDN-Cache-Control`, a dictionary of structured fields (RFC 9213 section 2.1).

use std::{borrow::Cow, convert::Infallible};

use sfv::{
    BareItemFromInput, KeyRef, Parser, Version,
    visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor},
};

use super::{
    directive::{Argument, Directive},
    response::{ResponseControl, Source},
};

/// The directives of these lines; `None` where the field is absent, empty, or not a dictionary: then it
/// has to be ignored.
pub(super) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<ResponseControl<'a>> {
    let mut members = Members { control: ResponseControl::default(), count: 0 };
    for line in lines {
        Parser::new(line).with_version(Version::Rfc8941).parse_dictionary_with_visitor(&mut members).ok()?;
    }
    let Members { mut control, count } = members;
    control.source = Source::CdnCacheControl;
    (count > 0).then_some(control)
}

struct Members<'a> {
    control: ResponseControl<'a>,
    count: usize,
}

impl<'a> DictionaryVisitor<'a> for &mut Members<'a> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        self.count += 1;
        self.control.forget(key.as_str());
        Ok(Member { control: &mut self.control, name: key.as_str() })
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Member<'c, 'a> {
    control: &'c mut ResponseControl<'a>,
    name: &'a str,
}

impl<'a> Member<'_, 'a> {
    fn take(self, argument: Argument<'a>) {
        self.control.take(Directive { name: self.name.as_bytes(), argument });
    }
}

impl<'a> EntryVisitor<'a> for Member<'_, 'a> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        self.take(Argument::Malformed);
        Ok(Ignored)
    }
}

impl<'a> ItemVisitor<'a> for Member<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    /// Directives with values of other types than they are defined to have should not be consumed: a
    /// `max-age="10"` is malformed here, though not in `Cache-Control`. `?0` says that a directive is not
    /// there.
    fn bare_item(self, value: BareItemFromInput<'a>) -> Result<impl ParameterVisitor<'a, Out = ()>, Infallible> {
        match value {
            BareItemFromInput::Boolean(true) => self.take(Argument::Absent),
            BareItemFromInput::Boolean(false) => {}
            BareItemFromInput::Integer(seconds) => self.take(Argument::Integer(seconds.into())),
            BareItemFromInput::String(Cow::Borrowed(names)) if matches!(self.name, "no-cache" | "private") => {
                self.take(Argument::Quoted(names.as_str().as_bytes()));
            }
            BareItemFromInput::String(_)
            | BareItemFromInput::Token(_)
            | BareItemFromInput::Decimal(_)
            | BareItemFromInput::ByteSequence(_)
            | BareItemFromInput::Date(_)
            | BareItemFromInput::DisplayString(_) => self.take(Argument::Malformed),
        }
        Ok(Ignored)
    }
}
