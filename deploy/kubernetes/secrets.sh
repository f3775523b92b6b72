#!/usr/bin/env bash
# Makes the two secrets of a cluster and keeps them in Kubernetes, unless they are there: the cluster's secret, which the
# master and the workers know, and the token, which people have. They are written to no disk but in a folder that only you may
# read, and that is gone when this ends.
#
#   deploy/kubernetes/secrets.sh             into the cluster that kubectl speaks to
#   kubectl -n flightline get secret flightline-cluster -o jsonpath='{.data.token}' | base64 -d       shows the token
set -euo pipefail

namespace=flightline
secret=flightline-cluster
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

kubectl apply -f "$here/base/namespace.yaml"
if kubectl -n "$namespace" get secret "$secret" -o name >/dev/null 2>&1; then
    echo "the secret $secret is there already, and stays" >&2
    exit 0
fi
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in cluster.secret token; do
    head -c 32 /dev/urandom | base64 | tr -d '\n' >"$folder/$name"
done
kubectl -n "$namespace" create secret generic "$secret" \
    --from-file="$folder/cluster.secret" --from-file="$folder/token"
