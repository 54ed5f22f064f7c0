//! What operations make of a record, one after the other.

use muster_model::{Field, Value};

use super::spool::{Change, Edit, Stored};
use crate::cells::Arity;
use crate::dialect::Quotes;
use crate::encoding::Encoding;
use crate::layout::Layout;
use crate::settings::Settings;

/// The cells of a record as they stand in the file.
pub(super) type Row = Vec<String>;

/// Makes rows for one file.
#[derive(Clone, Copy)]
pub(super) struct Composer<'a> {
    pub(super) settings: &'a Settings,
    pub(super) layout: &'a Layout,
    pub(super) encoding: Encoding,
}

impl Composer<'_> {
    /// The record after these operations; `None` when there is none then.
    ///
    /// # Errors
    /// When a cell cannot hold what it is to hold; the text says why and what to do.
    pub(super) fn compose(&self, row: Option<Row>, operations: Vec<Stored>) -> Result<Option<Row>, String> {
        let mut row = row;
        for operation in operations {
            row = match (operation, row) {
                (Stored::Delete, _) => None,
                (Stored::Create(edits), _) => Some(self.edited(self.blank_row()?, edits)?),
                (Stored::Update(edits), Some(row)) => Some(self.edited(row, edits)?),
                (Stored::Update(_), None) => None,
            };
        }
        Ok(row)
    }

    /// A row in which every cell says that nothing is there.
    fn blank_row(&self) -> Result<Row, String> {
        Ok(vec![self.settings.cells.write(&Field::Absent, Arity::One)?; self.layout.columns.len()])
    }

    fn edited(&self, mut row: Row, edits: Vec<Edit>) -> Result<Row, String> {
        for Edit { column, change } in edits {
            let Some(cell) = row.get_mut(column) else { continue };
            *cell = match change {
                Change::Cell(new) => new,
                Change::Values { add, remove } => self.with_values(cell, add, &remove)?,
            };
        }
        Ok(row)
    }

    fn with_values(&self, cell: &str, add: Vec<String>, remove: &[String]) -> Result<String, String> {
        let mut texts = self.texts(cell);
        let before = texts.clone();
        texts.retain(|text| !remove.contains(text));
        for text in add {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts == before {
            return Ok(cell.to_owned());
        }
        let field = Field::Many(texts.into_iter().map(Value::String).collect());
        let cell = self.settings.cells.write(&field, Arity::Many)?;
        self.check(&cell)?;
        Ok(cell)
    }

    /// The values of a multi-valued cell.
    fn texts(&self, cell: &str) -> Vec<String> {
        let mut spans = Vec::new();
        self.settings.cells.dialect.split(cell.as_bytes(), Quotes::Some, &mut spans);
        let field = spans.first().map(|span| self.settings.cells.read(cell, *span, Arity::Many));
        field.unwrap_or_default().values().iter().map(|value| value.to_text().into_owned()).collect()
    }

    /// Checks that a cell will be read back.
    ///
    /// # Errors
    /// When it is too large or has characters that the encoding lacks.
    pub(super) fn check(&self, cell: &str) -> Result<(), String> {
        if self.encoding.encode(cell).is_none() {
            return Err("a value has characters that the encoding of the file lacks; use `UTF-8`".to_owned());
        }
        let most = self.settings.maximum_cell_bytes;
        let mut spans = Vec::new();
        let dialect = self.settings.cells.dialect;
        dialect.split(cell.as_bytes(), Quotes::Some, &mut spans);
        match spans.iter().all(|span| dialect.text(cell, *span).len() <= most) {
            true => Ok(()),
            false => {
                Err(format!("a value is larger than {most} bytes; shorten it or raise `maximumCellBytes`"))
            }
        }
    }
}
