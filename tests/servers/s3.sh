# Part of tests/services: an S3 server in Python, moto, with a bucket.
# shellcheck shell=bash disable=SC2154 # what tests/services sets

s3_bucket=flightline

ports_of_s3() {
    echo s3
}

prepare_s3() { :; }

launch_s3() {
    launch s3 "$fetched/python/bin/python" "$here/s3.py" "$(port s3 s3)" "$state/s3/journal" "$s3_bucket"
}

answers_s3() {
    ask s3 "$(port s3 s3)"
}

address_of_s3() {
    echo "http://127.0.0.1:$(port s3 s3)"
}

# It lets everybody in, but clients want something to sign with.
addresses_of_s3() {
    cat << END
S3_ENDPOINT=$(address_of_s3)
S3_BUCKET=$s3_bucket
S3_ACCESS_KEY_ID=flightline
S3_SECRET_ACCESS_KEY=flightline
END
}
