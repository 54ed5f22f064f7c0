//! Built-in transformations: what most mappings need, without an expression.

/// One step of a mapping or normalization: text in, text out. `muster-plan` carries them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transformation {
    /// Unicode white space at both ends is removed.
    Trim,
    /// Unicode lower case.
    Lower,
    /// Unicode upper case.
    Upper,
    /// Every match of a linear-time regular expression is replaced. A text without a match is "no match".
    RegexReplace {
        /// The expression, in the syntax of the `regex` crate.
        pattern: String,
        /// The replacement, with `$1` or `${name}` for groups.
        replacement: String,
    },
    /// Everything from the first `@` on, or up to the last `\`, is removed.
    StripDomain,
    /// Several values become one.
    Join {
        /// What stands between them.
        separator: String,
    },
    /// One value becomes several.
    Split {
        /// What stands between them.
        separator: String,
    },
    /// The first value alone.
    FirstOf {
        /// Attributes to take the first value of, in this order, when there is none yet.
        attributes: Vec<String>,
    },
    /// A table of texts. A text that it lacks is "no match".
    Lookup {
        /// From text to text.
        table: Vec<(String, String)>,
    },
    /// A date is read in one form and written in another.
    DateFormat {
        /// The form to read, in `strftime` letters; `None` reads RFC 3339. What does not fit is "no match".
        from: Option<String>,
        /// The form to write, in `strftime` letters; `None` writes RFC 3339 in UTC.
        to: Option<String>,
    },
    /// Lower case, transliterated, everything but letters and digits becomes `-`.
    Slug,
    /// Non-Latin letters become Latin ones.
    Transliterate,
}
