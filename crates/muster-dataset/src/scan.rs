//! The scan: XML as events, within the limits, without DTD, entities, processing instructions or foreign names.
//!
//! Knows nothing about resources. What is wrong is noted; what makes going on senseless or costly stops it.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event as Markup};

use crate::limits;
use crate::names::{Scopes, Space};
use crate::problem::{Spot, Spots, Stop};

/// One event, with the lifetime of the text.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// A piece of text; several may follow each other.
    Text(Cow<'a, str>),
    /// The innermost element ends.
    Close,
    /// The text ends, outside of all elements.
    End,
}

/// The beginning of an element.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    /// Where it begins.
    pub(crate) at: usize,
    /// Its name without prefix.
    pub(crate) name: &'a str,
    /// Whose name it is.
    pub(crate) space: Space,
    /// Its attributes but the declarations of namespaces.
    pub(crate) attributes: Vec<Attribute>,
}

/// An attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// Its name; with prefix where it is of no namespace that we know.
    pub(crate) name: String,
    /// Whose name it is.
    pub(crate) space: Space,
    /// Its value.
    pub(crate) value: String,
}

/// Goes through a text, or a part of it.
pub(crate) struct Scan<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Where the part begins.
    base: usize,
    scopes: Scopes,
    open: Vec<(&'a str, usize)>,
    text_octets: usize,
    events: usize,
    pub(crate) spots: Spots,
}

impl<'a> Scan<'a> {
    /// A scan of a part of a text, within the namespaces that hold there.
    pub(crate) fn new(text: &'a str, part: std::ops::Range<usize>, scopes: Scopes) -> Self {
        let mut reader = Reader::from_str(&text[part.clone()]);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let (base, open) = (part.start, Vec::new());
        Self { text, reader, base, scopes, open, text_octets: 0, events: 0, spots: Spots::default() }
    }

    /// Where the next event begins.
    pub(crate) fn at(&self) -> usize {
        self.base + usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// All of the text.
    pub(crate) fn whole(&self) -> &'a str {
        self.text
    }

    /// How many events there have been.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The namespaces that hold here.
    pub(crate) fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Something is wrong.
    pub(crate) fn problem(
        &mut self,
        at: usize,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Result<(), Stop> {
        self.spots.add(Spot { at, message: message.into(), hint })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Event<'a>, Stop> {
        loop {
            let at = self.at();
            self.events += 1;
            let markup = self.reader.read_event();
            let raw = &self.text[at..self.at().max(at)];
            match markup {
                Ok(Markup::Start(start)) => return self.open(at, raw, &start).map(Event::Open),
                Ok(Markup::End(_)) => {
                    self.open.pop();
                    self.scopes.leave(self.open.len());
                    self.text_octets = 0;
                    return Ok(Event::Close);
                }
                Ok(Markup::Text(_)) => return self.text(at, raw, raw).map(Event::Text),
                Ok(Markup::CData(_)) => {
                    let inside = raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
                    return self.text(at, raw, inside.unwrap_or_default()).map(Event::Text);
                }
                Ok(Markup::GeneralRef(reference)) => {
                    return self.reference(at, raw, &reference).map(Event::Text);
                }
                Ok(Markup::Comment(_)) => {}
                Ok(Markup::Decl(declaration)) => self.declaration(at, &declaration)?,
                Ok(Markup::PI(_)) => self.problem(at, "there is a processing instruction", remove_it())?,
                Ok(Markup::DocType(_)) => {
                    let hint = "remove it; neither a DTD nor entities of one's own are taken";
                    return Err(self.spots.end(at, "there is a document type declaration", hint));
                }
                // The expansion of an empty element never comes: it is a start and an end.
                Ok(Markup::Empty(_)) => {}
                Ok(Markup::Eof) => return self.end(),
                Err(error) => return Err(self.ill_formed(&error)),
            }
        }
    }

    fn open(&mut self, at: usize, raw: &'a str, start: &BytesStart<'_>) -> Result<Tag<'a>, Stop> {
        self.text_octets = 0;
        let name = raw.get(1..=start.name().as_ref().len()).unwrap_or_default();
        self.open.push((name, at));
        let depth = self.open.len();
        if depth > limits::DEPTH {
            let message = format!("`<{}>` lies deeper than {} elements", shown(name), limits::DEPTH);
            return Err(self.spots.end(at, message, ""));
        }
        let given = self.attributes(at, start)?;
        for (name, value) in &given {
            self.scopes.declare(depth, name, value);
        }
        let mut attributes = Vec::new();
        for (name, value) in given.into_iter().filter(|(name, _)| !Scopes::is_declaration(name)) {
            let (local, space) = self.scopes.of_attribute(&name);
            attributes.push(Attribute { name: local.to_owned(), space, value });
        }
        let (name, space) = self.scopes.of_element(name);
        Ok(Tag { at, name, space, attributes })
    }

    fn attributes(&mut self, at: usize, start: &BytesStart<'_>) -> Result<Vec<(String, String)>, Stop> {
        let mut given = Vec::new();
        let name = shown(start.name().as_ref());
        for attribute in start.attributes() {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => {
                    return Err(self.spots.end(
                        at,
                        format!("`<{name}>` has an attribute that is none: {error}"),
                        "",
                    ));
                }
            };
            if given.len() == limits::ATTRIBUTES {
                let message = format!("`<{name}>` has more than {} attributes", limits::ATTRIBUTES);
                return Err(self.spots.end(at, message, ""));
            }
            let key = shown(attribute.key.as_ref());
            if attribute.value.len() > limits::TEXT {
                return Err(self.too_long(at));
            }
            let value =
                unescape(&attribute.value).ok().filter(|value| is_plain(value) && !value.contains('<'));
            match value {
                Some(value) => given.push((key, value.into_owned())),
                None => {
                    let message = format!("`<{name}>` has an attribute `{key}` that cannot be read");
                    let hint =
                        "`&` and `<` are written `&amp;` and `&lt;`; there are no entities of one's own";
                    self.problem(at, message, Some(hint.to_owned()))?;
                }
            }
        }
        Ok(given)
    }

    /// A piece of text. `raw` counts against the limit, `inside` is what it says.
    fn text(&mut self, at: usize, raw: &str, inside: &'a str) -> Result<Cow<'a, str>, Stop> {
        self.text_octets += raw.len();
        if self.text_octets > limits::TEXT {
            return Err(self.too_long(at));
        }
        if !is_plain(inside) {
            let hint = "write the text with escaped=\"true\" and it as `\\u` and four digits";
            self.problem(
                at,
                "the text has a control character, which XML cannot hold",
                Some(hint.to_owned()),
            )?;
        }
        // XML 1.0 §2.11: however lines end in the file, they end in a line feed for who reads them.
        Ok(match inside.contains('\r') {
            true => Cow::Owned(inside.replace("\r\n", "\n").replace('\r', "\n")),
            false => Cow::Borrowed(inside),
        })
    }

    fn reference(&mut self, at: usize, raw: &str, reference: &BytesRef<'_>) -> Result<Cow<'a, str>, Stop> {
        self.text_octets += raw.len();
        if self.text_octets > limits::TEXT {
            return Err(self.too_long(at));
        }
        let named = match reference.as_ref() {
            "amp" => Some("&"),
            "lt" => Some("<"),
            "gt" => Some(">"),
            "apos" => Some("'"),
            "quot" => Some("\""),
            _ => None,
        };
        if let Some(named) = named {
            return Ok(Cow::Borrowed(named));
        }
        let letter = reference.resolve_char_ref().ok().flatten().map(String::from);
        if let Some(letter) = letter.filter(|letter| is_plain(letter)) {
            return Ok(Cow::Owned(letter));
        }
        let message = format!("`&{};` is unknown", shown(reference.as_ref()));
        let hint = "known are `&amp;`, `&lt;`, `&gt;`, `&apos;`, `&quot;` and numbers of characters";
        self.problem(at, message, Some(hint.to_owned()))?;
        Ok(Cow::Borrowed(""))
    }

    fn declaration(&mut self, at: usize, declaration: &BytesDecl<'_>) -> Result<(), Stop> {
        if at != 0 {
            return self.problem(
                at,
                "the XML declaration stands at the very beginning, or not at all",
                remove_it(),
            );
        }
        if declaration.version().ok().as_deref() != Some("1.0") {
            let hint = "write <?xml version=\"1.0\" encoding=\"UTF-8\"?>";
            self.problem(at, "the version of XML is another than 1.0", Some(hint.to_owned()))?;
        }
        match declaration.encoding() {
            Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => {
                let message = format!("the encoding is said to be `{}`, but the text is UTF-8", shown(&name));
                self.problem(at, message, Some("write encoding=\"UTF-8\"".to_owned()))
            }
            Some(Err(error)) => self.problem(at, format!("the encoding cannot be read: {error}"), None),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// The parser takes the end of the text for the end of all elements.
    fn end(&mut self) -> Result<Event<'a>, Stop> {
        match self.open.pop() {
            None => Ok(Event::End),
            Some((name, at)) => Err(self.spots.end(
                at,
                format!("`<{}>` is not closed", shown(name)),
                "the dataset may be cut short",
            )),
        }
    }

    fn ill_formed(&mut self, error: &quick_xml::Error) -> Stop {
        let at = self.base + usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
        let said = error.to_string();
        let message = said.split_once(": ").map_or(said.as_str(), |(_, message)| message);
        self.spots.end(at, format!("the text is no XML from here on: {}", cut(message, 200)), "")
    }

    fn too_long(&mut self, at: usize) -> Stop {
        let message = format!("the text is longer than {} octets", limits::TEXT);
        self.spots.end(at, message, "")
    }
}

fn remove_it() -> Option<String> {
    Some("remove it".to_owned())
}

/// Whether every character is one that XML 1.0 §2.2 lets a text have.
pub(crate) fn is_plain(text: &str) -> bool {
    let control = |octet: &u8| *octet < 0x20 && !matches!(*octet, b'\t' | b'\n' | b'\r');
    !text.as_bytes().iter().any(control) && !text.contains('\u{fffe}') && !text.contains('\u{ffff}')
}

/// A name as it is shown: nobody reads a long one.
pub(crate) fn shown(name: &str) -> String {
    cut(name, 64)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
