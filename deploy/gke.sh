#!/usr/bin/env bash
# Deploys Flightline to Google Kubernetes Engine, from nothing to the address of the page. See --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
Deploys Flightline to Google Kubernetes Engine, from nothing to the address of the page.

Usage: deploy/gke.sh [up|down] --project PROJECT [OPTIONS]

  up      makes what is missing, in this order: the registry, the nodes' account, the cluster, the image, the bucket and who may
          use it, the secrets; applies the overlay gke, waits, and prints the address. May be run again at any time
  down    ends the cluster and all disks of it. The bucket, with ledger, answers and models, the images and the nodes' account
          stay

Options:
  --project PROJECT   the project in which all of this is, and who pays for it
  --zone ZONE         where the cluster is [default: europe-west1-b]
  --cluster NAME      its name [default: flightline]
  --nodes N           its nodes [default: 3]
  --machine TYPE      what each is [default: e2-standard-4]
  --bucket NAME       the bucket of models, ledger and answers [default: PROJECT-flightline]
  --tag TAG           of the image [default: the commit that is checked out, if nothing is changed since]
  --dry-run           prints each step and runs none
  --help              prints this

Needs gcloud (logged in), kubectl 1.31 or later with gke-gcloud-auth-plugin, docker and git. The cluster costs money until `down`.

Exit codes: 0 done, 2 command line, 3 a program is missing or too old, else that of the step that failed.
TEXT
}

fail() {
    local code=$1
    shift
    echo "error: $*" >&2
    exit "$code"
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
overlay=deploy/kubernetes/overlays/gke
action=up project='' zone=europe-west1-b cluster=flightline nodes=3 machine=e2-standard-4 bucket='' tag='' dry_run=false

read_arguments() {
    local given
    while (($# > 0)); do
        case $1 in
            up | down) action=$1 ;;
            --dry-run) dry_run=true ;;
            --help | -h) usage; exit 0 ;;
            --project | --zone | --cluster | --nodes | --machine | --bucket | --tag)
                (($# > 1)) && [[ -n $2 && $2 != --* ]] || fail 2 "$1 needs a value; see --help"
                given=${1#--}
                printf -v "$given" %s "$2"
                shift
                ;;
            *) fail 2 "there is no argument $1; see --help" ;;
        esac
        shift
    done
    [[ -n $project ]] || fail 2 "say which project: --project PROJECT; \`gcloud projects list\` shows yours"
    [[ $nodes =~ ^[1-9][0-9]*$ ]] || fail 2 "--nodes $nodes is no number of nodes"
    # They go into names, and into the text of the manifests.
    local name
    for name in "$project" "$zone" "$cluster" "$machine" "$bucket" "$tag"; do
        [[ $name =~ ^[A-Za-z0-9._:-]*$ ]] || fail 2 "$name has signs that no such name has"
    done
    # A project of an organisation is organisation:project, and no bucket is called so.
    bucket=${bucket:-${project//:/-}-flightline}
    region=${zone%-*}
    image=$region-docker.pkg.dev/${project//://}/flightline/flightline
    # The same in the name of an account: project.organisation.
    [[ $project == *:* ]] && owner=${project#*:}.${project%%:*} || owner=$project
    node_account=flightline-nodes@$owner.iam.gserviceaccount.com
}

check_programs() {
    local program missing=()
    for program in "$@"; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    ((${#missing[@]} == 0)) && return
    if $dry_run; then
        echo "# missing here: ${missing[*]}" >&2
    else
        fail 3 "${missing[*]} can't be found: install it first"
    fi
}

# `kubectl wait` for a path without a value is not known to earlier ones.
check_kubectl() {
    $dry_run && return
    local minor
    minor=$(kubectl version --client --output json | sed -n 's/.*"gitVersion": *"v1\.\([0-9]*\)\..*/\1/p')
    [[ $minor =~ ^[0-9]+$ && $minor -ge 31 ]] || fail 3 "kubectl is older than 1.31: install a later one"
}

# The image is made of the files that are here, so a commit names it only if they are that commit's.
name_image() {
    [[ -z $tag ]] || return 0
    local changed
    if ! tag=$(git rev-parse --short=12 HEAD) || ! changed=$(git status --porcelain); then
        fail 2 "git knows no commit that could name the image: give --tag"
    fi
    [[ -n $changed ]] || return 0
    local said="files are changed since the commit $tag, and would be in its image: commit first, or give --tag"
    $dry_run || fail 2 "$said"
    echo "# \`up\` will refuse: $said" >&2
}

step() {
    printf '\n# %s\n' "$*"
}

# Says a command as a shell would take it, and runs it.
run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    $dry_run || "$@"
}

# `unless CHECK... -- COMMAND...`: runs the command if the check fails. A dry run asks nobody, and says both.
unless() {
    local check=()
    while [[ $1 != -- ]]; do
        check+=("$1")
        shift
    done
    shift
    if $dry_run; then
        printf '# unless it is there:'
        printf ' %q' "${check[@]}"
        printf '\n'
    elif "${check[@]}" >/dev/null 2>&1; then
        printf '# it is there:'
        printf ' %q' "${check[@]}"
        printf '\n'
        return
    fi
    run "$@"
}

# The overlay, with what only this script knows.
manifests() {
    kubectl kustomize "$overlay" |
        sed -e "s|FLIGHTLINE_BUCKET|$bucket|g" -e "s|FLIGHTLINE_IMAGE|$image|g" -e "s|FLIGHTLINE_TAG|$tag|g"
}

apply() {
    echo "+ kubectl kustomize $overlay | sed -e s\\|FLIGHTLINE_BUCKET\\|$bucket\\|g -e s\\|FLIGHTLINE_IMAGE\\|$image\\|g" \
        "-e s\\|FLIGHTLINE_TAG\\|$tag\\|g | kubectl apply -f -"
    $dry_run || manifests | kubectl apply -f -
}

# Lets our pods read and write the bucket, by the name that they have in the cloud: that of their account in the cluster.
admit() {
    local number=PROJECT_NUMBER
    echo "+ gcloud projects describe $project --format 'value(projectNumber)'"
    $dry_run || number=$(gcloud projects describe "$project" --format 'value(projectNumber)')
    local pool=projects/$number/locations/global/workloadIdentityPools/$project.svc.id.goog
    run gcloud storage buckets add-iam-policy-binding "gs://$bucket" --project "$project" --role roles/storage.objectUser \
        --member "principal://iam.googleapis.com/$pool/subject/ns/flightline/sa/flightline"
}

address() {
    local ip=ADDRESS
    echo "+ kubectl -n flightline get service flightline-web --output jsonpath='{.status.loadBalancer.ingress[0].ip}'"
    $dry_run || ip=$(kubectl -n flightline get service flightline-web --output jsonpath='{.status.loadBalancer.ingress[0].ip}')
    echo "the page is at http://$ip:5000/"
    echo "the master's pages: kubectl -n flightline port-forward service/flightline-master 8080, then http://127.0.0.1:8080/"
}

up() {
    check_programs gcloud kubectl gke-gcloud-auth-plugin docker git
    check_kubectl
    name_image
    local of_project=(--project "$project") of_cluster=(--project "$project" --zone "$zone")
    local kubectl=(kubectl --namespace flightline)

    step "the project's services"
    run gcloud services enable container.googleapis.com artifactregistry.googleapis.com iam.googleapis.com storage.googleapis.com \
        "${of_project[@]}"

    step "a registry for the image"
    unless gcloud artifacts repositories describe flightline "${of_project[@]}" --location "$region" -- \
        gcloud artifacts repositories create flightline "${of_project[@]}" --location "$region" --repository-format docker

    step "the nodes' own account, which may do what nodes do and fetch the image: the one of all machines may have no right at all"
    unless gcloud iam service-accounts describe "$node_account" "${of_project[@]}" -- \
        gcloud iam service-accounts create "${node_account%%@*}" "${of_project[@]}"
    run gcloud projects add-iam-policy-binding "$project" --role roles/container.defaultNodeServiceAccount \
        --member "serviceAccount:$node_account" --condition None
    run gcloud artifacts repositories add-iam-policy-binding flightline "${of_project[@]}" --location "$region" \
        --role roles/artifactregistry.reader --member "serviceAccount:$node_account"

    step "the cluster: pods with an account in the cloud, policies that hold"
    unless gcloud container clusters describe "$cluster" "${of_cluster[@]}" -- \
        gcloud container clusters create "$cluster" "${of_cluster[@]}" --num-nodes "$nodes" --machine-type "$machine" \
        --release-channel regular --enable-ip-alias --enable-dataplane-v2 --workload-pool "$project.svc.id.goog" \
        --addons HttpLoadBalancing,GcePersistentDiskCsiDriver --service-account "$node_account"
    run gcloud container clusters get-credentials "$cluster" "${of_cluster[@]}"

    step "the image, into the registry"
    run gcloud auth configure-docker "$region-docker.pkg.dev" --quiet
    run docker build --platform linux/amd64 --build-arg FEATURES=servers,gs --tag "$image:$tag" .
    run docker push "$image:$tag"

    step "the bucket, and our pods' right to it"
    unless gcloud storage buckets describe "gs://$bucket" "${of_project[@]}" -- \
        gcloud storage buckets create "gs://$bucket" "${of_project[@]}" --location "$region" --uniform-bucket-level-access \
        --public-access-prevention
    admit

    step "the secrets"
    run deploy/kubernetes/secrets.sh

    step "everything else; the start is done anew: it does nothing that is done, and the stream goes on as is said now"
    run "${kubectl[@]}" delete job flightline-start --ignore-not-found
    apply

    step "waiting"
    run "${kubectl[@]}" rollout status statefulset/flightline-kafka --timeout 10m
    run "${kubectl[@]}" wait job/flightline-mongodb-initiate --for condition=complete --timeout 10m
    run "${kubectl[@]}" rollout status deployment/flightline-master --timeout 10m
    run "${kubectl[@]}" rollout status statefulset/flightline-worker --timeout 10m
    # Until it is over, well or not; to wait for its success alone would be to wait an hour for what has failed.
    run "${kubectl[@]}" wait job/flightline-start --for 'jsonpath={.status.conditions}' --timeout 65m
    run "${kubectl[@]}" wait job/flightline-start --for condition=complete --timeout 1m
    run "${kubectl[@]}" rollout status deployment/flightline-web --timeout 10m
    run "${kubectl[@]}" wait service/flightline-web --for 'jsonpath={.status.loadBalancer.ingress}' --timeout 10m

    step "where it is"
    address
}

# Whether the cluster is there. Who may not ask is told so, and not that it is gone.
is_there() {
    local found=$cluster command=(gcloud container clusters list "${of_cluster[@]}" --filter "name=$cluster" --format 'value(name)')
    printf '+'
    printf ' %q' "${command[@]}"
    printf '\n'
    $dry_run || found=$("${command[@]}") || exit
    [[ $found == "$cluster" ]]
}

down() {
    check_programs gcloud kubectl gke-gcloud-auth-plugin
    local of_cluster=(--project "$project" --zone "$zone")

    if is_there; then
        step "the load balancer and the disks, which a cluster leaves behind"
        run gcloud container clusters get-credentials "$cluster" "${of_cluster[@]}"
        run kubectl delete namespace flightline --ignore-not-found --timeout 15m

        step "the cluster"
        run gcloud container clusters delete "$cluster" "${of_cluster[@]}" --quiet
    else
        step "the cluster $cluster is gone already"
    fi
    echo
    echo "gs://$bucket and the images stay. Its ledger is that of topics which are gone: before the next \`up\`, remove it,"
    echo "    gcloud storage rm --recursive gs://$bucket/state gs://$bucket/predictions"
    echo "or give another --bucket. The models are used again."
}

read_arguments "$@"
"$action"
