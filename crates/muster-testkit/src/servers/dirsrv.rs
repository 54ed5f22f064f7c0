//! 389 Directory Server for tests. Its installer is used for the files alone, in a directory of the test: what it does
//! beyond that wants a service manager, and is done here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Process, free_port};

/// Who may do everything.
pub const MANAGER: &str = "cn=Directory Manager";
/// With this password.
pub const MANAGER_PASSWORD: &str = "secret12345";

const PROGRAM: &str = "/usr/sbin/ns-slapd";
const INSTALLER: &str = "/usr/sbin/dscreate";
const DEFAULTS: &str = "/usr/share/dirsrv/inf/defaults.inf";

/// A server that runs, with the suffix `dc=example,dc=org`. Gone with its data when it is dropped.
#[derive(Debug)]
pub struct Dirsrv {
    process: Process,
    directory: TempDir,
    port: u16,
}

impl Dirsrv {
    /// Sets a server up and starts it.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: apt-get install 389-ds-base ldap-utils");
        let directory = TempDir::new().unwrap_or_else(|error| panic!("cannot make a directory: {error}"));
        let port = free_port().unwrap_or_else(|error| panic!("no port is free: {error}"));
        install(directory.path(), port);
        let mut command = Command::new(PROGRAM);
        command
            .arg("-D")
            .arg(directory.path().join("etc"))
            .arg("-i")
            .arg(directory.path().join("pid"))
            .args(["-d", "0"]);
        let process = Process::serving(command.stdout(Stdio::null()).stderr(Stdio::null()), port);
        let server = Self { process, directory, port };
        let socket = server.directory.path().join("ldapi").display().to_string().replace('/', "%2f");
        // The administrator of the machine is the server's.
        server.change(
            &["-Q", "-Y", "EXTERNAL", "-H", &format!("ldapi://{socket}")],
            &format!("dn: cn=config\nchangetype: modify\nreplace: nsslapd-rootpw\nnsslapd-rootpw: {MANAGER_PASSWORD}\n"),
        );
        server.add(SUFFIX_OF_ITS_OWN);
        server
    }

    /// Its port, for plain connections.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its pid.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Adds entries, in LDIF.
    pub fn add(&self, ldif: &str) {
        let address = format!("ldap://127.0.0.1:{}", self.port);
        self.change(&["-a", "-x", "-H", &address, "-D", MANAGER, "-w", MANAGER_PASSWORD], ldif);
    }

    fn change(&self, arguments: &[&str], ldif: &str) {
        let path = self.directory.path().join("change.ldif");
        fs::write(&path, ldif).unwrap_or_else(|error| panic!("cannot write a change: {error}"));
        let output = Command::new("ldapmodify").args(arguments).arg("-f").arg(path).output();
        let output = output.unwrap_or_else(|error| panic!("ldapmodify is missing: {error}"));
        assert!(output.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&output.stderr));
    }
}

const SUFFIX_OF_ITS_OWN: &str = "dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userRoot
nsslapd-suffix: dc=example,dc=org

dn: cn=\"dc=example,dc=org\",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: dc=example,dc=org
nsslapd-state: backend
nsslapd-backend: userRoot

dn: dc=example,dc=org
objectClass: domain
dc: example
";

/// Has the installer write the files of a server. It ends with a complaint that its own directory does not know it.
fn install(directory: &Path, port: u16) {
    let place = directory.display();
    let write = |name: &str, text: &str| {
        fs::write(directory.join(name), text).unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
    };
    let inf = directory.join("prefix/share/dirsrv/inf");
    fs::create_dir_all(&inf).unwrap_or_else(|error| panic!("cannot make a directory: {error}"));
    let defaults =
        fs::read_to_string(DEFAULTS).unwrap_or_else(|error| panic!("cannot read {DEFAULTS}: {error}"));
    write("prefix/share/dirsrv/inf/defaults.inf", &defaults.replace("with_systemd = 1", "with_systemd = 0"));
    let places = ["db", "home", "bak", "ldif", "lock", "log", "run", "inst"];
    let places: Vec<String> = ["db", "db_home", "backup", "ldif", "lock", "log", "run", "inst"]
        .iter()
        .zip(places)
        .map(|(name, below)| format!("{name}_dir = {place}/{below}"))
        .collect();
    let secure = free_port().unwrap_or_else(|error| panic!("no port is free: {error}"));
    write(
        "setup.inf",
        &format!(
            "[general]\nconfig_version = 2\nfull_machine_name = localhost\nstart = False\nstrict_host_checking = False\n\
             selinux = False\nsystemd = False\n[slapd]\ninstance_name = t{port}\nuser = root\ngroup = root\nport = {port}\n\
             secure_port = {secure}\nroot_password = {MANAGER_PASSWORD}\nself_sign_cert = False\n\
             config_dir = {place}/etc\ncert_dir = {place}/etc\nschema_dir = {place}/etc/schema\n{}\n\
             ldapi = {place}/ldapi\nlocal_state_dir = {place}/var\npid_file = {place}/pid\n",
            places.join("\n")
        ),
    );
    let mut command = Command::new(INSTALLER);
    command.arg("from-file").arg(directory.join("setup.inf")).env("PREFIX", directory.join("prefix"));
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {INSTALLER}: {error}"));
    assert!(
        directory.join("etc/dse.ldif").exists(),
        "dscreate wrote no server: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
