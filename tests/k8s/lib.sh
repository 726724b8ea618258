# What the checks of charts share, to be sourced behind tests/e2e/lib.sh. What a check needs and cannot have here is said, as SKIP.
# shellcheck shell=bash
HERE=$ROOT/tests/k8s
CHARTS=$ROOT/k8s/charts
EXAMPLES=$ROOT/k8s/examples
KTOOLS=$("$HERE/tools.sh" path)
PY=$KTOOLS/venv/bin/python
APPLICATIONS="posta nginx-example job-example"
# Definitions of custom resources, if a folder with them is there.
CRDS=${POSTA_CRDS:-$ROOT/../shared/crds}
[[ -d $CRDS ]] || CRDS=

need() { "$HERE/tools.sh" "$@"; }
manifests() { "$PY" "$HERE/manifests.py" "$@"; }

# The charts as they would be packaged, in $DIR/charts: dependencies in, nothing left in the source.
copy_charts() { # HELM
    local chart
    mkdir -p "$DIR/charts"
    cp -r "$CHARTS/." "$DIR/charts/"
    for chart in $APPLICATIONS; do
        rm -rf "$DIR/charts/$chart/charts"
        "$1" dependency build "$DIR/charts/$chart" >"$DIR/dependency" 2>&1 || { not_ok "dependencies of $chart" "$(cat "$DIR/dependency")" && return 1; }
    done
}
header() { # VALUES_FILE NAME: what its "# NAME: " line says
    sed -n "s/^# $2: //p" "$1" | head -n 1
}
render() { # HELM EXAMPLE KUBERNETES [ARGS]: to stdout
    local helm=$1 values=$EXAMPLES/$2.values.yaml kubernetes=$3
    shift 3
    "$helm" template shop "$DIR/charts/$(header "$values" chart)" --namespace web --kube-version "$kubernetes" -f "$values" "$@"
}
examples() { for file in "$EXAMPLES"/*.values.yaml; do basename "$file" .values.yaml; done; }
