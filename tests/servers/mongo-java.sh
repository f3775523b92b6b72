# Part of tests/services: a server in Java that speaks MongoDB's protocol and keeps everything in memory. When it is started
# again, it's empty.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

fetch_mongo-java() {
    fetch_jars "$here/mongo-java/pom.xml" "$1" && javac -cp "$1/*" -d "$1" "$here/mongo-java/MongoJava.java"
}

ports_of_mongo-java() {
    echo mongo-java
}

prepare_mongo-java() { :; }

launch_mongo-java() {
    launch mongo-java java -Xmx256m "${quick_java[@]}" -cp "$fetched/mongo-java:$fetched/mongo-java/*" MongoJava \
        "$(port mongo-java mongo-java)"
}

answers_mongo-java() {
    ask mongodb "$(port mongo-java mongo-java)"
}

address_of_mongo-java() {
    echo "mongodb://127.0.0.1:$(port mongo-java mongo-java)"
}

addresses_of_mongo-java() {
    echo "MONGODB_MEMORY_URL=$(address_of_mongo-java)"
}
