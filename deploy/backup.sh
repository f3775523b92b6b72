#!/usr/bin/env bash
# Copies the state of a streaming job (its ledger, checkpoints and versions of the table) and the models, while the job runs.
#
#   deploy/backup.sh STATE MODELS COPY      STATE is the folder of job.state, MODELS that of model.registry, COPY a new folder
#
# All of it are files that are created once and never changed, so each is whole. What must fit together is the order: entries of
# the ledger, and versions of the table that only they need, are deleted when a checkpoint holds them, so all is copied again if a
# checkpoint came meanwhile; an entry names versions of the table and models that are there before it, so those are copied after
# it; versions before it, too, since what the last checkpoint has let go may still be under way.
# What is in an object store is copied in the same order by that store's own tools.
set -euo pipefail

if [ $# -ne 3 ]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
state=$1 models=$2 copy=$3
if [ -e "$copy" ]; then
    echo "backup.sh: $copy is there already: name a folder that isn't" >&2
    exit 2
fi
[ -d "$state/ledger" ] || { echo "backup.sh: there is no ledger in $state: name the folder of job.state" >&2; exit 3; }

fail() {
    echo "backup.sh: $*; this copy is none" >&2
    exit 4
}

# Names of finished objects only; others are being written. In a folder that isn't there yet there are none.
names() {
    [ ! -d "$1" ] || find "$1" -maxdepth 1 -type f -name '[0-9]*.json' -printf '%f\n' | LC_ALL=C sort
}

# Copies the objects of these names. One that is deleted meanwhile is not needed: a later checkpoint holds it.
copy_all() {
    local from=$1 to=$2 all name
    mkdir -p "$to"
    mapfile -t all
    [ ${#all[@]} -gt 0 ] || return 0
    (cd "$from" && cp -p -- "${all[@]}" "$to") 2> /dev/null && return
    for name in "${all[@]}"; do
        cp -p -- "$from/$name" "$to/$name" 2> /dev/null && continue
        rm -f "$to/$name"
        [ ! -e "$from/$name" ] || fail "can't copy $from/$name: $(cp -p -- "$from/$name" "$to/$name" 2>&1)"
    done
}

copy_tables() {
    names "$state/tables" | copy_all "$state/tables" "$copy/tables"
}

copy_ledger() {
    local last
    names "$state/checkpoint" | copy_all "$state/checkpoint" "$copy/checkpoint"
    # While a folder is listed, a later name may be seen and an earlier one not. So it is listed once for the last name.
    last=$(names "$state/ledger" | tail -n 1)
    names "$state/ledger" | awk -v last="$last" '$0 <= last' | copy_all "$state/ledger" "$copy/ledger"
}

newest_checkpoint() {
    names "$state/checkpoint" | tail -n 1
}

# Nothing is deleted but after a new checkpoint: if there is none since the beginning, nothing that belongs together is missing.
copy_state() {
    local checkpoint
    for _ in $(seq 100); do
        rm -rf "$copy/ledger" "$copy/checkpoint" "$copy/tables"
        checkpoint=$(newest_checkpoint)
        copy_tables
        copy_ledger
        copy_tables
        [ "$(newest_checkpoint)" != "$checkpoint" ] || return 0
    done
    fail "the ledger was collected 100 times while it was copied: try again"
}

mkdir -p "$copy"
# From the folder of the objects, too, it must lead to the same place.
copy=$(cd "$copy" && pwd)
copy_state
# A model appears whole, by a rename, before `current` names it; so `current` is copied first. Names that begin otherwise are of
# what isn't finished.
mkdir "$copy/models"
[ ! -e "$models/current" ] || cp -p -- "$models/current" "$copy/models/" || fail "can't copy $models/current"
find "$models" -mindepth 1 -maxdepth 1 -type d -name '[0-9A-Za-z]*' -exec cp -a -t "$copy/models" -- {} + ||
    fail "can't copy the models"
sync
echo "copied: $(names "$copy/ledger" | wc -l) entries of the ledger, $(names "$copy/checkpoint" | wc -l) checkpoints, \
$(names "$copy/tables" | wc -l) versions of the table, $(find "$copy/models" -mindepth 1 -maxdepth 1 -type d | wc -l) models"
