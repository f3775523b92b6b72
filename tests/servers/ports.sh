# Part of tests/services: the ports of a server are chosen once and kept in STATE/SERVER/ports, as lines NAME=PORT.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

# The port of a server by its name; nothing before the server has any.
port() {
    [ ! -e "$state/$1/ports" ] || sed -n "s/^$2=//p" "$state/$1/ports"
}

# Keeps the ports that a server had, unless a part that has to be started couldn't get its own any more.
settle_ports() {
    local server=$1 file=$state/$1/ports part wanted=()
    if [ -e "$file" ]; then
        for part in $(parts_of "$server"); do
            pid_of "$part" > /dev/null || mapfile -t -O ${#wanted[@]} wanted < <(sed -n "s/^$part.*=//p" "$file")
        done
        if python3 "$here/ports.py" free "${wanted[@]}"; then return; fi
        say "$server: another program has one of its ports; it gets others"
        for part in $(parts_of "$server"); do end_process "$part" KILL; done
    fi
    # shellcheck disable=SC2046
    python3 "$here/ports.py" choose "$default_state/ports" "$file" $("ports_of_$server")
}

# Writes a template with each @NAME@ replaced: fill TEMPLATE FILE NAME=VALUE...
fill() {
    local text file=$2 pair
    text=$(cat "$1")
    shift 2
    for pair in "$@"; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
    printf '%s\n' "$text" > "$file"
}
