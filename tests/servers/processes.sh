# Part of tests/services: starting, knowing, stopping and waiting for the processes of the servers.
#
# A server outlives the script. It carries a mark in its environment, FLIGHTLINE_SERVER=STATE:PART, and only a process
# with the right mark is taken for ours, whatever a pid file says.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

# How long a server may take until it answers, and until it has ended, in seconds. Much more than it needs: the machine
# may be busy.
answer_limit=180
end_limit=60

say() {
    echo "tests/services: $*" >&2
}

server_of() {
    case $1 in
        namenode | datanode) echo hdfs ;;
        ferretdb-auth) echo ferretdb ;;
        *) echo "$1" ;;
    esac
}

parts_of() {
    case $1 in
        hdfs) echo namenode datanode ;;
        ferretdb) echo ferretdb ferretdb-auth ;;
        *) echo "$1" ;;
    esac
}

folder_of() {
    echo "$state/$(server_of "$1")"
}

# --- knowing ----------------------------------------------------------------------------------------------------------

# Prints the process id of a part that runs. The pid file tells where to look first: it may be stale, or lost. A process
# that has ended has no environment any more, even while nobody waited for it.
pid_of() {
    local part=$1 mark=FLIGHTLINE_SERVER=$state:$1 pid
    pid=$(cat "$(folder_of "$part")/$part.pid" 2> /dev/null) || pid=
    if [ -n "$pid" ] && grep -qzxF "$mark" "/proc/$pid/environ" 2> /dev/null; then
        echo "$pid"
    else
        pids_with -x "$mark" | grep -m 1 .
    fi
}

# Prints the process ids whose environment has a text: pids_with OPTION TEXT.
pids_with() {
    { grep -lzF "$@" /proc/[0-9]*/environ 2> /dev/null || true; } | cut -d / -f 3
}

is_paused() {
    grep -q '^State:[[:space:]]*T' "/proc/$1/status" 2> /dev/null
}

runs_whole() {
    local part
    [ -e "$state/$1/asked" ] || return 1
    for part in $(parts_of "$1"); do
        pid_of "$part" > /dev/null || return 1
    done
}

# --- starting ---------------------------------------------------------------------------------------------------------

# Runs a command in a session of its own, which writes its own process id first: no moment when it runs unknown.
launch() {
    local part=$1 folder child
    folder=$(folder_of "$part")
    shift
    rm -f "$folder/$part.pid"
    wc -c 2> /dev/null < "$folder/$part.log" > "$folder/$part.log-start" || echo 0 > "$folder/$part.log-start"
    # shellcheck disable=SC2016
    FLIGHTLINE_SERVER=$state:$part setsid bash -c 'echo $$ > "$0"; exec "$@"' "$folder/$part.pid" "$@" \
        >> "$folder/$part.log" 2>&1 < /dev/null {state_lock}<&- &
    child=$!
    until pid_of "$part" > /dev/null || ! kill -0 "$child" 2> /dev/null; do sleep 0.02; done
}

# Runs a tool of a server to its end, with what it says in the server's log. It goes on if this script is killed, and
# with it goes the lock.
run_tool() {
    local part=$1
    shift
    FLIGHTLINE_SERVER=$state:$part-tool "$@" >> "$(folder_of "$part")/$part.log" 2>&1 < /dev/null
}

# A line may be as long as a class path.
show_log() {
    tail -n 30 "$(folder_of "$1")/$1.log" | cut -c "-300" >&2
}

# Asks answers.py. The interpreter is called by its own name: `python3` may be a script that looks for it, which takes ten times
# as long, and who starts is asked ten times a second.
ask() {
    "${python:=$(python3 -c 'import sys; print(sys.executable)')}" -IS "$here/answers.py" "$@"
}

wait_until_answers() {
    local part=$1 deadline=$((SECONDS + answer_limit))
    until "answers_$part" 2> /dev/null; do
        if ! pid_of "$part" > /dev/null; then
            say "$part ended while it started; the end of its log:"
            show_log "$part"
            return 1
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "$part doesn't answer after $answer_limit s; the end of its log:"
            show_log "$part"
            return 1
        fi
        sleep 0.1
    done
}

# Whether a part ended because another program has its port.
port_was_taken() {
    local folder
    folder=$(folder_of "$1")
    grep -qiE 'address already in use|port [0-9]+ is in use|BindException' \
        < <(tail -c "+$(($(cat "$folder/$1.log-start") + 1))" "$folder/$1.log")
}

# Starts the parts of a server that don't run, with new ports if another program has taken one of theirs meanwhile.
bring_up() {
    local server=$1 begun=$SECONDS part attempt
    if is_up "$server"; then return; fi
    is_fetched "$(item_of "$server")" || return 1
    for attempt in 1 2 3; do
        settle_ports "$server"
        "prepare_$server" || { say "$server can't be set up, see the logs in $state/$server"; return 1; }
        for part in $(parts_of "$server"); do
            pid_of "$part" > /dev/null || "launch_$part"
        done
        if wait_for_parts "$server"; then
            say "$server is up after $((SECONDS - begun)) s"
            return
        fi
        any_port_was_taken "$server" || return 1
        say "$server: another program took a port; trying others ($attempt)"
        for part in $(parts_of "$server"); do end_process "$part" KILL; done
        rm -f "$state/$server/ports"
    done
    return 1
}

# Whether all parts of a server run and answer; one that sleeps is woken up first.
is_up() {
    local part pid
    for part in $(parts_of "$1"); do
        pid=$(pid_of "$part") || return 1
        if is_paused "$pid"; then kill -CONT "$pid"; fi
    done
    wait_for_parts "$1"
}

wait_for_parts() {
    local part
    for part in $(parts_of "$1"); do
        wait_until_answers "$part" || return 1
    done
}

any_port_was_taken() {
    local part
    for part in $(parts_of "$1"); do
        if port_was_taken "$part"; then return; fi
    done
    return 1
}

# --- stopping ---------------------------------------------------------------------------------------------------------

# Sends a signal that ends a part, and waits until it is gone.
end_process() {
    local part=$1 signal=$2 pid deadline=$((SECONDS + end_limit))
    pid=$(pid_of "$part") || return 0
    kill -s "$signal" "$pid" 2> /dev/null || true
    # One that sleeps would hear of nothing but KILL.
    kill -s CONT "$pid" 2> /dev/null || true
    while pid_of "$part" > /dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "$part (process $pid) goes on $end_limit s after $signal; the end of its log:"
            show_log "$part"
            return 1
        fi
        sleep 0.05
    done
}

# Everything that belongs to this state, also tools that a script left behind when it was killed. What starts meanwhile
# is found in the next round.
kill_all_of_state() {
    local pids deadline=$((SECONDS + end_limit))
    while pids=$(pids_with -e "FLIGHTLINE_SERVER=$state:") && [ -n "$pids" ]; do
        # shellcheck disable=SC2086
        kill -KILL $pids 2> /dev/null || true
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "these processes can't be killed: ${pids//$'\n'/ }"
            return 1
        fi
        sleep 0.05
    done
}

# --- commands on one part ---------------------------------------------------------------------------------------------

stop_part() {
    end_process "$1" TERM
}

kill_part() {
    end_process "$1" KILL
}

pause_part() {
    local pid
    pid=$(pid_of "$1") || { say "$1 doesn't run"; return 1; }
    kill -STOP "$pid"
    until is_paused "$pid"; do sleep 0.02; done
}

resume_part() {
    local pid
    pid=$(pid_of "$1") || { say "$1 doesn't run"; return 1; }
    kill -CONT "$pid"
}

# The other parts of its server that run may have had to wait for it.
start_part() {
    local part=$1 other pid
    if ! pid_of "$part" > /dev/null; then "launch_$part"; fi
    if ! wait_until_answers "$part"; then
        if port_was_taken "$part"; then say "another program has the port of $part; only \`up\` gives it another"; fi
        return 1
    fi
    for other in $(parts_of "$(server_of "$part")"); do
        if pid=$(pid_of "$other") && ! is_paused "$pid"; then wait_until_answers "$other"; fi
    done
}
