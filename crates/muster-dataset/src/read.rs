//! Reading a dataset: its resources, each parsed as far as it can be, and all that is wrong, with line and column.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use muster_model::ConfigurationId;
use muster_model::configuration::document::nearest::nearest;
use muster_model::configuration::{
    Configuration, ConfigurationKind, ConfigurationReference, Document, Leniency, Problems, Resource,
};
use serde_json::Value;

use crate::limits;
use crate::names::{Scopes, Space};
use crate::places::Places;
use crate::problem::{DatasetProblem, Spot, Stop, placed};
use crate::scan::{Event, Scan, Tag, shown};
use crate::tree::{ID, Tree, refuse_foreign, skip};

/// The root element.
pub(crate) const ROOT: &str = "dataset";

/// What some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a resource is found by.
pub type Key = (ConfigurationKind, ConfigurationId);

/// A dataset that was read.
#[derive(Debug)]
pub struct Dataset {
    text: String,
    /// The namespaces that hold within the root.
    scopes: Scopes,
    entries: Vec<Entry>,
    index: HashMap<Key, usize>,
    spots: Vec<Spot>,
    ended: Ended,
    events: usize,
}

/// A resource of a dataset.
#[derive(Debug)]
pub struct Entry {
    /// Its kind.
    pub kind: ConfigurationKind,
    /// Where its element stands.
    part: Range<usize>,
    content: Content,
}

/// How far a resource could be read.
#[derive(Debug)]
enum Content {
    Sound(Box<(Document, Resource)>),
    /// What could be read of one that is not in order.
    Broken(Value),
}

/// How far reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    Stopped,
}

impl Entry {
    /// Its document and what that means, when it is in order.
    #[must_use]
    pub fn sound(&self) -> Option<(&Document, &Resource)> {
        match &self.content {
            Content::Sound(sound) => Some((&sound.0, &sound.1)),
            Content::Broken(_) => None,
        }
    }

    /// Its id, when it has one.
    #[must_use]
    pub fn id(&self) -> Option<ConfigurationId> {
        match &self.content {
            Content::Sound(sound) => Some(sound.1.id()),
            Content::Broken(value) => ConfigurationId::new(value.get(ID)?.as_str()?).ok(),
        }
    }

    /// Its JSON tree: of one in order its document's, else what could be read.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Sound(sound) => sound.0.to_value(),
            Content::Broken(value) => value.clone(),
        }
    }

    /// What it refers to, as far as that can be read.
    #[must_use]
    pub fn references(&self) -> Vec<ConfigurationReference> {
        match &self.content {
            Content::Sound(sound) => sound.1.references(),
            Content::Broken(value) => Document::references(self.kind, value),
        }
    }
}

impl Dataset {
    /// Reads a dataset. Never fails: what is wrong is among its problems.
    #[must_use]
    pub fn read(octets: Vec<u8>) -> Self {
        let mut dataset = Self {
            text: String::new(),
            scopes: Scopes::default(),
            entries: Vec::new(),
            index: HashMap::new(),
            spots: Vec::new(),
            ended: Ended::Stopped,
            events: 0,
        };
        match as_text(octets) {
            Ok(text) => {
                dataset.read_text(&text);
                dataset.text = text;
            }
            Err((text, spot)) => {
                dataset.text = text;
                dataset.spots.push(spot);
            }
        }
        dataset
    }

    fn read_text(&mut self, text: &str) {
        let mut scan = Scan::new(text, 0..text.len(), Scopes::default());
        let read = refuse_much_markup(text, &mut scan).and_then(|()| self.read_root(&mut scan));
        self.ended = if read.is_ok() { Ended::Whole } else { Ended::Stopped };
        self.events = scan.events();
        self.spots = scan.spots.into_vec();
    }

    fn read_root(&mut self, scan: &mut Scan<'_>) -> Result<(), Stop> {
        let root = loop {
            let at = scan.at();
            match scan.next()? {
                Event::Open(tag) => break tag,
                Event::Text(text) => refuse_stray(scan, at, &text)?,
                Event::Close => {}
                Event::End => {
                    return Err(scan.spots.end(
                        at,
                        format!("there is no `<{ROOT}>`"),
                        "the dataset is empty",
                    ));
                }
            }
        };
        if !refuse_foreign(scan, &root)? || root.name != ROOT {
            let message = format!("`<{}>` is no dataset", shown(root.name));
            let hint = format!("the root is `<{ROOT} xmlns=\"{}\">`", crate::names::NAMESPACE);
            return Err(scan.spots.end(root.at, message, &hint));
        }
        for attribute in root.attributes.iter().filter(|attribute| !says_where_the_schema_is(attribute)) {
            scan.problem(root.at, format!("unknown attribute `{}`", shown(&attribute.name)), None)?;
        }
        self.scopes = scan.scopes().outermost();
        loop {
            let at = scan.at();
            match scan.next()? {
                Event::Open(tag) => self.read_entry(scan, &tag)?,
                Event::Text(text) => refuse_stray(scan, at, &text)?,
                Event::Close => return refuse_behind_root(scan),
                Event::End => return Ok(()),
            }
        }
    }

    fn read_entry(&mut self, scan: &mut Scan<'_>, tag: &Tag<'_>) -> Result<(), Stop> {
        if !refuse_foreign(scan, tag)? {
            return skip(scan);
        }
        let names = || ConfigurationKind::ALL.map(ConfigurationKind::element_name);
        let Some(kind) = ConfigurationKind::ALL.into_iter().find(|kind| kind.element_name() == tag.name)
        else {
            let hint = match nearest(tag.name, names()) {
                Some(meant) => format!("did you mean `<{meant}>`?"),
                None => format!("known are {}", names().map(|name| format!("`<{name}>`")).join(", ")),
            };
            scan.problem(tag.at, format!("unknown element `<{}>`", shown(tag.name)), Some(hint))?;
            return skip(scan);
        };
        let known = scan.spots.count();
        let value = Tree::new(scan).resource(Document::shape(kind), tag)?;
        let part = tag.at..scan.at();
        let content = match parse(kind, &value) {
            Ok(sound) if scan.spots.count() == known => Content::Sound(Box::new(sound)),
            Ok(_) => Content::Broken(value),
            Err(problems) => {
                let places = Places::of(scan.whole(), &self.scopes, kind, part.clone());
                for (pointer, messages) in problems.iter() {
                    for message in messages {
                        scan.spots.add(places.spot(kind, pointer, message))?;
                    }
                }
                Content::Broken(value)
            }
        };
        self.add(scan, Entry { kind, part, content })
    }

    fn add(&mut self, scan: &mut Scan<'_>, entry: Entry) -> Result<(), Stop> {
        if let Some(id) = entry.id() {
            if self.index.contains_key(&(entry.kind, id.clone())) {
                let message = format!("{} `{id}` stands above already", entry.kind);
                return scan.problem(entry.part.start, message, None);
            }
            self.index.insert((entry.kind, id), self.entries.len());
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The resources, in the order of the dataset.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The resource of that key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.index.get(key).map(|index| &self.entries[*index])
    }

    /// Whether the dataset could be read to its end, whatever is wrong with its resources.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.ended == Ended::Whole
    }

    /// Whether nothing is wrong with any of its resources by itself.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.is_whole() && self.spots.is_empty()
    }

    /// How many events of XML were looked at.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// The documents of all resources that are in order.
    #[must_use]
    pub fn documents(&self) -> BTreeMap<Key, Value> {
        let sound = self.entries.iter().filter_map(Entry::sound);
        sound.map(|(document, _)| ((document.kind(), document.id()), document.to_value())).collect()
    }

    /// All that is wrong, in the order of the dataset: with itself, and what others have against its resources.
    /// The pointers of those are those of [`Configuration::check`]; what is about other resources is left out.
    #[must_use]
    pub fn problems(&self, further: &Problems) -> Vec<DatasetProblem> {
        let mut spots = self.spots.clone();
        let mut known: Option<(usize, Places)> = None;
        for (pointer, messages) in further.iter() {
            let Some((index, within)) = self.find(pointer) else { continue };
            if spots.len() > limits::PROBLEMS {
                break;
            }
            let entry = &self.entries[index];
            let (_, places) = match known.take() {
                Some((last, places)) if last == index => known.insert((last, places)),
                _ => {
                    let places = Places::of(&self.text, &self.scopes, entry.kind, entry.part.clone());
                    known.insert((index, places))
                }
            };
            spots.extend(messages.iter().map(|message| places.spot(entry.kind, within, message)));
        }
        placed(&self.text, spots)
    }

    /// Whether a pointer of [`Configuration::check`] leads into a resource of this dataset.
    #[must_use]
    pub fn has(&self, pointer: &str) -> bool {
        self.find(pointer).is_some()
    }

    fn find<'p>(&self, pointer: &'p str) -> Option<(usize, &'p str)> {
        let (kind, rest) = pointer.strip_prefix('/')?.split_once('/')?;
        let (id, within) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let key = (ConfigurationKind::from_path_segment(kind)?, ConfigurationId::new(id).ok()?);
        Some((*self.index.get(&key)?, within))
    }

    /// The references that lead neither to a resource of this dataset, in order or not, nor to one of those others.
    #[must_use]
    pub fn dangling(&self, others: &Configuration) -> Problems {
        let mut problems = Problems::new();
        let is_here = |reference: &ConfigurationReference| {
            reference.kinds.iter().any(|kind| self.index.contains_key(&(*kind, reference.id.clone())))
        };
        for entry in &self.entries {
            let Some(id) = entry.id() else { continue };
            let mut references = entry.references();
            references.retain(|reference| !is_here(reference));
            let place = format!("/{}/{id}", entry.kind.path_segment());
            problems.merge(others.dangling(&references).placed_under(&place));
        }
        problems
    }
}

fn parse(kind: ConfigurationKind, value: &Value) -> Result<(Document, Resource), Problems> {
    let document = Document::read(kind, value, Leniency::Text)?;
    let resource = document.parse()?;
    Ok((document, resource))
}

/// The octets as a text without byte order mark; else what of them is one, and why no more.
fn as_text(octets: Vec<u8>) -> Result<String, (String, Spot)> {
    let spot = |at, message: String, hint: &str| Spot { at, message, hint: Some(hint.to_owned()) };
    if octets.len() > limits::OCTETS {
        let message = format!("the dataset is larger than {} octets", limits::OCTETS);
        return Err((String::new(), spot(0, message, "import it in parts")));
    }
    match String::from_utf8(octets) {
        Ok(mut text) => {
            if text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..BYTE_ORDER_MARK.len_utf8());
            }
            Ok(text)
        }
        Err(error) => {
            let end = error.utf8_error().valid_up_to();
            let mut octets = error.into_bytes();
            octets.truncate(end);
            let text = String::from_utf8(octets).unwrap_or_default();
            Err((text, spot(end, "the text is no UTF-8 from here on".to_owned(), "save it as UTF-8")))
        }
    }
}

/// Counted before anything is read, so that a text that is all markup costs nothing.
fn refuse_much_markup(text: &str, scan: &mut Scan<'_>) -> Result<(), Stop> {
    let octets = text.as_bytes();
    let begins = |at: &usize| octets.get(at + 1) != Some(&b'/');
    match memchr::memchr_iter(b'<', octets).filter(begins).nth(limits::MARKUP) {
        Some(at) => {
            let message = format!("there are more than {} elements and comments", limits::MARKUP);
            Err(scan.spots.end(at, message, "import it in parts"))
        }
        None => Ok(()),
    }
}

/// A well-formed document has one root. What stands behind it belongs to none, and to others it would be no dataset.
fn refuse_behind_root(scan: &mut Scan<'_>) -> Result<(), Stop> {
    loop {
        let at = scan.at();
        match scan.next()? {
            Event::Open(tag) => {
                let message = format!("`<{}>` stands behind the end of the dataset", shown(tag.name));
                let hint = format!("put it before `</{ROOT}>`, or remove it");
                return Err(scan.spots.end(tag.at, message, &hint));
            }
            Event::Text(text) => refuse_stray(scan, at, &text)?,
            Event::Close => {}
            Event::End => return Ok(()),
        }
    }
}

fn refuse_stray(scan: &mut Scan<'_>, at: usize, text: &str) -> Result<(), Stop> {
    if text.trim_ascii().is_empty() {
        return Ok(());
    }
    scan.problem(at, "there is text where only elements stand", None)
}

fn says_where_the_schema_is(attribute: &crate::scan::Attribute) -> bool {
    let known = ["schemaLocation", "noNamespaceSchemaLocation"];
    attribute.space == Space::Instance && known.contains(&attribute.name.as_str())
}
