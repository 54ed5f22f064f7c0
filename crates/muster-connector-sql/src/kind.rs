//! The kind of connector for databases, `sql`: what it says about settings, and how it opens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster_connector::{
    Capabilities, ChangeFeed, ClassPart, ClassProblem, Connector, ConnectorError, ConnectorKind, FileRoots,
    Host, Place, Properties, PropertyProblem, RemoteClass, TestStep, TestSteps, TestedStep, paths,
    test_classes,
};
use muster_egress::Egress;

use crate::catalogue::{self, usual_schema};
use crate::connector::{SqlConnector, capabilities_of};
use crate::database::Database;
use crate::link::Link;
use crate::postgres::Failed;
use crate::settings::{Access, Settings, System, Tls};

/// The kind of connector for PostgreSQL and SQLite, `sql`.
#[derive(Debug, Clone)]
pub struct SqlKind {
    egress: Egress,
}

impl SqlKind {
    /// Connectors that go out this way.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    fn database(&self, properties: &Properties, host: &Host) -> Result<Arc<Database>, ConnectorError> {
        let settings = Settings::parse(properties)?;
        Ok(Arc::new(Database::new(settings, self.egress.clone(), host.clone())))
    }
}

#[async_trait]
impl ConnectorKind for SqlKind {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        Settings::parse(properties).err().unwrap_or_default()
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        let Ok(settings) = Settings::parse(properties) else { return Vec::new() };
        let mut problems = Vec::new();
        let mut problem = |part, message: String| problems.push(ClassProblem { part, message });
        if class.remote_name.is_empty() || class.remote_name.contains('\0') {
            let message = "it names no table, view or query; give the name of one".to_owned();
            problem(ClassPart::RemoteName, message);
        }
        if let System::Sqlite { file } = &settings.system
            && let Err(message) = paths::check_within(files, file)
        {
            problem(ClassPart::RemoteName, message);
        }
        for attribute in class.attributes.iter().filter(|attribute| attribute.multi_valued) {
            let (name, attribute) = (&class.remote_name, &attribute.name);
            let is_membership = class.membership.as_ref().is_some_and(|held| held.attribute == *attribute);
            if !is_membership && settings.several_of(name, attribute.as_str()).is_none() {
                let message = format!(
                    "`{attribute}` has several values; say where they stand with a property \
                     `multiValues.{name}.{attribute}` of the connector"
                );
                problem(ClassPart::RemoteName, message);
            }
        }
        if let Some(held) = &class.membership
            && settings.several_of(&held.remote_name, held.member_attribute.as_str()).is_none()
        {
            let (name, attribute) = (&held.remote_name, &held.member_attribute);
            let message = format!(
                "nothing says where the members of `{name}` stand; give the connector a property \
                 `multiValues.{name}.{attribute}`"
            );
            problem(ClassPart::Membership, message);
        }
        problems
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        format!("`{}` row {}", class.remote_name, place.0)
    }

    /// Wrong properties can do nothing: they cannot be opened.
    fn capabilities(&self, properties: &Properties) -> Capabilities {
        match Settings::parse(properties) {
            Ok(settings) => capabilities_of(&settings),
            Err(_) => Capabilities {
                write: false,
                enable: false,
                rename: false,
                references_must_exist: false,
                create_is_found: true,
                changes: ChangeFeed::None,
                durable: muster_connector::Durable::EachCall,
            },
        }
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        Settings::parse(properties).is_ok_and(|settings| settings.gives_keys(class))
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let database = self.database(properties, host)?;
        let found = database.reading(|mut link| async {
            let found = ability(&mut link, &database.settings).await;
            (link, found)
        });
        let capabilities = found.await?;
        Ok(Box::new(SqlConnector { database, capabilities, layouts: Mutex::new(HashMap::new()) }))
    }

    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        let database = match self.database(properties, host) {
            Ok(database) => database,
            Err(error) => return steps.put(TestedStep { step: TestStep::Open, result: Err(error) }),
        };
        if let Err(Failed { step, error }) = connection_steps(&database, steps).await {
            return steps.put(TestedStep { step, result: Err(error) });
        }
        let opened = async {
            let connector = self.open(properties, host).await?;
            let found = found(connector.capabilities());
            Ok((connector, found))
        };
        if let Some(connector) = steps.make(TestStep::Capabilities, opened).await {
            test_classes(&*connector, classes, steps).await;
        }
    }
}

/// What the database itself says it can do.
async fn ability(link: &mut Link, settings: &Settings) -> Result<Capabilities, crate::fault::Fault> {
    let references_must_exist = catalogue::has_references(link, usual_schema(settings)).await?;
    Ok(Capabilities { references_must_exist, ..capabilities_of(settings) })
}

fn found(can: Capabilities) -> String {
    let write = if can.write { "can be written" } else { "is only read" };
    let enable = if can.enable { "tells who is enabled" } else { "does not tell who is enabled" };
    let changes = match can.changes {
        ChangeFeed::None => "does not tell changes",
        ChangeFeed::WithoutDeletes => "tells changes, but not who is gone",
        ChangeFeed::WithDeletes => "tells changes and who is gone",
    };
    format!("it {write}, {enable}, and {changes}")
}

/// Goes the way to a connection step by step.
async fn connection_steps(database: &Database, steps: &mut TestSteps) -> Result<(), Failed> {
    let System::Postgres(server) = &database.settings.system else {
        steps.begin(TestStep::Open);
        database.connect(Access::ReadOnly).await?;
        steps.put(TestedStep::passed(TestStep::Open, format!("{} is there", database.shown())));
        return Ok(());
    };
    let dialling = database.dialling();
    steps.begin(TestStep::Address);
    let stream = dialling.reach(server).await?;
    let place = format!("{}:{} answers", server.host, server.port);
    steps.put(TestedStep::passed(TestStep::Address, place));
    steps.begin(TestStep::Tls);
    let wire = dialling.secure(server, stream).await?;
    let safe = match server.tls {
        Tls::VerifyFull { .. } => format!("encrypted, and it is {}", server.host),
        Tls::Disabled => "not encrypted: `tls` is `DISABLE`".to_owned(),
    };
    steps.put(TestedStep::passed(TestStep::Tls, safe));
    steps.begin(TestStep::Credentials);
    dialling.log_in(server, Access::ReadOnly, wire).await?;
    steps.put(TestedStep::passed(TestStep::Credentials, format!("`{}` may log in", server.user)));
    Ok(())
}
