# Part of tests/services: FerretDB, which speaks MongoDB's protocol and keeps its data in SQLite. Two processes: one
# lets everybody in, one wants a password.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

# The source of a Go module lacks the file with its version, and the server refuses to run without. So it is built in a
# copy that has one; everything beyond SQLite is left out. Two more lines are changed. It says one message too late that a
# client is who he says: there are clients that don't wait for that, the one of our connector among them. And it looks for an
# _id by another expression than the one that its index is on, so that each look-up reads the whole collection.
fetch_ferretdb() {
    local target=$1 module=github.com/FerretDB/FerretDB source version
    export GOFLAGS='' GOWORK=off
    if ! go_is_new_enough; then
        echo "FerretDB needs Go 1.21 or newer, and this is $(go version)."
        echo "The package of Debian 12 is too old: see https://go.dev/dl"
        return 1
    fi
    cd "$here/ferretdb" || return 1
    go mod download "$module" &&
        source=$(go list -m -f '{{.Dir}}' "$module") &&
        version=$(go list -m -f '{{.Version}}' "$module") || return 1
    mkdir -p "$target"
    cp -r "$source" "$target/source" &&
        chmod -R u+w "$target/source" &&
        echo "$version" > "$target/source/build/version/version.txt" &&
        sed -i 's|"done", valid, // for compat.*|"done", conv.Valid(),|' "$target/source/internal/handler/msg_saslcontinue.go" &&
        grep -q '"done", conv.Valid(),' "$target/source/internal/handler/msg_saslcontinue.go" &&
        sed -i "s|->'\$\._id'|->'_id'|" "$target/source/internal/backends/sqlite/metadata/metadata.go" &&
        grep -q "IDColumn = DefaultColumn + \"->'_id'\"" "$target/source/internal/backends/sqlite/metadata/metadata.go" &&
        cd "$target/source" &&
        go build -buildvcs=false -trimpath -ldflags '-s -w' -tags ferretdb_no_postgresql -o "$target/ferretdb" \
            ./cmd/ferretdb || return 1
    rm -rf "$target/source"
}

# From 1.21 on, Go fetches a newer one by itself where a module asks for it.
go_is_new_enough() {
    [[ "$(go env GOVERSION)" =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 21 ]
}

ports_of_ferretdb() {
    echo ferretdb ferretdb-auth
}

prepare_ferretdb() {
    local folder=$state/ferretdb
    mkdir -p "$folder/open/data" "$folder/auth/data"
    if [ ! -s "$folder/password" ]; then (umask 077 && openssl rand -hex 16 | tr -d '\n' > "$folder/password"); fi
}

launch_ferretdb() {
    run_ferretdb ferretdb open
}

launch_ferretdb-auth() {
    FERRETDB_SETUP_PASSWORD=$(cat "$state/ferretdb/password") run_ferretdb ferretdb-auth auth \
        --test-enable-new-auth --setup-database=admin --setup-username=flightline
}

# run_ferretdb PART FOLDER OPTIONS...
# Its data outlive kill -9, which is all that the tests do to it; each write would take milliseconds if they outlived the
# machine, too. Many tests share it, so it spends memory rather than time on garbage.
run_ferretdb() {
    local part=$1 folder=$state/ferretdb/$2
    shift 2
    GOGC=400 launch "$part" "$fetched/ferretdb/ferretdb" --handler=sqlite --sqlite-url="file:$folder/data/?_pragma=synchronous(off)" \
        --state-dir="$folder" --listen-addr="127.0.0.1:$(port ferretdb "$part")" --debug-addr=- --telemetry=disable "$@"
}

answers_ferretdb() {
    ask mongodb "$(port ferretdb ferretdb)"
}

answers_ferretdb-auth() {
    ask mongodb "$(port ferretdb ferretdb-auth)"
}

address_of_ferretdb() {
    echo "mongodb://127.0.0.1:$(port ferretdb ferretdb)"
}

address_of_ferretdb-auth() {
    echo "mongodb://127.0.0.1:$(port ferretdb ferretdb-auth)"
}

addresses_of_ferretdb() {
    cat << END
MONGODB_URL=$(address_of_ferretdb)
MONGODB_AUTH_URL=$(address_of_ferretdb-auth)
MONGODB_AUTH_USER=flightline
MONGODB_AUTH_PASSWORD_FILE=$state/ferretdb/password
END
}
