#!/bin/sh
# One step of the start: `start.sh import`, `start.sh train`, `start.sh stream`. The first two do nothing that is done already,
# and the last one lets a stream that is at work go on as is said here now; so the start may be run again at any time.
set -eu

config=${FLIGHTLINE_CONFIG:-/etc/flightline}
data=${FLIGHTLINE_DATA:-/usr/share/flightline/data}

# Does it again while a server (exit code 4) or the master (exit code 5) is away.
patiently() {
    while :; do
        code=0
        "$@" || code=$?
        case $code in
            4 | 5) echo "start: $1 ended with $code; again in 5 s" >&2; sleep 5 ;;
            *) return "$code" ;;
        esac
    done
}

train() {
    verified=0
    model verify --models "$MODELS" >&2 || verified=$?
    case $verified in
        0) echo "start: that is the current model" >&2; return 0 ;;
        3) echo "start: so one is trained" >&2 ;;
        *) return "$verified" ;;
    esac
    # One that an earlier try has begun is waited for.
    submit train --name first-model --unless-running --wait --processes "$TRAIN_PROCESSES" --memory "$TRAIN_MEMORY" -- \
        --preset "$TRAIN_PRESET" --input "$data/flights.parquet" --models "$MODELS"
}

# One that is at work finishes what it has begun before it goes on, and so loses no answer.
stream() {
    told=$(submit predict --json --name stream --unless-running --supervise --processes "$STREAM_PROCESSES" --memory "$STREAM_MEMORY" -- \
        --config "$config/job.toml" --config "$config/place.toml") || return
    echo "start: $told" >&2
    job=$(echo "$told" | sed -n 's/.*"job":\([0-9]*\),"submitted":false.*/\1/p')
    [ -n "$job" ] || return 0
    submit upgrade "$job" --wait --processes "$STREAM_PROCESSES" --memory "$STREAM_MEMORY" -- \
        --config "$config/job.toml" --config "$config/place.toml"
}

case ${1:-} in
    import) patiently import distances --config "$config/job.toml" --table "$data/origin_dest_distances.jsonl" ;;
    train) patiently train ;;
    stream) patiently stream ;;
    *) echo "usage: start.sh import|train|stream" >&2; exit 2 ;;
esac
