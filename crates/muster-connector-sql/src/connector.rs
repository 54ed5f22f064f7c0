//! The SQL connector behind the contract.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use muster_connector::{
    Capabilities, ChangeFeed, Connector, ConnectorError, Entry, OfferedAttribute, OfferedClass, RemoteClass,
    Sweep, SweepRequest, Writer,
};

use crate::catalogue::{self, Relation, usual_schema};
use crate::database::Database;
use crate::layout::Layout;
use crate::reading::Reader;
use crate::settings::{Access, Settings};
use crate::sweep::SqlSweep;
use crate::writer::SqlWriter;

/// An open connector.
pub(crate) struct SqlConnector {
    pub(crate) database: Arc<Database>,
    pub(crate) capabilities: Capabilities,
    /// Classes that were found already. Their tables are looked at once.
    pub(crate) layouts: Mutex<HashMap<String, (Arc<Layout>, String)>>,
}

impl SqlConnector {
    async fn layout(&self, class: &RemoteClass) -> Result<(Arc<Layout>, String), ConnectorError> {
        let name = format!("{class:?}");
        let known = self.layouts.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (layout, fingerprint) = self.database.layout(class).await?;
        let found = (Arc::new(layout), fingerprint);
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner).insert(name, found.clone());
        Ok(found)
    }

    /// A column that a class lacks may be one that others have; one that nobody has is a slip.
    async fn check_columns(&self, layout: &Layout) -> Result<(), ConnectorError> {
        let settings = &self.database.settings;
        let change = settings.change.as_ref();
        let named = [
            ("enabledColumn", settings.enabled.as_ref().map(|rule| &rule.column)),
            ("changeColumn", change.map(|rule| &rule.column)),
            ("deletedColumn", change.and_then(|rule| rule.deleted.as_ref())),
        ];
        let lacks = |name: &&String| layout.relation.column(name).is_none();
        let lacking = named.into_iter().filter_map(|(property, name)| Some((property, name.filter(lacks)?)));
        let lacking: Vec<(&str, &String)> = lacking.collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let schema = usual_schema(settings);
        let all = self.database.reading(|mut link| async move {
            let all = catalogue::all(&mut link, schema).await;
            (link, all)
        });
        let all = all.await?;
        let is_nowhere = |name: &str| all.iter().all(|relation| relation.column(name).is_none());
        match lacking.into_iter().find(|(_, name)| is_nowhere(name)) {
            None => Ok(()),
            Some((property, _)) => {
                Err(self.unusable(&format!("no table has the column that `{property}` names; correct it")))
            }
        }
    }

    fn unusable(&self, message: &str) -> ConnectorError {
        ConnectorError::Unusable { message: format!("{}: {message}", self.database.shown()) }
    }
}

#[async_trait]
impl Connector for SqlConnector {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        let (layout, _) = self.layout(class).await?;
        let reader = Reader { layout: &layout, settings: &self.database.settings };
        let sql = &format!("{} LIMIT 1", reader.select());
        let layout = &layout;
        self.database
            .reading(|mut link| async move {
                let reader = Reader { layout, settings: &self.database.settings };
                let read = match link.all(sql.clone(), Vec::new()).await {
                    Ok(rows) => reader.entries(&mut link, rows, 1).await.map(|_| ()),
                    Err(fault) => Err(fault),
                };
                (link, read)
            })
            .await?;
        self.check_columns(layout).await?;
        match layout.obstacle().filter(|_| self.capabilities.write && layout.relation.is_table()) {
            Some(obstacle) => Err(self.unusable(&obstacle)),
            None => Ok(()),
        }
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        let schema = usual_schema(&self.database.settings);
        let mut relations = self
            .database
            .reading(|mut link| async move {
                let all = catalogue::all(&mut link, schema).await;
                (link, all)
            })
            .await?;
        let offered = |relation: &Relation| relation.remote_name(schema);
        let mut found: Vec<(String, Relation)> =
            relations.drain(..).map(|one| (offered(&one), one)).collect();
        let queries = self.database.settings.queries.keys();
        let named = queries.chain(classes.iter().map(|class| &class.remote_name));
        for name in named {
            if found.iter().all(|(known, _)| known != name) {
                let relation = self
                    .database
                    .reading(|mut link| async move {
                        let relation = catalogue::named(&mut link, &self.database.settings, name).await;
                        (link, relation)
                    })
                    .await?;
                found.push((name.clone(), relation));
            }
        }
        Ok(found.into_iter().map(|(name, relation)| self.offered(name, relation)).collect())
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let (layout, fingerprint) = self.layout(&request.class).await?;
        Ok(Box::new(SqlSweep::begin(self.database.clone(), layout, fingerprint, request).await?))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let (layout, _) = self.layout(class).await?;
        self.database.found(&layout, &layout.key, uids).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let (layout, _) = self.layout(class).await?;
        self.database.found(&layout, &layout.naming, names).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.capabilities.write {
            return Err(self.unusable("it is not to be written: `writable` is `false`"));
        }
        let (layout, _) = self.layout(class).await?;
        match layout.obstacle() {
            Some(obstacle) => Err(self.unusable(&obstacle)),
            None => Ok(Box::new(SqlWriter { database: self.database.clone(), layout })),
        }
    }
}

impl SqlConnector {
    fn offered(&self, remote_name: String, relation: Relation) -> OfferedClass {
        let may_write = self.capabilities.write && relation.is_table();
        let columns = relation.columns.iter().map(|column| OfferedAttribute {
            remote_type: Some(column.shown_type.clone()),
            required: !column.is_nullable && !column.has_default && !column.is_computed,
            writable: may_write && !column.is_computed,
            unique: !column.unique.is_empty(),
            ..OfferedAttribute::new(column.name.as_str())
        });
        let rules = self.database.settings.several.iter().filter(|rule| rule.class == remote_name);
        let several = rules.map(|rule| OfferedAttribute {
            multi_valued: true,
            writable: may_write,
            ..OfferedAttribute::new(rule.attribute.as_str())
        });
        let mut attributes: Vec<OfferedAttribute> = columns.chain(several).collect();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        OfferedClass { remote_name, description: relation.description, attributes }
    }
}

/// What every database can do, as far as settings say.
pub(crate) fn capabilities_of(settings: &Settings) -> Capabilities {
    let write = settings.access == Access::ReadWrite;
    let changes = match &settings.change {
        None => ChangeFeed::None,
        Some(rule) if rule.deleted.is_some() => ChangeFeed::WithDeletes,
        Some(_) => ChangeFeed::WithoutDeletes,
    };
    Capabilities {
        write,
        enable: settings.enabled.is_some(),
        rename: write,
        references_must_exist: false,
        // A table that holds no key once only is not written at all.
        create_is_found: true,
        changes,
        durable: muster_connector::Durable::EachCall,
    }
}
