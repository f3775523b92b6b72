# Part of tests/services: Kafka in KRaft mode, one process.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

fetch_kafka() {
    fetch_jars "$here/kafka/pom.xml" "$1"
}

# kafka_proxy is the port that the listener PROXIED tells its clients; a proxy of the tests listens there.
ports_of_kafka() {
    echo kafka_plain kafka_sasl kafka_tls kafka_sasl_tls kafka_proxied kafka_controller proxy_of_kafka
}

prepare_kafka() {
    local folder=$state/kafka
    mkdir -p "$folder/tmp" && write_kafka_settings || return 1
    if [ ! -e "$folder/tls/whole" ]; then make_certificates "$folder/tls" || return 1; fi
    if [ ! -e "$folder/formatted" ]; then format_kafka || return 1; fi
}

write_kafka_settings() {
    local folder=$state/kafka
    fill "$here/kafka/server.properties" "$folder/server.properties" \
        DATA="$folder/data" TLS_FOLDER="$folder/tls" \
        PLAIN="$(port kafka kafka_plain)" SASL="$(port kafka kafka_sasl)" \
        TLS="$(port kafka kafka_tls)" SASL_TLS="$(port kafka kafka_sasl_tls)" \
        PROXIED="$(port kafka kafka_proxied)" PROXY="$(port kafka proxy_of_kafka)" \
        CONTROLLER="$(port kafka kafka_controller)"
}

# The user has to be known before the first start: only a broker that lets somebody in could add one. A cluster's id that
# begins with a hyphen, as one of 64 does, would be taken for an option.
format_kafka() {
    local folder=$state/kafka password
    rm -rf "$folder/data"
    password=$(openssl rand -hex 16)
    (umask 077 && printf '%s' "$password" > "$folder/sasl-password")
    run_kafka_java 128m run_tool kafka kafka.tools.StorageTool format --config "$folder/server.properties" \
        --cluster-id "$(openssl rand -base64 16 | tr '+/' '-_' | tr -d '=' | sed 's/^-/f/')" \
        --add-scram "SCRAM-SHA-256=[name=flightline,password=$password]" \
        --add-scram "SCRAM-SHA-512=[name=flightline,password=$password]" || return 1
    touch "$folder/formatted"
}

launch_kafka() {
    run_kafka_java 384m launch kafka kafka.Kafka "$state/kafka/server.properties"
}

# run_kafka_java MEMORY RUN PART CLASS ARGS...: RUN is how, launch or run_tool.
run_kafka_java() {
    local memory=$1 run=$2 part=$3
    shift 3
    "$run" "$part" java "-Xmx$memory" "${quick_java[@]}" -Djava.io.tmpdir="$state/kafka/tmp" \
        -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" -cp "$fetched/kafka/*" "$@"
}

answers_kafka() {
    ask kafka "$(port kafka kafka_plain)"
}

address_of_kafka() {
    echo "127.0.0.1:$(port kafka kafka_plain)"
}

addresses_of_kafka() {
    local folder=$state/kafka
    cat << END
KAFKA_BROKERS=127.0.0.1:$(port kafka kafka_plain)
KAFKA_SASL_BROKERS=127.0.0.1:$(port kafka kafka_sasl)
KAFKA_SASL_USER=flightline
KAFKA_SASL_PASSWORD_FILE=$folder/sasl-password
KAFKA_TLS_BROKERS=127.0.0.1:$(port kafka kafka_tls)
KAFKA_SASL_TLS_BROKERS=127.0.0.1:$(port kafka kafka_sasl_tls)
KAFKA_CA=$folder/tls/ca.pem
KAFKA_OTHER_CA=$folder/tls/other-ca.pem
KAFKA_PROXY_LISTEN=127.0.0.1:$(port kafka proxy_of_kafka)
KAFKA_PROXY_UPSTREAM=127.0.0.1:$(port kafka kafka_proxied)
END
}

# --- certificates -----------------------------------------------------------------------------------------------------

# An authority, what it signed for the broker, and another authority that signed nothing here.
make_certificates() {
    local folder=$1
    rm -rf "$folder"
    mkdir -p "$folder"
    {
        make_authority "$folder/ca" "Flightline tests" &&
            make_authority "$folder/other-ca" "Somebody else" &&
            make_broker_certificate "$folder"
    } > "$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    touch "$folder/whole"
}

make_authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$1-key.pem" -out "$1.pem"
}

make_broker_certificate() {
    local folder=$1
    openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 \
        -keyout "$folder/broker-key.pem" -out "$folder/broker.csr" &&
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' > "$folder/broker.ext" &&
        openssl x509 -req -in "$folder/broker.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -CAcreateserial \
            -days 3650 -extfile "$folder/broker.ext" -out "$folder/broker-cert.pem" &&
        cat "$folder/broker-key.pem" "$folder/broker-cert.pem" "$folder/ca.pem" > "$folder/broker.pem"
}
