# Part of tests/services: gets servers from the package registries, once, into target/services/fetched.
#
# A server is fetched when fetched/NAME.inputs holds the checksum of what it is made from (its pom.xml, go.sum, ...).
# shellcheck shell=bash disable=SC2154 # what tests/services sets

# --- programs ---------------------------------------------------------------------------------------------------------

# Adds to `missing` the Debian packages of the programs that aren't there.
look_for_programs() {
    local server
    command -v flock > /dev/null && command -v setsid > /dev/null || missing+=(util-linux)
    command -v python3 > /dev/null || missing+=(python3)
    is_fetched python || python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
    for server in "$@"; do
        case $server in
            kafka)
                command -v openssl > /dev/null || missing+=(openssl)
                look_for_java kafka
                ;;
            hdfs) look_for_java hdfs ;;
            mongo-java)
                look_for_java mongo-java
                is_fetched mongo-java || command -v javac > /dev/null || missing+=(default-jdk-headless)
                ;;
            ferretdb)
                command -v openssl > /dev/null || missing+=(openssl)
                is_fetched ferretdb || command -v go > /dev/null || missing+=(golang)
                ;;
            kustomize) is_fetched kustomize || command -v go > /dev/null || missing+=(golang) ;;
            browser)
                command -v chromium > /dev/null || missing+=(chromium)
                command -v node > /dev/null || missing+=(nodejs)
                is_fetched browser || command -v npm > /dev/null || missing+=(npm)
                ;;
        esac
    done
}

look_for_java() {
    command -v java > /dev/null || missing+=(default-jre-headless)
    is_fetched "$1" || command -v mvn > /dev/null || missing+=(maven)
}

install_missing_programs() {
    local missing=()
    look_for_programs "$@"
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    if [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
        apt-get update -q >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
    else
        say "something is missing. Run this line, then this again:"
        say "  sudo apt-get update && sudo apt-get install -y ${missing[*]}"
        exit 1
    fi
}

# --- fetching ---------------------------------------------------------------------------------------------------------

# The item of `fetched` that a server is started from.
item_of() {
    case $1 in
        s3) echo python ;;
        *) echo "$1" ;;
    esac
}

# What each item of `fetched` is made from.
inputs_of() {
    case $1 in
        kafka | hdfs) echo "$here/$1/pom.xml" ;;
        mongo-java) echo "$here/mongo-java/pom.xml" "$here/mongo-java/MongoJava.java" ;;
        ferretdb) echo "$here/ferretdb/go.mod" "$here/ferretdb/go.sum" "$here/ferretdb.sh" ;;
        kustomize) echo "$here/kustomize/go.mod" "$here/kustomize/go.sum" ;;
        promtool) echo "$here/fetching.sh" ;;
        browser) echo "$root/tests/browser/package.json" "$root/tests/browser/package-lock.json" ;;
        python) echo "$here/python/requirements.txt" "$here/python/constraints.txt" ;;
    esac
}

checksum_of_inputs() {
    # shellcheck disable=SC2046
    sha256sum $(inputs_of "$1") | cut -d ' ' -f 1
}

is_fetched() {
    [ "$(cat "$fetched/$1.inputs" 2> /dev/null)" = "$(checksum_of_inputs "$1")" ]
}

# Fetches servers side by side: Maven and pip wait for the network while Go needs the cores. The Python of the
# tests always comes along.
fetch() {
    local server items=() item jobs=() job failed=0
    is_fetched python || items+=(python)
    for server in "$@"; do
        item=$(item_of "$server")
        [ "$item" = python ] || is_fetched "$item" || items+=("$item")
    done
    install_missing_programs "$@"
    mkdir -p "$fetched"
    trap 'kill $(jobs -p) 2> /dev/null; exit 130' INT TERM HUP
    for item in "${items[@]}"; do
        fetch_item "$item" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || failed=1
    done
    trap - INT TERM HUP
    return "$failed"
}

# Another script may be at it, or have finished it while we waited. What fetches has the lock, too: it goes on for a
# while when this script is killed.
fetch_item() {
    local item=$1 begun=$SECONDS log=$fetched/$1.log lock
    exec {lock}> "$fetched/$item.lock"
    flock "$lock"
    if is_fetched "$item"; then return; fi
    say "fetching $item"
    rm -rf "${fetched:?}/$item" "$fetched/$item.inputs"
    if ! "fetch_$item" "$fetched/$item" > "$log" 2>&1 < /dev/null; then
        say "$item can't be fetched; the end of $log:"
        tail -n 30 "$log" >&2
        return 1
    fi
    checksum_of_inputs "$item" > "$fetched/$item.inputs"
    say "fetched $item in $((SECONDS - begun)) s"
}

# --- how --------------------------------------------------------------------------------------------------------------

# Maven's own folder is for one at a time, also when several copies of the project fetch.
fetch_jars() {
    local pom=$1 target=$2 repository=$HOME/.m2 lock
    mkdir -p "$repository"
    exec {lock}< "$repository"
    flock "$lock"
    mvn --batch-mode --no-transfer-progress --file "$pom" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$target" || return 1
    exec {lock}<&-
}

fetch_python() {
    python3 -m venv "$1" &&
        "$1/bin/python" -m pip install --no-input --disable-pip-version-check --no-compile \
            -r "$here/python/requirements.txt" -c "$here/python/constraints.txt"
}

fetch_browser() {
    mkdir "$1" &&
        cp "$root/tests/browser/package.json" "$root/tests/browser/package-lock.json" "$1" &&
        npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier
}

# `kubectl kustomize` is the same program, but Debian has no kubectl; Go builds this one from its own source, whose sums are kept.
fetch_kustomize() {
    export GOFLAGS='' GOWORK=off
    if ! go_is_new_enough; then
        echo "kustomize needs Go 1.21 or newer, and this is $(go version): see https://go.dev/dl"
        return 1
    fi
    mkdir "$1" && cd "$here/kustomize" &&
        go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$1/kustomize" sigs.k8s.io/kustomize/kustomize/v5
}

# Out of Debian's package of Prometheus, of which nothing else is wanted here: installed, it would start.
fetch_promtool() {
    mkdir "$1" && cd "$1" || return 1
    # apt fetches as a user of its own, who may not write here; as root it says so, and fetches.
    apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb package || return 1
    mv package/usr/bin/promtool . && rm -r package prometheus_*.deb
}

# For the servers in Java: starts quickly and takes little memory; none of them has to be fast for long.
# shellcheck disable=SC2034
quick_java=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError -Xshare:auto
    -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote)
