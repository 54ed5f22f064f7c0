//! How a column says whether an account is enabled: the properties that files and tables have in common for it.

use crate::properties::Form;

/// A column, and what it holds of accounts that are enabled and of those that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnabledRule {
    /// The column.
    pub column: String,
    /// What it holds where an account is enabled.
    pub enabled: String,
    /// What it holds where one is disabled.
    pub disabled: String,
}

impl EnabledRule {
    /// The rule that `enabledValue` and `disabledValue` give for the column of `enabledColumn`, if that names one.
    pub fn of(form: &mut Form<'_>, column: Option<String>) -> Option<Self> {
        let Some(column) = column else {
            form.alien(
                &["enabledValue", "disabledValue"],
                "it means nothing without `enabledColumn`; give that too",
            );
            return None;
        };
        let enabled = form.text("enabledValue").unwrap_or_default().to_owned();
        let disabled = form.text("disabledValue").unwrap_or_default().to_owned();
        if enabled.eq_ignore_ascii_case(&disabled) {
            form.problem("disabledValue", "it is the same as `enabledValue`; choose another text");
        }
        Some(Self { column, enabled, disabled })
    }

    /// Whether an account is enabled whose column holds this text; `None` where that is neither of the two.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<bool> {
        let is = |known: &str| text.eq_ignore_ascii_case(known);
        if is(&self.enabled) { Some(true) } else { is(&self.disabled).then_some(false) }
    }
}
