#!/usr/bin/env bash
# Alerts and dashboard: promtool's checks and tests, and every metric they name is one that posta has.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/k8s/lib.sh
. "$(dirname "$0")/lib.sh"

need helm3 python || { skip "alerts and dashboard" "Helm 3, Python or their packages cannot be had: NOTHING of them was checked" && exit 0; }
copy_charts "$KTOOLS/helm3" || exit 1
"$KTOOLS/helm3" template shop "$DIR/charts/posta" --kube-version 1.33 --set 'kafka.hosts={k:9093},kafka.topic=l,tls.secretName=s' \
    --set prometheusRule.enabled=true,dashboard.enabled=true >"$DIR/all.yaml" || not_ok "the chart is rendered"
manifests rules "$DIR/all.yaml" >"$DIR/rules.yaml" || not_ok "there are rules"
manifests data "$DIR/all.yaml" shop-posta-dashboard posta.json >"$DIR/dashboard.json"
cp "$HERE/alerts_test.yaml" "$DIR/"

if need promtool; then
    check "promtool: rules" promtool check rules --lint=all "$DIR/rules.yaml"
    check "promtool: what fires, and what does not" promtool test rules "$DIR/alerts_test.yaml"
    while read -r alert; do
        check "$alert: a test has it fire" grep -qxE " *alertname: $alert" "$DIR/alerts_test.yaml"
    done < <(grep -oE 'alert: Posta[A-Za-z]+' "$DIR/rules.yaml" | cut -d' ' -f2)
else
    skip "alerts" "promtool cannot be had"
fi
check "dashboard: what Grafana needs is there" manifests dashboard "$DIR/dashboard.json"
check "dashboard: the ConfigMap has the file as it is" diff "$CHARTS/posta/files/dashboard.json" "$DIR/dashboard.json"
[[ -x $POSTA ]] || { skip "metrics of alerts and dashboard" "there is no $POSTA" && exit 0; }
"$POSTA" export metrics | sed -n 's/^\.It Ic //p' >"$DIR/names"
check "posta tells what metrics it has" grep -q posta_ready "$DIR/names"
check "every metric of alerts and dashboard is one of posta" manifests metrics "$DIR/names" "$DIR/rules.yaml" "$DIR/dashboard.json"
