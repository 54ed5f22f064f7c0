//! The properties of a CSV connector as they are documented. Their checks stand in `settings`.

use muster_connector::properties::{PropertyDescription, property};

/// Every property that a CSV connector knows.
pub const PROPERTIES: &[PropertyDescription] = &[
    property("separator", Some(","), "What stands between cells: one ASCII character; `\\t` is a tab."),
    property(
        "quote",
        Some("\""),
        "What stands around a cell that holds separators, quotes or line breaks: one ASCII character.",
    ),
    property(
        "escape",
        None,
        "What makes the next character of a quoted cell plain: one ASCII character. Without it a quote within a quoted cell is doubled.",
    ),
    property("header", Some("true"), "Whether the first record names the columns: `true` or `false`."),
    property(
        "columns",
        None,
        "Names of columns, separated by commas. Without a header all columns in their order, and required; with a header those that have to be there. A new file gets these.",
    ),
    property(
        "encoding",
        Some("UTF-8"),
        "`UTF-8` (with or without byte order mark), `ISO-8859-1` or `windows-1252` (both read as the latter), `UTF-16LE`, `UTF-16BE`, or `UTF-16` by its byte order mark.",
    ),
    property(
        "multiValueSeparator",
        None,
        "What stands between the values of a cell, for attributes that are multi-valued: any text. Without it nothing is multi-valued.",
    ),
    property("emptyCell", Some("ABSENT"), "What a cell without text means: `ABSENT`, `EMPTY` or `NULL`."),
    property(
        "quotedEmptyCell",
        None,
        "What a quoted cell without text means: `ABSENT`, `EMPTY` or `NULL`; the same as `emptyCell` when not given. With `EMPTY` and a `nullToken` a file keeps absent, empty and null apart.",
    ),
    property(
        "nullToken",
        None,
        "An unquoted text that means null, such as `\\N`; quoted it is itself. Not empty, and without separators, quotes and line breaks.",
    ),
    property(
        "enabledColumn",
        None,
        "The column that says whether an account is enabled. Without it accounts cannot be enabled or disabled.",
    ),
    property(
        "enabledValue",
        Some("true"),
        "What that column holds for enabled accounts, upper and lower case alike.",
    ),
    property(
        "disabledValue",
        Some("false"),
        "What that column holds for disabled accounts, upper and lower case alike.",
    ),
    property(
        "trailer",
        None,
        "What the last record begins with. That record is no entry; a file without it was cut short.",
    ),
    property(
        "trailerCountColumn",
        None,
        "The column of the trailer, counted from 1, that says how many records stand between header and trailer.",
    ),
    property(
        "minimumRows",
        None,
        "The fewest records that a whole file has; with fewer it counts as cut short.",
    ),
    property(
        "minimumShare",
        Some("50"),
        "The fewest records that a whole file has, in percent (0 to 100) of those of the last complete sweep; with fewer it counts as cut short. 0 takes any file for whole.",
    ),
    property(
        "maximumCellBytes",
        Some("1048576"),
        "The largest text of a cell in bytes of UTF-8, 1 to 33554432; a record with a larger one is bad.",
    ),
    property("writable", Some("true"), "Whether files may be written: `true` or `false`."),
];
