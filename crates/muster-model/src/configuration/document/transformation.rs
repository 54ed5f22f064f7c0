//! The document of transformations, and what it means.

use crate::attribute::AttributeName;
use crate::configuration::document::check::{Choice, check_choice, check_not_empty};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word};
use crate::configuration::document::words::TransformationWord;
use crate::configuration::problems::Trail;
use crate::configuration::transformation::Transformation;

document! {
    /// One step of a mapping or normalization: text in, text out. Which fields it has depends on its type.
    TransformationDocument named "Transformation" {
        /// What it does.
        required transformation_type: TransformationWord = "type";
        /// REGEX_REPLACE: the linear-time regular expression of which every match is replaced. A text without
        /// a match is "no match".
        optional pattern: String = "pattern";
        /// REGEX_REPLACE: what stands in its place, with `$1` or `${name}` for groups; absent, nothing.
        optional replacement: String = "replacement";
        /// JOIN, SPLIT: what stands between the values; JOIN may be without.
        optional separator: String = "separator";
        /// FIRST_OF: attributes to take the first value of, in this order, when there is none yet.
        list attributes: AttributeName = "attributes" each "attribute";
        /// LOOKUP: from text to text. A text that it lacks is "no match".
        list table: LookupRowDocument = "table" each "row";
        /// DATE_FORMAT: the form to read, in `strftime` letters; absent, RFC 3339. What does not fit is
        /// "no match".
        optional from: String = "from";
        /// DATE_FORMAT: the form to write, in `strftime` letters; absent, RFC 3339 in UTC.
        optional to: String = "to";
    }
}

document! {
    /// One row of a lookup table.
    LookupRowDocument named "LookupRow" {
        /// The text that is looked up; absent, the empty one.
        defaulted from: String = "from";
        /// What stands for it; absent, the empty text.
        defaulted to: String = "to";
    }
}

const GOVERNED: [&str; 7] = ["pattern", "replacement", "separator", "attributes", "table", "from", "to"];

/// The fields that a type needs, and those that it may have.
fn fields_of(word: TransformationWord) -> (&'static [&'static str], &'static [&'static str]) {
    match word {
        TransformationWord::Trim
        | TransformationWord::Lower
        | TransformationWord::Upper
        | TransformationWord::StripDomain
        | TransformationWord::Slug
        | TransformationWord::Transliterate => (&[], &[]),
        TransformationWord::RegexReplace => (&["pattern"], &["replacement"]),
        TransformationWord::Join => (&[], &["separator"]),
        TransformationWord::Split => (&["separator"], &[]),
        TransformationWord::FirstOf => (&[], &["attributes"]),
        TransformationWord::Lookup => (&["table"], &[]),
        TransformationWord::DateFormat => (&[], &["from", "to"]),
    }
}

impl Parse for TransformationDocument {
    type Domain = Transformation;

    // Whether a pattern or a date form can be compiled is known to `muster-plan`, which compiles all rules.
    fn parse(&self, trail: &mut Trail) -> Option<Transformation> {
        let word = self.transformation_type;
        let (needed, admitted) = fields_of(word);
        let name = format!("transformation {}", word.word());
        check_choice(self, &Choice { name, needed, admitted, governed: &GOVERNED }, trail);
        check_not_empty("pattern", self.pattern.as_ref(), trail);
        check_not_empty("from", self.from.as_ref(), trail);
        check_not_empty("to", self.to.as_ref(), trail);
        if word == TransformationWord::Split && self.separator.as_deref() == Some("") {
            trail.problem_in("separator", "is empty, where SPLIT needs something to split at");
        }
        let rows = self.table.iter().map(|row| row.from.as_deref().unwrap_or_default());
        trail.refuse_repeated("table", rows);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Some(match word {
            TransformationWord::Trim => Transformation::Trim,
            TransformationWord::Lower => Transformation::Lower,
            TransformationWord::Upper => Transformation::Upper,
            TransformationWord::StripDomain => Transformation::StripDomain,
            TransformationWord::Slug => Transformation::Slug,
            TransformationWord::Transliterate => Transformation::Transliterate,
            TransformationWord::RegexReplace => Transformation::RegexReplace {
                pattern: self.pattern.clone()?,
                replacement: text(&self.replacement),
            },
            TransformationWord::Join => Transformation::Join { separator: text(&self.separator) },
            TransformationWord::Split => Transformation::Split { separator: self.separator.clone()? },
            TransformationWord::FirstOf => Transformation::FirstOf {
                attributes: self.attributes.iter().map(ToString::to_string).collect(),
            },
            TransformationWord::Lookup => Transformation::Lookup {
                table: self.table.iter().map(|row| (text(&row.from), text(&row.to))).collect(),
            },
            TransformationWord::DateFormat => {
                Transformation::DateFormat { from: self.from.clone(), to: self.to.clone() }
            }
        })
    }
}

impl TransformationDocument {
    fn bare(transformation_type: TransformationWord) -> Self {
        Self {
            transformation_type,
            pattern: None,
            replacement: None,
            separator: None,
            attributes: Vec::new(),
            table: Vec::new(),
            from: None,
            to: None,
        }
    }
}

impl From<&Transformation> for TransformationDocument {
    fn from(transformation: &Transformation) -> Self {
        match transformation {
            Transformation::Trim => Self::bare(TransformationWord::Trim),
            Transformation::Lower => Self::bare(TransformationWord::Lower),
            Transformation::Upper => Self::bare(TransformationWord::Upper),
            Transformation::StripDomain => Self::bare(TransformationWord::StripDomain),
            Transformation::Slug => Self::bare(TransformationWord::Slug),
            Transformation::Transliterate => Self::bare(TransformationWord::Transliterate),
            Transformation::RegexReplace { pattern, replacement } => Self {
                pattern: Some(pattern.clone()),
                replacement: Some(replacement.clone()),
                ..Self::bare(TransformationWord::RegexReplace)
            },
            Transformation::Join { separator } => {
                Self { separator: Some(separator.clone()), ..Self::bare(TransformationWord::Join) }
            }
            Transformation::Split { separator } => {
                Self { separator: Some(separator.clone()), ..Self::bare(TransformationWord::Split) }
            }
            Transformation::FirstOf { attributes } => Self {
                attributes: attributes.iter().map(|name| AttributeName::from(name.as_str())).collect(),
                ..Self::bare(TransformationWord::FirstOf)
            },
            Transformation::Lookup { table } => Self {
                table: table.iter().map(Into::into).collect(),
                ..Self::bare(TransformationWord::Lookup)
            },
            Transformation::DateFormat { from, to } => {
                Self { from: from.clone(), to: to.clone(), ..Self::bare(TransformationWord::DateFormat) }
            }
        }
    }
}

impl Parse for LookupRowDocument {
    type Domain = (String, String);

    fn parse(&self, _: &mut Trail) -> Option<(String, String)> {
        Some((self.from.clone().unwrap_or_default(), self.to.clone().unwrap_or_default()))
    }
}

impl From<&(String, String)> for LookupRowDocument {
    fn from((from, to): &(String, String)) -> Self {
        Self { from: Some(from.clone()), to: Some(to.clone()) }
    }
}
