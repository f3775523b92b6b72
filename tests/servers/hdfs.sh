# Part of tests/services: HDFS, a NameNode and a DataNode.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

fetch_hdfs() {
    fetch_jars "$here/hdfs/pom.xml" "$1"
}

ports_of_hdfs() {
    echo namenode_rpc namenode_web datanode_data datanode_ipc datanode_web
}

prepare_hdfs() {
    write_hdfs_settings || return 1
    if [ ! -e "$state/hdfs/formatted" ]; then format_hdfs || return 1; fi
}

# The folder `commands` is for the command line: what it logs would stand between what it prints.
write_hdfs_settings() {
    local folder=$state/hdfs name
    mkdir -p "$folder/servers" "$folder/commands" "$folder/tmp" || return 1
    for name in core-site.xml hdfs-site.xml; do
        fill "$here/hdfs/$name" "$folder/servers/$name" DATA="$folder/data" \
            RPC="$(port hdfs namenode_rpc)" WEB="$(port hdfs namenode_web)" DATANODE="$(port hdfs datanode_data)" \
            DATANODE_IPC="$(port hdfs datanode_ipc)" DATANODE_WEB="$(port hdfs datanode_web)"
        cp "$folder/servers/$name" "$folder/commands/$name"
    done
    fill "$here/hdfs/log4j.properties" "$folder/servers/log4j.properties" LEVEL=INFO
    fill "$here/hdfs/log4j.properties" "$folder/commands/log4j.properties" LEVEL=WARN
}

format_hdfs() {
    rm -rf "$state/hdfs/data"
    run_hdfs_java run_tool namenode org.apache.hadoop.hdfs.server.namenode.NameNode -format -force -nonInteractive ||
        return 1
    touch "$state/hdfs/formatted"
}

launch_namenode() {
    run_hdfs_java launch namenode org.apache.hadoop.hdfs.server.namenode.NameNode
}

launch_datanode() {
    run_hdfs_java launch datanode org.apache.hadoop.hdfs.server.datanode.DataNode
}

# run_hdfs_java RUN PART CLASS ARGS...: RUN is how, launch or run_tool.
run_hdfs_java() {
    local run=$1 part=$2
    shift 2
    "$run" "$part" java -Xmx192m "${quick_java[@]}" -Djava.io.tmpdir="$state/hdfs/tmp" \
        -Djava.net.preferIPv4Stack=true -cp "$state/hdfs/servers:$fetched/hdfs/*" "$@"
}

# While the DataNode is down there are no blocks to wait for.
answers_namenode() {
    local pid datanodes=0
    if pid=$(pid_of datanode) && ! is_paused "$pid"; then datanodes=1; fi
    ask namenode "$(port hdfs namenode_web)" "$datanodes"
}

# While the NameNode is down there is nobody to report to.
answers_datanode() {
    local pid namenodes=0
    if pid=$(pid_of namenode) && ! is_paused "$pid"; then namenodes=1; fi
    ask datanode "$(port hdfs datanode_web)" "$namenodes"
}

address_of_namenode() {
    echo "hdfs://127.0.0.1:$(port hdfs namenode_rpc)  http://127.0.0.1:$(port hdfs namenode_web)"
}

address_of_datanode() {
    echo "127.0.0.1:$(port hdfs datanode_data)"
}

addresses_of_hdfs() {
    cat << END
HDFS_URL=hdfs://127.0.0.1:$(port hdfs namenode_rpc)
HDFS_WEB=http://127.0.0.1:$(port hdfs namenode_web)
HDFS_DATANODE=127.0.0.1:$(port hdfs datanode_data)
END
}

# --- its command line -------------------------------------------------------------------------------------------------

run_hdfs_command() {
    local class
    case ${1:-} in
        dfs) class=org.apache.hadoop.fs.FsShell ;;
        dfsadmin) class=org.apache.hadoop.hdfs.tools.DFSAdmin ;;
        fsck) class=org.apache.hadoop.hdfs.tools.DFSck ;;
        *) refuse "hdfs needs dfs, dfsadmin or fsck, and what they need" ;;
    esac
    shift
    [ -d "$state/hdfs/commands" ] || refuse "no HDFS was started in $state; \`up\` does that"
    exec java -Xmx128m "${quick_java[@]}" -Djava.net.preferIPv4Stack=true \
        -cp "$state/hdfs/commands:$fetched/hdfs/*" "$class" "$@"
}
