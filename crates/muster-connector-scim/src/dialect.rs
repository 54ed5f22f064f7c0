//! How services differ in what they take: a few habits, and which of them the dialects have. Data alone.

/// How the operations of a PATCH are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationNames {
    /// `add`, as the standard has it.
    Lower,
    /// `Add`.
    Capitalised,
}

/// How a PATCH says what is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Booleans {
    /// `true`, as the standard has it.
    Json,
    /// `"True"`.
    Text,
}

/// How members are removed from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberRemoval {
    /// `members[value eq "7"]`, as the standard has it.
    Filter,
    /// `members`, with a list of what is to be removed.
    Values,
}

/// How a PATCH says where a new value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchForm {
    /// One operation an attribute, each with its path.
    Paths,
    /// One operation without a path, with all new values as a part of the resource.
    Values,
}

/// Whether something is done that a service may offer or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// As the service says.
    Auto,
    /// Whatever it says.
    Always,
    /// Whatever it says.
    Never,
}

impl Use {
    /// Whether it is done where the service says this.
    pub(crate) fn is_used(self, is_offered: bool) -> bool {
        match self {
            Self::Auto => is_offered,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How lists are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// By cursor where the service offers it.
    Auto,
    Index,
    Cursor,
}

/// The habits of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Habits {
    pub(crate) operation_names: OperationNames,
    pub(crate) booleans: Booleans,
    pub(crate) member_removal: MemberRemoval,
    pub(crate) patch_form: PatchForm,
    /// PATCH for accounts; else they are read and replaced.
    pub(crate) patch: Use,
    /// PATCH for the members of groups.
    pub(crate) patch_members: Use,
    pub(crate) paging: Paging,
    /// Whether a filter may ask for several names.
    pub(crate) has_or: bool,
    /// Whether it gives only those attributes that are asked for.
    pub(crate) asks_for_attributes: bool,
}

/// What the standard says.
pub(crate) const STANDARD: Habits = Habits {
    operation_names: OperationNames::Lower,
    booleans: Booleans::Json,
    member_removal: MemberRemoval::Filter,
    patch_form: PatchForm::Paths,
    patch: Use::Auto,
    patch_members: Use::Auto,
    paging: Paging::Auto,
    has_or: true,
    asks_for_attributes: true,
};

/// Services that were made for what Microsoft Entra ID sends.
const ENTRA: Habits = Habits {
    operation_names: OperationNames::Capitalised,
    booleans: Booleans::Text,
    member_removal: MemberRemoval::Values,
    patch: Use::Always,
    patch_members: Use::Always,
    ..STANDARD
};

/// Services that were made for what Okta sends: accounts are replaced, groups patched.
const OKTA: Habits =
    Habits { patch_form: PatchForm::Values, patch: Use::Never, patch_members: Use::Always, ..STANDARD };

/// AWS IAM Identity Center, as its developer guide has it: pages by cursor alone, filters with `eq` and `and` alone, no
/// parameter `attributes`.
const AWS: Habits = Habits {
    member_removal: MemberRemoval::Values,
    patch: Use::Always,
    patch_members: Use::Always,
    paging: Paging::Cursor,
    has_or: false,
    asks_for_attributes: false,
    ..STANDARD
};

/// Services that know no PATCH at all.
const REPLACING: Habits = Habits { patch: Use::Never, patch_members: Use::Never, ..STANDARD };

/// The dialects by their names.
pub(crate) const DIALECTS: [(&str, Habits); 5] =
    [("STANDARD", STANDARD), ("ENTRA", ENTRA), ("OKTA", OKTA), ("AWS", AWS), ("REPLACING", REPLACING)];
