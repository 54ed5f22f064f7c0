//! What a service says about itself: what it can do, which resource types it has, which attributes these have
//! (RFC 7643 §5 to §7). What it does not say is what the standard says.

use muster_connector::{OfferedAttribute, OfferedClass, RemoteClass};
use serde::Deserialize;

use crate::class::Kind;
use crate::path::ScimPath;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Whether something is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Support {
    pub(crate) supported: bool,
}

/// How bulk requests may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BulkSupport {
    pub(crate) supported: bool,
    pub(crate) max_operations: usize,
    pub(crate) max_payload_size: usize,
}

/// How pages may be asked for (RFC 9865 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Pagination {
    pub(crate) cursor: bool,
    pub(crate) max_page_size: Option<usize>,
}

/// What a service says that it can do. What it does not name it cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProviderConfig {
    pub(crate) patch: Support,
    pub(crate) bulk: BulkSupport,
    pub(crate) filter: Support,
    pub(crate) sort: Support,
    pub(crate) etag: Support,
    pub(crate) pagination: Pagination,
}

impl ProviderConfig {
    /// In words, for people.
    pub(crate) fn in_words(&self) -> String {
        let word = |has: bool, name: &str| if has { name.to_owned() } else { format!("no {name}") };
        let bulk = match self.bulk.supported {
            true => format!(
                "bulk of {} operations and {} octets",
                self.bulk.max_operations, self.bulk.max_payload_size
            ),
            false => "no bulk".to_owned(),
        };
        [
            word(self.patch.supported, "PATCH"),
            bulk,
            word(self.filter.supported, "filters"),
            word(self.sort.supported, "sorting"),
            word(self.etag.supported, "entity tags"),
            word(self.pagination.cursor, "pages by cursor"),
        ]
        .join(", ")
    }
}

/// A list of what is small: resource types and schemas.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed<T> {
    #[serde(rename = "Resources", alias = "resources", default = "Vec::new")]
    pub(crate) resources: Vec<T>,
}

/// A resource type as a service tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToldType {
    name: String,
    endpoint: String,
    schema: String,
    description: Option<String>,
    #[serde(default)]
    schema_extensions: Vec<ToldExtension>,
}

#[derive(Debug, Clone, Deserialize)]
struct ToldExtension {
    schema: String,
}

/// A schema as a service tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ToldSchema {
    id: String,
    #[serde(default)]
    attributes: Vec<ToldAttribute>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldAttribute {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    multi_valued: bool,
    #[serde(default)]
    required: bool,
    mutability: Option<String>,
    uniqueness: Option<String>,
    #[serde(default)]
    sub_attributes: Vec<ToldAttribute>,
}

/// One attribute that resources of a type have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) path: ScimPath,
    pub(crate) kind: Kind,
    /// Whether it holds objects; these are no values.
    pub(crate) is_complex: bool,
    /// Whether the service lets no two resources have one value of it.
    pub(crate) is_unique: bool,
    pub(crate) attribute: OfferedAttribute,
}

/// A resource type, with what its schemas say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceType {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) schema: String,
    description: Option<String>,
    /// Empty where the service tells no schemas.
    pub(crate) attributes: Vec<Offered>,
}

impl ResourceType {
    /// What a service has that does not say what it has.
    pub(crate) fn usual() -> Vec<Self> {
        [("User", "/Users", USER), ("Group", "/Groups", GROUP)]
            .map(|(name, endpoint, schema)| Self {
                name: name.to_owned(),
                endpoint: endpoint.to_owned(),
                schema: schema.to_owned(),
                description: None,
                attributes: Vec::new(),
            })
            .into()
    }

    /// A type with its schemas.
    pub(crate) fn of(told: ToldType, schemas: &[ToldSchema]) -> Self {
        let path = told.endpoint.trim_end_matches('/');
        let path = path.rsplit('/').next().unwrap_or_default();
        let bare = Self {
            name: told.name,
            endpoint: format!("/{path}"),
            schema: told.schema,
            description: told.description,
            attributes: Vec::new(),
        };
        let mut found = bare.with(schemas);
        let extensions = told.schema_extensions.iter().filter_map(|known| find(schemas, &known.schema));
        for extension in extensions {
            extension
                .attributes
                .iter()
                .for_each(|told| gather(&mut found.attributes, Some(&extension.id), told));
        }
        found
    }

    /// The same with what its core schema says.
    pub(crate) fn with(mut self, schemas: &[ToldSchema]) -> Self {
        let Some(core) = find(schemas, &self.schema) else { return self };
        self.attributes.push(identifier());
        core.attributes.iter().for_each(|told| gather(&mut self.attributes, None, told));
        let external = ScimPath::simple("externalId");
        if !self.attributes.iter().any(|known| known.path == external) {
            self.attributes.push(common("externalId", true));
        }
        self
    }

    /// The attributes that hold values.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &Offered> {
        self.attributes.iter().filter(|known| !known.is_complex)
    }

    /// The attribute of a path, whatever elements it selects.
    pub(crate) fn find(&self, path: &ScimPath) -> Option<&Offered> {
        self.attributes.iter().find(|known| {
            is_same(&known.path, path) && same_name(known.path.sub.as_deref(), path.sub.as_deref())
        })
    }

    /// The attribute that holds all of a path.
    pub(crate) fn holder(&self, path: &ScimPath) -> Option<&Offered> {
        self.attributes.iter().find(|known| known.path.sub.is_none() && is_same(&known.path, path))
    }

    /// As it is offered. What selects elements of a list is offered where a class names it.
    pub(crate) fn class(&self, classes: &[RemoteClass]) -> OfferedClass {
        let of_type = classes.iter().filter(|class| class.remote_name.eq_ignore_ascii_case(&self.name));
        let named = of_type.flat_map(|class| &class.attributes).filter_map(|known| {
            let path: ScimPath = known.name.as_str().parse().ok()?;
            let holder = self.find(&path).filter(|_| !path.selection.is_empty())?;
            let attribute = OfferedAttribute { name: known.name.clone(), ..holder.attribute.clone() };
            Some(OfferedAttribute { multi_valued: known.multi_valued, ..attribute })
        });
        let mut attributes: Vec<_> =
            self.offered().map(|known| known.attribute.clone()).chain(named).collect();
        attributes.sort_by(|one, other| one.name.cmp(&other.name));
        attributes.dedup_by(|one, other| one.name == other.name);
        OfferedClass { remote_name: self.name.clone(), description: self.description.clone(), attributes }
    }
}

fn find<'a>(schemas: &'a [ToldSchema], urn: &str) -> Option<&'a ToldSchema> {
    schemas.iter().find(|known| known.id.eq_ignore_ascii_case(urn))
}

fn same_name(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn is_same(one: &ScimPath, other: &ScimPath) -> bool {
    same_name(one.schema.as_deref(), other.schema.as_deref())
        && one.attribute.eq_ignore_ascii_case(&other.attribute)
}

/// What every resource has, and no schema tells (RFC 7643 §3.1).
fn identifier() -> Offered {
    let offered = common("id", false);
    let attribute = OfferedAttribute { unique: true, required: true, ..offered.attribute };
    Offered { is_unique: true, attribute, ..offered }
}

fn common(name: &str, is_writable: bool) -> Offered {
    let attribute = OfferedAttribute {
        remote_type: Some("string".to_owned()),
        writable: is_writable,
        ..OfferedAttribute::new(name)
    };
    Offered { path: ScimPath::simple(name), kind: Kind::Text, is_complex: false, is_unique: false, attribute }
}

fn gather(into: &mut Vec<Offered>, schema: Option<&str>, told: &ToldAttribute) {
    // The standard's own attributes are told by some services and not by others.
    if schema.is_none() && matches!(told.name.as_str(), "id" | "meta" | "schemas") {
        return;
    }
    let path = |sub: Option<&str>| ScimPath {
        schema: schema.map(str::to_owned),
        sub: sub.map(str::to_owned),
        ..ScimPath::simple(&told.name)
    };
    let whole = offered(path(None), told, told);
    into.push(whole);
    into.extend(told.sub_attributes.iter().map(|sub| offered(path(Some(&sub.name)), sub, told)));
}

fn offered(path: ScimPath, told: &ToldAttribute, holder: &ToldAttribute) -> Offered {
    let kind = told.kind.as_deref().unwrap_or("string");
    let is_read_only = |told: &ToldAttribute| told.mutability.as_deref() == Some("readOnly");
    let is_unique = matches!(told.uniqueness.as_deref(), Some("server" | "global"));
    Offered {
        kind: match kind {
            "boolean" => Kind::Boolean,
            "integer" | "decimal" => Kind::Number,
            _ => Kind::Text,
        },
        is_complex: kind == "complex",
        is_unique,
        attribute: OfferedAttribute {
            remote_type: Some(kind.to_owned()),
            multi_valued: told.multi_valued || holder.multi_valued,
            required: told.required && holder.required,
            writable: !is_read_only(told) && !is_read_only(holder),
            unique: is_unique,
            ..OfferedAttribute::new(path.to_string())
        },
        path,
    }
}
