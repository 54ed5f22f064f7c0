//! OpenLDAP's `slapd` for tests: configured, filled, killed and started again by the test that owns it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Process, free_port};

/// The suffix of its database.
pub const SUFFIX: &str = "dc=example,dc=org";
/// Who may do everything.
pub const ADMIN: &str = "cn=admin,dc=example,dc=org";
/// With this password.
pub const PASSWORD: &str = "secret";
/// Where the log of accesses stands, if there is one.
pub const LOG: &str = "cn=log";

/// The program, where Debian's package puts it.
pub const PROGRAM: &str = "/usr/sbin/slapd";

const LOAD: &str = "/usr/sbin/slapadd";
const SCHEMAS: [&str; 4] = ["core", "cosine", "inetorgperson", "nis"];

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct SlapdSettings {
    /// Whether it has `syncprov`, and how many deletions that remembers.
    pub sync: Option<u32>,
    /// Whether it has `ppolicy`, and with it `pwdAccountLockedTime`.
    pub ppolicy: bool,
    /// Whether it writes each modification down, below [`LOG`].
    pub log: bool,
    /// Whether it writes down there as well who asked for entries.
    pub log_reads: bool,
    /// Whether it keeps names in groups up to date by itself.
    pub refint: bool,
    /// Whether it leaves it to the machine when things reach the disk.
    pub no_sync: bool,
    /// The most octets of its database.
    pub largest: Option<u64>,
    /// Key and certificate, in PEM.
    pub tls: Option<(String, String)>,
    /// Further lines for the database, such as limits and rights.
    pub lines: Vec<String>,
    /// Where its data lies; a temporary directory of the machine when not given.
    pub below: Option<PathBuf>,
}

/// A server that runs. Gone with its data when it is dropped.
#[derive(Debug)]
pub struct Slapd {
    directory: TempDir,
    process: Option<Process>,
    port: u16,
    tls_port: Option<u16>,
}

impl Slapd {
    /// Sets a server up, loads entries in LDIF below [`SUFFIX`], whose own entry is there already, and starts it.
    ///
    /// # Panics
    /// When `slapd` is not installed or does not start.
    #[must_use]
    pub fn start(settings: &SlapdSettings, ldif: &str) -> Self {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: apt-get install slapd ldap-utils");
        let directory = match &settings.below {
            Some(below) => TempDir::new_in(below),
            None => TempDir::new(),
        };
        let directory = directory.unwrap_or_else(|error| panic!("cannot make a directory: {error}"));
        let write = |name: &str, text: &str| write(directory.path(), name, text);
        for name in ["db", "log"] {
            fs::create_dir(directory.path().join(name))
                .unwrap_or_else(|error| panic!("cannot make {name}: {error}"));
        }
        if let Some((key, certificate)) = &settings.tls {
            write("key.pem", key);
            write("certificate.pem", certificate);
        }
        write("slapd.conf", &configuration(settings, directory.path()));
        let suffix = "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n";
        write("data.ldif", &format!("{suffix}{ldif}"));
        load(directory.path());
        let port = free_port().unwrap_or_else(|error| panic!("no port is free: {error}"));
        let tls_port = settings.tls.as_ref().and_then(|_| free_port().ok());
        let mut slapd = Self { directory, process: None, port, tls_port };
        slapd.restart();
        slapd
    }

    /// Its port, for plain connections and StartTLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its port for LDAPS.
    ///
    /// # Panics
    /// When it was set up without TLS.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port.unwrap_or_else(|| panic!("this server has no TLS"))
    }

    /// Kills it, as a machine does that fails.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it, on the data that is there.
    pub fn restart(&mut self) {
        self.process = None;
        let mut listeners = format!("ldap://127.0.0.1:{}", self.port);
        if let Some(port) = self.tls_port {
            let _ = write!(listeners, " ldaps://127.0.0.1:{port}");
        }
        let mut command = Command::new(PROGRAM);
        command.args(["-h", &listeners, "-d", "0", "-f"]).arg(self.directory.path().join("slapd.conf"));
        self.process = Some(Process::serving(command.stdout(Stdio::null()).stderr(Stdio::null()), self.port));
    }

    /// Kills it and starts it with other settings, on the data that is there. Where that lies and TLS stay as they are.
    pub fn restart_with(&mut self, settings: &SlapdSettings) {
        self.process = None;
        write(self.directory.path(), "slapd.conf", &configuration(settings, self.directory.path()));
        self.restart();
    }

    /// What its administrator finds, in LDIF without line breaks within lines.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> String {
        let mut command = Command::new("ldapsearch");
        command.args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &format!("ldap://127.0.0.1:{}", self.port)]);
        command.args(["-D", ADMIN, "-w", PASSWORD, "-b", base, filter]).args(attributes);
        let output = command.output().unwrap_or_else(|error| panic!("ldapsearch is missing: {error}"));
        assert!(output.status.success(), "ldapsearch: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Has its administrator change entries, in LDIF with `changetype`.
    ///
    /// # Panics
    /// When it refuses.
    pub fn modify(&self, ldif: &str) {
        let path = self.directory.path().join("change.ldif");
        fs::write(&path, ldif).unwrap_or_else(|error| panic!("cannot write a change: {error}"));
        let mut command = Command::new("ldapmodify");
        command.args([
            "-x",
            "-H",
            &format!("ldap://127.0.0.1:{}", self.port),
            "-D",
            ADMIN,
            "-w",
            PASSWORD,
            "-f",
        ]);
        let output = command.arg(path).output();
        let output = output.unwrap_or_else(|error| panic!("ldapmodify is missing: {error}"));
        assert!(output.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The modifications that were written down, each as its attributes: `reqDN`, `reqMod` and so on. Forgets none.
    #[must_use]
    pub fn logged(&self) -> Vec<String> {
        let found =
            self.search(LOG, "(objectClass=auditWriteObject)", &["reqDN", "reqType", "reqMod", "reqNewRDN"]);
        found.split("\n\n").map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
}

fn load(directory: &Path) {
    let mut command = Command::new(LOAD);
    command.args(["-q", "-b", SUFFIX, "-f"]).arg(directory.join("slapd.conf"));
    command.arg("-l").arg(directory.join("data.ldif")).stdout(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {LOAD}: {error}"));
    assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
}

fn configuration(settings: &SlapdSettings, directory: &Path) -> String {
    let place = directory.display();
    let mut lines: Vec<String> =
        SCHEMAS.iter().map(|schema| format!("include /etc/ldap/schema/{schema}.schema")).collect();
    let wanted = [
        ("back_mdb", true),
        ("syncprov", settings.sync.is_some()),
        ("ppolicy", settings.ppolicy),
        ("accesslog", settings.log),
        ("refint", settings.refint),
    ];
    lines.push("modulepath /usr/lib/ldap".to_owned());
    lines.extend(
        wanted.iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| format!("moduleload {name}")),
    );
    if settings.tls.is_some() {
        lines.push(format!("TLSCertificateFile {place}/certificate.pem"));
        lines.push(format!("TLSCertificateKeyFile {place}/key.pem"));
    }
    let largest = settings.largest.unwrap_or(1 << 31);
    if settings.log {
        lines.push(format!("database mdb\nsuffix {LOG}\nrootdn \"{ADMIN}\"\ndirectory {place}/log"));
        lines.push(format!("maxsize {largest}"));
    }
    lines.push(format!("database mdb\nsuffix {SUFFIX}\nrootdn {ADMIN}\nrootpw {PASSWORD}"));
    lines.push(format!("directory {place}/db\nmaxsize {largest}"));
    lines.push("index objectClass,uid,cn,entryUUID,entryCSN,member,memberUid,modifyTimestamp eq".to_owned());
    if settings.no_sync {
        lines.push("dbnosync".to_owned());
    }
    lines.extend(settings.lines.iter().cloned());
    if let Some(remembered) = settings.sync {
        lines.push("overlay syncprov".to_owned());
        if remembered > 0 {
            lines.push(format!("syncprov-sessionlog {remembered}"));
        }
    }
    if settings.ppolicy {
        lines.push("overlay ppolicy".to_owned());
    }
    if settings.refint {
        lines.push("overlay refint\nrefint_attributes member uniqueMember".to_owned());
    }
    if settings.log {
        let operations = if settings.log_reads { "writes reads" } else { "writes" };
        lines.push(format!("overlay accesslog\nlogdb {LOG}\nlogops {operations}\nlogsuccess TRUE"));
    }
    lines.join("\n") + "\n"
}
