//! A session of writes: operations are judged at once against the keys of the file and of the session, and wait
//! until the close writes the file anew.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use muster_connector::{AttributeWrite, ConnectorError, FileRoots, Operation, RemoteClass};
use muster_model::{AttributeName, Field, Value};

use super::compose::Composer;
use super::key::{Key, KeyMap, KeySet};
use super::place::Target;
use super::rewrite::{Rewrite, Rewritten};
use super::spool::{Change, Edit, Spool, SpoolPlace, Stored};
use crate::body::{Met, beginning, next_record, scanner_at};
use crate::cells::Arity;
use crate::encoding::Encoding;
use crate::entry::{EntryReader, Judged};
use crate::layout::{Layout, Learned, Wanted, learn};
use crate::settings::{Heading, Settings};
use crate::source::{SourceFile, unreadable};
use crate::whole::ReadThrough;

/// A session of writes to one file, which it has locked.
pub(super) struct Session {
    settings: Arc<Settings>,
    base: Base,
    keys: FileKeys,
    touched: KeyMap<Touch>,
    spool: Spool,
    // Last, so that the lock outlives everything else.
    target: Target,
}

/// What is there to begin with.
pub(super) struct Base {
    /// `None` while there is no file.
    pub(super) source: Option<SourceFile>,
    pub(super) encoding: Encoding,
    pub(super) layout: Layout,
    /// Whether the header has still to be written.
    pub(super) lacks_header: bool,
}

/// The keys that stand in the file.
#[derive(Default)]
struct FileKeys {
    sound: KeySet,
    /// Those of records that cannot be read.
    bad: KeySet,
    /// The first line of a record that may hide any key.
    hiding: Option<u64>,
}

/// What the session has done to a key.
pub(super) struct Touch {
    pub(super) last: SpoolPlace,
    pub(super) after: After,
    /// Whether a record of the file has taken the operations.
    pub(super) met: bool,
}

/// Whether an account exists after the operations so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Here,
    Gone,
}

/// What is known of an account before an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    Gone,
    /// Its record cannot be read.
    Bad,
    /// The record at this line cannot be read and may be it.
    Hidden {
        line: u64,
    },
}

impl Session {
    /// Locks the file and reads through its keys.
    pub(super) fn open(
        roots: &FileRoots,
        settings: Arc<Settings>,
        class: &RemoteClass,
    ) -> Result<Self, ConnectorError> {
        let target = Target::lock(roots, &class.remote_name)?;
        let source = match fs::symlink_metadata(&target.place) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            _ => Some(SourceFile::open(roots, &class.remote_name, settings.encoding)?),
        };
        let wanted = Wanted { shown: &target.shown, class, settings: &settings };
        let (base, keys) = match source {
            None => (new_base(wanted, None)?, FileKeys::default()),
            Some(source) => existing_base(wanted, source)?,
        };
        let spool = Spool::new(target.unnamed()?);
        Ok(Self { settings, base, keys, touched: KeyMap::default(), spool, target })
    }

    /// Judges an operation and keeps it for the close.
    pub(super) fn admit(&mut self, operation: Operation) -> Result<(), ConnectorError> {
        let uid = operation.uid().to_owned();
        let key = Key::of(&uid);
        let (stored, after) = match (operation, self.presence(key)) {
            (_, Presence::Bad) => return Err(rejected(&uid, "its record cannot be read; repair it first")),
            (_, Presence::Hidden { line }) => {
                let why = format!(
                    "it may stand in the record at line {line}, which cannot be read; repair that first"
                );
                return Err(rejected(&uid, &why));
            }
            (Operation::Create { .. }, Presence::Here) => {
                let message = format!("`{uid}` stands in `{}` already", self.target.shown);
                return Err(ConnectorError::Conflict { message });
            }
            (Operation::Update { .. }, Presence::Gone) => {
                let message = format!("`{uid}` does not stand in `{}`", self.target.shown);
                return Err(ConnectorError::Missing { message });
            }
            (Operation::Delete { .. }, Presence::Gone) => return Ok(()),
            (Operation::Create { attributes, enabled, .. }, Presence::Gone) => {
                (Stored::Create(self.created(&uid, attributes, enabled.into())?), After::Here)
            }
            (Operation::Update { writes, enabled, .. }, Presence::Here) => {
                (Stored::Update(self.updated(&uid, writes, enabled.map(Standing::from))?), After::Here)
            }
            (Operation::Delete { .. }, Presence::Here) => (Stored::Delete, After::Gone),
        };
        let before = self.touched.get(&key).map(|touch| touch.last);
        let pushed = self.spool.push(key, before, &stored);
        let last = pushed.map_err(|error| self.target.cannot_write(&error))?;
        self.touched.insert(key, Touch { last, after, met: false });
        Ok(())
    }

    /// Writes the file anew, if anything is to change.
    pub(super) fn close(self) -> Result<(), ConnectorError> {
        let Self { settings, base, keys, touched, spool, target } = self;
        if touched.is_empty() {
            return Ok(());
        }
        // Every operation is judged; the memory is worth more now.
        drop(keys);
        let failed = |error: std::io::Error| target.cannot_write(&error);
        let spooled = spool.finish().map_err(failed)?;
        let written = target.temporary()?;
        let composer = Composer { settings: &settings, layout: &base.layout, encoding: base.encoding };
        let rewrite = Rewrite::new(&target, &base, composer, written.as_file());
        match rewrite.run(touched, &spooled)? {
            Rewritten::Changed => target.replace(written, base.source.as_ref()),
            Rewritten::Same => Ok(()),
        }
    }

    fn presence(&self, key: Key) -> Presence {
        match (self.touched.get(&key), self.keys.hiding) {
            (Some(Touch { after: After::Here, .. }), _) => Presence::Here,
            (Some(Touch { after: After::Gone, .. }), _) => Presence::Gone,
            (None, _) if self.keys.bad.contains(&key) => Presence::Bad,
            (None, _) if self.keys.sound.contains(&key) => Presence::Here,
            (None, Some(line)) => Presence::Hidden { line },
            (None, None) => Presence::Gone,
        }
    }

    fn composer(&self) -> Composer<'_> {
        Composer { settings: &self.settings, layout: &self.base.layout, encoding: self.base.encoding }
    }

    fn created(
        &self,
        uid: &str,
        attributes: Vec<(AttributeName, Field)>,
        standing: Standing,
    ) -> Result<Vec<Edit>, ConnectorError> {
        let refuse = |why: String| rejected(uid, &why);
        if uid.is_empty() {
            return Err(refuse("a key cannot be empty".to_owned()));
        }
        let cell = self.settings.cells.write(&Field::text(uid), Arity::One).map_err(refuse)?;
        self.composer().check(&cell).map_err(refuse)?;
        let mut edits = vec![Edit { column: self.base.layout.key, change: Change::Cell(cell) }];
        for (name, field) in attributes {
            edits.extend(self.edit(uid, &name, AttributeWrite::Replace(field))?);
        }
        match self.base.layout.enabled {
            None if standing == Standing::Enabled => {}
            None | Some(_) => edits.push(self.standing_edit(uid, standing)?),
        }
        Ok(edits)
    }

    fn updated(
        &self,
        uid: &str,
        writes: Vec<(AttributeName, AttributeWrite)>,
        standing: Option<Standing>,
    ) -> Result<Vec<Edit>, ConnectorError> {
        let mut edits = Vec::with_capacity(writes.len() + 1);
        for (name, write) in writes {
            edits.extend(self.edit(uid, &name, write)?);
        }
        if let Some(standing) = standing {
            edits.push(self.standing_edit(uid, standing)?);
        }
        Ok(edits)
    }

    fn standing_edit(&self, uid: &str, standing: Standing) -> Result<Edit, ConnectorError> {
        let (Some(rule), Some(column)) = (&self.settings.enabled, self.base.layout.enabled) else {
            return Err(rejected(
                uid,
                "the file does not say who is enabled; set the property `enabledColumn`",
            ));
        };
        let text = match standing {
            Standing::Enabled => &rule.enabled,
            Standing::Disabled => &rule.disabled,
        };
        let cell = self.settings.cells.plain(text);
        self.composer().check(&cell).map_err(|why| rejected(uid, &why))?;
        Ok(Edit { column, change: Change::Cell(cell) })
    }

    /// What a write does to its cell; `None` when there is nothing to do.
    fn edit(
        &self,
        uid: &str,
        name: &AttributeName,
        write: AttributeWrite,
    ) -> Result<Option<Edit>, ConnectorError> {
        let refuse = |why: String| rejected(uid, &format!("`{name}`: {why}"));
        let Some(column) = self.base.layout.position(name.as_str()) else {
            return match gives_value(&write) {
                true => Err(refuse("the file has no such column; add it to the file first".to_owned())),
                false => Ok(None),
            };
        };
        if column == self.base.layout.key {
            if matches!(&write, AttributeWrite::Replace(field) if is_text(field, uid)) {
                return Ok(None);
            }
            return Err(refuse("a key cannot be changed; delete the account and create another".to_owned()));
        }
        let arity = self.base.layout.arity(name);
        let change = match (write, arity) {
            (AttributeWrite::Replace(field), _) => {
                let cell = self.settings.cells.write(&field, arity).map_err(refuse)?;
                self.composer().check(&cell).map_err(refuse)?;
                Change::Cell(cell)
            }
            (AttributeWrite::Values { add, remove }, Arity::Many) => {
                self.values(add, remove).map_err(refuse)?
            }
            (AttributeWrite::Values { .. }, Arity::One) => {
                let why =
                    "it is not multi-valued; set `multiValueSeparator` and make the attribute multi-valued";
                return Err(refuse(why.to_owned()));
            }
        };
        Ok(Some(Edit { column, change }))
    }

    fn values(&self, add: Vec<Value>, remove: Vec<Value>) -> Result<Change, String> {
        for value in &add {
            let cell = self.settings.cells.write(&Field::Many(vec![value.clone()]), Arity::Many)?;
            self.composer().check(&cell)?;
        }
        let texts = |values: Vec<Value>| values.iter().map(|value| value.to_text().into_owned()).collect();
        Ok(Change::Values { add: texts(add), remove: texts(remove) })
    }
}

/// What the file is to say of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Enabled,
    Disabled,
}

impl From<bool> for Standing {
    fn from(enabled: bool) -> Self {
        if enabled { Self::Enabled } else { Self::Disabled }
    }
}

fn gives_value(write: &AttributeWrite) -> bool {
    match write {
        AttributeWrite::Replace(field) => !field.has_no_value(),
        AttributeWrite::Values { add, remove: _ } => !add.is_empty(),
    }
}

fn is_text(field: &Field, text: &str) -> bool {
    matches!(field.values(), [value] if value.to_text() == text)
}

fn rejected(uid: &str, why: &str) -> ConnectorError {
    ConnectorError::Rejected { message: format!("`{uid}` cannot be written: {why}") }
}

/// A file that is yet to be made, or has not even a header.
fn new_base(wanted: Wanted<'_>, source: Option<SourceFile>) -> Result<Base, ConnectorError> {
    let settings = wanted.settings;
    let encoding = match &source {
        Some(source) => source.encoding,
        None => settings.encoding.for_new_file().0,
    };
    let mut columns = settings.heading.columns().to_vec();
    if columns.is_empty() {
        columns.extend(wanted.class.attributes.iter().map(|attribute| attribute.name.as_str().to_owned()));
        if columns.is_empty() {
            let message = format!(
                "`{}` does not exist and nothing says its columns; give it a header or set `columns`",
                wanted.shown
            );
            return Err(ConnectorError::Unusable { message });
        }
        let key = wanted.class.uid_attribute.as_str();
        if !columns.iter().any(|name| name == key) {
            columns.insert(0, key.to_owned());
        }
        if let Some(rule) = &settings.enabled
            && !columns.contains(&rule.column)
        {
            columns.push(rule.column.clone());
        }
    }
    let lacks_header = matches!(settings.heading, Heading::FirstRecord { .. });
    Ok(Base { source, encoding, layout: Layout::new(wanted, columns, None)?, lacks_header })
}

/// Reads through a file and gathers its keys. A file that is not whole is not written.
fn existing_base(wanted: Wanted<'_>, source: SourceFile) -> Result<(Base, FileKeys), ConnectorError> {
    let Wanted { shown, class: _, settings } = wanted;
    let failed = |error| unreadable(shown, &error);
    let mut scanner = scanner_at(&source, settings, beginning(&source)).map_err(failed)?;
    let Learned::Layout(layout) = learn(wanted, &mut scanner)? else {
        return Ok((new_base(wanted, Some(source))?, FileKeys::default()));
    };
    let reader = EntryReader { shown, settings, layout: &layout };
    let (mut keys, mut spans, mut count) = (FileKeys::default(), Vec::new(), 0);
    let mut first_bad = None;
    let ending = loop {
        let record = match next_record(&mut scanner, settings).map_err(failed)? {
            Met::Record(record) => record,
            Met::Ending(ending) => break ending,
        };
        count += 1;
        match reader.judge(&record, scanner.bytes(), &mut spans) {
            Judged::Sound { text } => {
                keys.sound.insert(Key::of(&reader.key(text, &spans)));
            }
            Judged::Bad(bad) => {
                match bad.uid {
                    Some(uid) => {
                        keys.bad.insert(Key::of(&uid));
                    }
                    None => keys.hiding = keys.hiding.or(Some(record.line)),
                }
                first_bad.get_or_insert(bad.message);
            }
        }
    };
    if source.state.size > source.mark_len {
        let read = ReadThrough { shown, count, ending: &ending };
        read.check_ending(settings).map_err(|message| ConnectorError::Unusable { message })?;
    }
    if let Some(first_bad) = first_bad.filter(|_| keys.sound.is_empty()) {
        return Err(nothing_read(shown, count, &first_bad));
    }
    let encoding = source.encoding;
    Ok((Base { source: Some(source), encoding, layout: *layout, lacks_header: false }, keys))
}

/// Where nothing at all can be read the rules are likelier wrong than every record, and accounts written by such
/// rules would stand beside those that the file holds.
fn nothing_read(shown: &str, count: u64, first_bad: &str) -> ConnectorError {
    let records = match count {
        1 => "its one record cannot be read".to_owned(),
        many => format!("none of its {many} records can be read"),
    };
    let message = format!(
        "`{shown}` is not written, since {records}: {first_bad}; set `separator`, `quote` and `encoding` of the \
         connector as the file has them, or repair the file"
    );
    ConnectorError::Unusable { message }
}
