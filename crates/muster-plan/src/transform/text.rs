//! Transformations of one text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::date::DateForm;
use super::replace::Replace;

#[derive(Debug, Clone)]
pub(super) enum TextStep {
    Trim,
    Lower,
    Upper,
    Replace(Replace),
    StripDomain,
    Lookup(BTreeMap<String, String>),
    DateFormat { from: DateForm, to: DateForm },
    Slug,
    Transliterate,
}

impl TextStep {
    pub(super) fn lookup(table: &[(String, String)]) -> Result<Self, String> {
        let mut by_text = BTreeMap::new();
        for (from, to) in table {
            if by_text.insert(from.clone(), to.clone()).is_some() {
                return Err(format!("the table names `{from}` twice"));
            }
        }
        Ok(Self::Lookup(by_text))
    }

    pub(super) fn can_miss(&self) -> bool {
        match self {
            Self::Replace(_) | Self::Lookup(_) | Self::DateFormat { .. } => true,
            Self::Trim | Self::Lower | Self::Upper | Self::StripDomain | Self::Slug | Self::Transliterate => {
                false
            }
        }
    }

    /// `None` when the step does not apply to the text. A borrowed result of the same length is the text
    /// itself.
    pub(super) fn apply<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        match self {
            Self::Trim => Some(Cow::Borrowed(text.trim())),
            Self::Lower => Some(lower(text)),
            Self::Upper => Some(upper(text)),
            Self::Replace(replace) => replace.apply(text).map(Cow::Owned),
            Self::StripDomain => Some(Cow::Borrowed(strip_domain(text))),
            Self::Lookup(table) => table.get(text).map(|found| Cow::Owned(found.clone())),
            Self::DateFormat { from, to } => to.write(from.read(text)?).map(Cow::Owned),
            Self::Slug => Some(Cow::Owned(slug(text))),
            Self::Transliterate => Some(transliterate(text)),
        }
    }
}

/// The text in Unicode's lower case.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The text in Unicode's upper case.
pub(crate) fn upper(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn strip_domain(text: &str) -> &str {
    let before_at = text.split_once('@').map_or(text, |(local, _)| local);
    before_at.rsplit_once('\\').map_or(before_at, |(_, name)| name)
}

/// The text in letters of ASCII: `Müller` becomes `Muller`, `Иван` `Ivan`. Characters without any
/// likeness there are left out.
pub(crate) fn transliterate(text: &str) -> Cow<'_, str> {
    deunicode::deunicode_with_tofu_cow(text, "")
}

/// The text as lower-case letters and digits of ASCII; whatever stands between them becomes one `-`, at the
/// ends nothing.
pub(crate) fn slug(text: &str) -> String {
    let latin = transliterate(text);
    let mut slug = String::with_capacity(latin.len());
    for c in latin.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}
