//! Archiving: the file that a run read to its end is put away, if it is still the one that was read.

use muster_connector::{ConnectorError, Reads, SweepRequest};
use muster_model::configuration::post_processing::FileArchiving;
use muster_plan::errand::path;
use muster_store::StoreError;

use crate::Engine;
use crate::configuration::object_class;
use crate::errands::{Came, Errand};
use crate::placing::{self, Existing};
use crate::remote::remote_class;

impl Engine {
    pub(crate) async fn archive(
        &self,
        errand: &Errand<'_>,
        (archiving, existing): (&FileArchiving, Existing),
    ) -> Result<Came, StoreError> {
        let Some(from) = self.input_file(errand.configuration, errand.run) else {
            let message = "the application's accounts are no file; there is nothing to put away";
            return Ok(Came::Failed(message.to_owned()));
        };
        let name = errand.original_filename(Some(&from));
        let directory = path(&archiving.relative_directory_path, &name, errand.ended());
        let to = format!("{}/{name}", directory.trim_end_matches('/'));
        let files = self.settings.file_roots(errand.store.slug());
        match self.is_as_read(errand).await? {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("`{from}` has changed since the run read it; it was left where it is");
                return Ok(Came::Failed(message));
            }
            // Whoever tried before has moved it, and died before that was noted.
            Err(ConnectorError::Missing { .. })
                if errand.record.attempts > 1 && placing::is_there(files.own.clone(), to.clone()).await =>
            {
                return Ok(Came::left(to));
            }
            Err(error) => return Ok(Came::Failed(error.to_string())),
        }
        let moved = placing::move_file(files, (from, to), existing).await;
        Ok(moved.map_or_else(Came::Failed, Came::left))
    }

    /// Whether the source of a run is as it was when the run read it.
    async fn is_as_read(&self, errand: &Errand<'_>) -> Result<Result<bool, ConnectorError>, StoreError> {
        let lacking = || ConnectorError::Unusable { message: "the source is not there any more".to_owned() };
        let configuration = errand.configuration;
        let read = errand.store.source_snapshot(errand.run).await?;
        let looked = async {
            let task = configuration.synchronization_task(&errand.run.task).ok_or_else(lacking)?;
            let source = task.task_type.source().ok_or_else(lacking)?;
            let application = configuration.application(&source.application_id).ok_or_else(lacking)?;
            let class = object_class(application, &source.object_class_id).map_err(|_| lacking())?;
            let connector = self.open_connector(errand.store, configuration, application).await?;
            let request = SweepRequest {
                class: remote_class(application, class),
                reads: Reads::All,
                page_size: 1.into(),
                resume: None,
                last_count: None,
            };
            let sweep = connector.sweep(request).await?;
            Ok(read.is_some_and(|read| sweep.snapshot().is_some_and(|snapshot| snapshot.0 == read)))
        };
        Ok(looked.await)
    }
}
