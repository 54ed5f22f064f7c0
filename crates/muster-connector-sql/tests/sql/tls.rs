//! TLS: a PostgreSQL of its own whose certificate is of an authority of its own, and all that can be wrong with it.

use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use muster_connector::{ConnectorError, Properties, TestStep, tested};
use muster_connector_sql::SqlKind;
use muster_egress::{Egress, Limits};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::systems::{host, text_pairs};

/// The name in the certificate; it leads to this machine.
const NAME: &str = "db.muster.test";

/// A running server. Stopped when it is dropped.
struct Server {
    directory: TempDir,
    port: u16,
    process: Child,
}

/// An authority, and a certificate that it gave.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

fn certificates(name: &str) -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    Certificates { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}

/// Where the programs of PostgreSQL are.
fn programs() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = found.map(|entry| entry.path().join("bin")).collect();
    found.sort();
    found.pop().expect("PostgreSQL is not installed here: install Debian's `postgresql`")
}

/// A command as a user who may run a server: PostgreSQL refuses to be run by root.
fn command(program: &str, directory: &Path) -> Command {
    let program = programs().join(program);
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let mut command = match is_root {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    fn start(certificates: &Certificates, encrypts: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        open_to_all(path, 0o777);
        let data = path.join("data");
        let made = command("initdb", path)
            .args(["--auth=scram-sha-256", "--username=muster", "--no-sync", "--pwfile"])
            .arg(written(path, "password", "a password"))
            .arg("-D")
            .arg(&data)
            .status();
        assert!(made.unwrap().success(), "initdb makes a database");
        for (name, text) in [("server.crt", &certificates.certificate), ("server.key", &certificates.key)] {
            let file = written(path, name, text);
            // The key belongs to the server alone; whoever owns its directory makes the copy.
            let copied = command_as_owner("install", &["-m", "600"], &file, &data.join(name));
            assert!(copied, "{name} is put in place");
        }
        let port = muster_testkit::servers::free_port().unwrap();
        let process = command("postgres", path)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", &format!("unix_socket_directories={}", path.display())])
            .args(["-c", if encrypts { "ssl=on" } else { "ssl=off" }])
            .spawn()
            .unwrap();
        let server = Self { directory, port, process };
        while !command("pg_isready", server.directory.path())
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .status()
            .unwrap()
            .success()
        {}
        server
    }

    fn properties(&self, host: &str, more: &[(&str, &str)]) -> Properties {
        let port = self.port.to_string();
        let mut properties = text_pairs(&[
            ("database", "postgres"),
            ("host", host),
            ("port", &port),
            ("databaseName", "postgres"),
            ("user", "muster"),
            ("password", "a password"),
        ]);
        properties.extend(text_pairs(more));
        properties
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().map(|_| ()).unwrap_or_default();
    }
}

fn open_to_all(path: &Path, mode: u32) {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, permissions).unwrap();
}

fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    open_to_all(&path, 0o644);
    path
}

fn command_as_owner(program: &str, options: &[&str], from: &Path, to: &Path) -> bool {
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let mut command = Command::new(if is_root { "setpriv" } else { program });
    if is_root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", program]);
    }
    command.args(options).arg(from).arg(to).status().unwrap().success()
}

/// A kind for which every name of the tests leads to this machine.
fn kind() -> SqlKind {
    let egress = Egress::new(vec!["* 127.0.0.0/8:*".parse().unwrap()], Limits::default());
    SqlKind::new(
        egress
            .with_resolver(Arc::new(|_, port| ("127.0.0.1", port).to_socket_addrs().map(Iterator::collect))),
    )
}

async fn steps(properties: &Properties) -> (Vec<TestStep>, Option<ConnectorError>) {
    let directory = tempfile::tempdir().unwrap();
    let tested = tested(&kind(), properties, &host(directory.path()), &[]).await;
    let error = tested.iter().find_map(|step| step.result.clone().err());
    (tested.into_iter().map(|step| step.step).collect(), error)
}

#[tokio::test]
async fn a_server_has_to_be_who_it_is_said_to_be() {
    let ours = certificates(NAME);
    let server = Server::start(&ours, true);
    let all = [TestStep::Address, TestStep::Tls, TestStep::Credentials, TestStep::Capabilities];
    let (done, error) = steps(&server.properties(NAME, &[("caCertificate", &ours.authority)])).await;
    assert_eq!((done.as_slice(), error), (&all[..], None));

    let others = certificates(NAME);
    for (host, more, at, says) in [
        (NAME, &[][..], TestStep::Tls, "issuer that is not trusted"),
        (NAME, &[("caCertificate", others.authority.as_str())], TestStep::Tls, "issuer that is not trusted"),
        ("other.muster.test", &[("caCertificate", ours.authority.as_str())], TestStep::Tls, "another name"),
        ("127.0.0.1", &[("caCertificate", ours.authority.as_str())], TestStep::Tls, "another name"),
        (
            NAME,
            &[("caCertificate", ours.authority.as_str()), ("password", "a wrong one")],
            TestStep::Credentials,
            "`user` and `password`",
        ),
        (
            NAME,
            &[("caCertificate", ours.authority.as_str()), ("password", "")],
            TestStep::Credentials,
            "password",
        ),
    ] {
        let (done, error) = steps(&server.properties(host, more)).await;
        let error = error.unwrap();
        assert_eq!(done.last(), Some(&at), "{host}: {error}");
        assert!(error.to_string().contains(says), "{host}: {error}");
        assert!(matches!(error, ConnectorError::Unusable { .. }) || says == "password", "{error:?}");
        assert!(!error.to_string().contains("a wrong one"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to_in_the_open() {
    let server = Server::start(&certificates(NAME), false);
    let (done, error) = steps(&server.properties(NAME, &[])).await;
    assert_eq!(done, [TestStep::Address, TestStep::Tls]);
    let error = error.unwrap();
    assert!(matches!(&error, ConnectorError::Unusable { message } if message.contains("TLS")), "{error}");
    let (done, error) = steps(&server.properties(NAME, &[("tls", "DISABLE")])).await;
    assert_eq!((done.len(), error), (4, None));
}
