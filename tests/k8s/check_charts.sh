#!/usr/bin/env bash
# The charts: helm lint, each example of k8s/examples rendered for each Kubernetes and by both Helms, checked against schemas, Pod Security
# Standard, OpenShift's restricted-v2 and kube-score, and compared with what is kept in git.
#
#   check_charts.sh          check
#   check_charts.sh write    write k8s/examples/*.yaml and the tables of values
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/k8s/lib.sh
. "$(dirname "$0")/lib.sh"
VERSIONS="1.29 1.33 1.36"
GOLDEN=1.33

# Why each is left out is in that file.
score_ignores() { grep -v '^#' "$HERE/kube-score.txt" | awk 'NF { printf "--ignore-test %s ", $1 }'; }

readme_of() { # CHART: README.md with the table of values as it is now
    awk -v table="$DIR/table" '/<!-- values -->/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
        /<!-- end -->/ { skip = 0 } !skip' "$CHARTS/$1/README.md"
}
write_all() {
    local example values chart
    for example in $(examples); do
        values=$EXAMPLES/$example.values.yaml
        { echo "# $(head -n 1 "$values" | cut -c 3-)" && echo "# Rendered from $example.values.yaml; make k8s-examples writes it." &&
            render "$KTOOLS/helm3" "$example" "$(header "$values" kubernetes | grep . || echo $GOLDEN)"; } >"$EXAMPLES/$example.yaml"
    done
    for chart in posta posta-sidecar nginx-example job-example; do
        manifests table "$CHARTS/$chart" >"$DIR/table"
        readme_of "$chart" >"$DIR/readme" && cp "$DIR/readme" "$CHARTS/$chart/README.md"
    done
}

lint() { # HELM
    local example values
    for example in $(examples); do
        values=$EXAMPLES/$example.values.yaml
        check "$(basename "$1"): lint --strict, $example" "$1" lint --strict "$DIR/charts/$(header "$values" chart)" -f "$values" --kube-version 1.36
    done
}
judge() { # EXAMPLE KUBERNETES FILE
    check "$1, Kubernetes $2: schemas" manifests validate "$2" "$CRDS" "$3"
    check "$1, Kubernetes $2: each thing once, each volume used" manifests unique "$3"
    check "$1, Kubernetes $2: restricted" manifests restricted "$3"
    [[ $1 != *openshift* ]] || check "$1, Kubernetes $2: restricted-v2" manifests openshift "$3"
}
score() { # EXAMPLE FILE
    # shellcheck disable=SC2046 # a list of words
    check "$1: kube-score" "$KTOOLS/kube-score" score $(score_ignores) --kubernetes-version v1.33 "$2"
}
golden() { # EXAMPLE FILE
    check "$1: as kept in git (else: make k8s-examples, and look at the difference)" diff -u <(tail -n +3 "$EXAMPLES/$1.yaml") "$2"
}
helm4_makes_the_same() { # EXAMPLE KUBERNETES FILE
    render "$KTOOLS/helm4" "$1" "$2" >"$DIR/helm4.yaml" 2>"$DIR/err"
    check "$1, Kubernetes $2: Helm 4 makes the same" manifests same "$3" "$DIR/helm4.yaml"
}
matrix() {
    local example version versions file only
    for example in $(examples); do
        only=$(header "$EXAMPLES/$example.values.yaml" kubernetes)
        versions=${only:-$VERSIONS}
        for version in $versions; do
            file=$DIR/$example-$version.yaml
            render "$KTOOLS/helm3" "$example" "$version" >"$file" 2>"$DIR/err" || { not_ok "$example, Kubernetes $version: rendered" "$(cat "$DIR/err")" && continue; }
            judge "$example" "$version" "$file"
            [[ $HELM4 == no ]] || helm4_makes_the_same "$example" "$version" "$file"
        done
        file=$DIR/$example-${only:-$GOLDEN}.yaml
        golden "$example" "$file"
        [[ $SCORE == no ]] || score "$example" "$file"
    done
}
# Where there are no native sidecars, posta is an ordinary container.
old_clusters() {
    local file=$DIR/old.yaml
    render "$KTOOLS/helm3" nginx-example 1.28 >"$file"
    check "before 1.29: schemas" manifests validate 1.28 "$CRDS" "$file"
    equals "before 1.29: no init container" 0 "$(grep -c 'initContainers' "$file")"
    equals "before 1.29: two containers" 2 "$(grep -cE '^        - name: "?(posta|nginx)"?$' "$file")"
}
tables() {
    local chart
    for chart in posta posta-sidecar nginx-example job-example; do
        check "$chart: each value is explained and in the schema" manifests documented "$CHARTS/$chart"
        manifests table "$CHARTS/$chart" >"$DIR/table"
        check "$chart: README.md has the values as they are (else: make k8s-examples)" diff -u "$CHARTS/$chart/README.md" <(readme_of "$chart")
        check "$chart: yamllint" "$KTOOLS/venv/bin/yamllint" -s -c "$HERE/yamllint.yml" "$CHARTS/$chart/Chart.yaml" "$CHARTS/$chart/values.yaml"
    done
    local version
    version=$(sed -n 's/#define POSTA_VERSION "\(.*\)"/\1/p' "$ROOT/include/posta/version.h")
    for chart in posta posta-sidecar; do says "$chart: appVersion is posta's" "appVersion: \"$version\"" "$CHARTS/$chart/Chart.yaml"; done
    says "the image's tag is posta's version" "default \"$version\"" "$CHARTS/posta-sidecar/templates/_basics.tpl"
}

need helm3 python || { skip "the charts" "Helm 3, Python or their packages cannot be had: NOTHING of the charts was checked" && exit 0; }
copy_charts "$KTOOLS/helm3" || exit 1
if [[ ${1:-} == write ]]; then
    write_all
    exit 0
fi
HELM4=yes SCORE=yes
need helm4 || { HELM4=no && skip "Helm 4" "it cannot be had"; }
need kube-score || { SCORE=no && skip "kube-score" "it cannot be had"; }
[[ -n $CRDS ]] || skip "custom resources against their definitions" "no folder with them: set POSTA_CRDS"
lint "$KTOOLS/helm3"
[[ $HELM4 == no ]] || lint "$KTOOLS/helm4"
matrix
old_clusters
tables
