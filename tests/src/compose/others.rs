//! What stands in for the images of others: the servers of `tests/services`, with the names, accounts, folders and command lines
//! that the images have, as far as the Compose file uses them. So its own settings are in force: Kafka's variables, the files of
//! Hadoop, users, ports and checks of health.
//!
//! What differs:
//!
//! | image | here | so |
//! |---|---|---|
//! | `apache/kafka` | the same version, begun by a script of ours | variables become settings by the image's rule, said again here |
//! | `apache/hadoop` | one version earlier, from the package registry | `hdfs` is a script with the subcommands that are used; the C libraries are missing |
//! | `mongo` | FerretDB, which keeps its data in `SQLite` | `mongod` takes the flags that are used, of which only the name of the replica set means something; that set is there at once, so `mongosh` only looks whether the port takes connections; no change streams, no transactions |

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::container::{Mount, User};
use super::image::{Image, program_here, write_program};
use crate::project_root;

/// Java that starts quickly and takes little memory, as in `tests/services`.
const QUICK: &str =
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto -XX:+ExitOnOutOfMemoryError";

/// A variable `KAFKA_A_B` is the setting `a.b`, with `-` for three underscores and `_` for two: the image's rule.
const KAFKA: &str = r#"#!/bin/bash
set -e
settings=/tmp/server.properties
: > "$settings"
while IFS== read -r name value; do
    case $name in KAFKA_HEAP_OPTS | KAFKA_OPTS) continue ;; esac
    key=${name#KAFKA_}
    key=${key,,}
    key=${key//___/-}
    key=${key//__/:}
    key=${key//_/.}
    echo "${key//:/_}=$value" >> "$settings"
done < <(env | grep '^KAFKA_')
java() { command java QUICK -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties -cp '/opt/kafka/libs/*' "$@"; }
java -Xmx128m kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$settings"
# shellcheck disable=SC2086
exec java QUICK $KAFKA_HEAP_OPTS -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties -cp '/opt/kafka/libs/*' kafka.Kafka "$settings"
"#;

const MONGOD: &str = r#"#!/bin/bash
set -e
set_name=
while [ $# -gt 0 ]; do
    case $1 in
        --replSet) set_name=$2; shift ;;
        --bind_ip_all) ;;
        --wiredTigerCacheSizeGB) shift ;;
        *) echo "mongod: what is $1?" >&2; exit 2 ;;
    esac
    shift
done
exec /opt/ferretdb --handler=sqlite --sqlite-url='file:/data/db/?_pragma=synchronous(off)' --state-dir=/data/db \
    --listen-addr="$(hostname):27017" --repl-set-name="$set_name" --debug-addr=- --telemetry=disable
"#;

const MONGOSH: &str = "#!/bin/bash\nexec 3<> \"/dev/tcp/$(hostname)/27017\"\n";

const HDFS: &str = r#"#!/bin/bash
subcommand=$1
shift
package=org.apache.hadoop.hdfs.server
case $subcommand in
    namenode) class=$package.namenode.NameNode ;;
    datanode) class=$package.datanode.DataNode ;;
    dfs) class=org.apache.hadoop.fs.FsShell ;;
    dfsadmin) class=org.apache.hadoop.hdfs.tools.DFSAdmin ;;
    *) echo "hdfs: what is $subcommand?" >&2; exit 2 ;;
esac
exec java "-Xmx$HADOOP_HEAPSIZE_MAX" QUICK -Djava.net.preferIPv4Stack=true -cp "$HADOOP_CONF_DIR:/opt/hadoop/share/*" "$class" "$@"
"#;

/// The account, its number, and the folders of it that an image brings.
type Account = (&'static str, u32, &'static [&'static str]);

const KAFKAS: Account = ("appuser", 1000, &["var/lib/kafka/data"]);
const HADOOPS: Account = ("hadoop", 1000, &[]);
const MONGOS: Account = ("mongodb", 999, &["data/db", "data/configdb"]);

/// What stands in for an image. `None` if nothing does.
#[must_use]
#[track_caller]
pub(super) fn stand_in(name: &str, root: PathBuf) -> Option<Image> {
    let image = |account| with_account(Image::debian(root, &[]), account);
    match name.split(':').next()? {
        "apache/kafka" => Some(kafka(image(KAFKAS))),
        "apache/hadoop" => Some(hadoop(image(HADOOPS))),
        "mongo" => Some(mongo(image(MONGOS))),
        _ => None,
    }
}

fn kafka(mut image: Image) -> Image {
    add_java(&mut image);
    write_program(&image.root, "/etc/kafka/docker/run", &KAFKA.replace("QUICK", QUICK));
    see(&mut image, &fetched("kafka"), "/opt/kafka/libs");
    see(&mut image, &project_root().join("tests/servers/kafka/log4j2.properties"), "/opt/kafka/log4j2.properties");
    image.command = vec!["/etc/kafka/docker/run".to_owned()];
    image
}

fn hadoop(mut image: Image) -> Image {
    add_java(&mut image);
    write_program(&image.root, "/opt/hadoop/bin/hdfs", &HDFS.replace("QUICK", QUICK));
    let log = fs::read_to_string(project_root().join("tests/servers/hdfs/log4j.properties"));
    let log = log.expect("the settings of its log are there").replace("@LEVEL@", "WARN");
    let settings = image.root.join("opt/hadoop/etc/hadoop");
    fs::create_dir_all(&settings).expect("folders can be made");
    fs::write(settings.join("log4j.properties"), log).expect("a file can be written");
    see(&mut image, &fetched("hdfs"), "/opt/hadoop/share");
    let path = image.environment.entry("PATH".to_owned()).or_default();
    path.push_str(":/opt/hadoop/bin");
    image
}

fn mongo(mut image: Image) -> Image {
    write_program(&image.root, "/usr/bin/mongod", MONGOD);
    write_program(&image.root, "/usr/bin/mongosh", MONGOSH);
    see(&mut image, &fetched("ferretdb").join("ferretdb"), "/opt/ferretdb");
    image
}

fn with_account(mut image: Image, (name, number, folders): Account) -> Image {
    for (file, line) in [
        ("etc/passwd", format!("{name}:x:{number}:{number}::/tmp:/bin/bash\n")),
        ("etc/group", format!("{name}:x:{number}:\n")),
    ] {
        let path = image.root.join(file);
        let text = fs::read_to_string(&path).expect("it is there") + &line;
        fs::write(&path, text).expect("a file can be written");
    }
    for folder in folders {
        let path = image.root.join(folder);
        fs::create_dir_all(&path).expect("folders can be made");
        std::os::unix::fs::chown(&path, Some(number), Some(number)).expect("root can give a folder away");
    }
    image.user = User(number, number);
    image
}

fn add_java(image: &mut Image) {
    let java = program_here("java");
    // What Debian brings is there with the libraries.
    if !java.starts_with("/usr/lib") {
        let home = java.parent().and_then(Path::parent).expect("java stands in bin of its home").to_owned();
        let to = home.display().to_string();
        see(image, &home, &to);
    }
    symlink(java, image.root.join("usr/bin/java")).expect("a link can be made");
}

/// Lets an image see a folder or file of this machine.
fn see(image: &mut Image, from: &Path, to: &str) {
    assert!(from.exists(), "there is no {}: `tests/services fetch` gets it", from.display());
    image.mounts.push(Mount { from: from.to_owned(), to: to.to_owned(), read_only: true });
}

fn fetched(what: &str) -> PathBuf {
    project_root().join("target/services/fetched").join(what)
}
