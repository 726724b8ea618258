#!/usr/bin/env bash
# The policy that puts posta into pods, done to pods by the API server's own code (tests/k8s/injection).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/k8s/lib.sh
. "$(dirname "$0")/lib.sh"

pod() { # NAME, the spec from standard input
    { printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: web, labels: {posta-inject: "true"}}\nspec:\n' "$1" && sed 's/^/  /'; } >"$DIR/$1.yaml"
}
inject() { # NAME: to $DIR/NAME.out.yaml
    "$KTOOLS/injection" "$DIR/policy.yaml" "$DIR/$1.yaml" >"$DIR/$1.out.yaml" 2>"$DIR/err"
}
of() { # NAME PATH: of the pod as it is then, in Python
    "$PY" -c 'import json, sys, yaml; p = yaml.safe_load(open(sys.argv[1])); print(json.dumps(eval(sys.argv[2], {"p": p, "s": p["spec"]})))' "$DIR/$1.out.yaml" "$2"
}

need helm3 python || { skip "injection" "Helm 3, Python or their packages cannot be had: NOTHING of it was checked" && exit 0; }
need injection || { skip "injection" "Go or its packages cannot be had: the policy was checked against its schema only" && exit 0; }
copy_charts "$KTOOLS/helm3" || exit 1
render "$KTOOLS/helm3" posta-injection 1.36 --set podMonitor.enabled=true >"$DIR/policy.yaml"

pod bare <<<'containers: [{name: nginx, image: nginx}]'
check "a pod with nothing" inject bare
equals "... posta is a native sidecar" '["posta", "Always"]' "$(of bare '[s["initContainers"][0][k] for k in ("name", "restartPolicy")]')"
equals "... the web server has the logs' volume" '[{"mountPath": "/var/log/nginx", "name": "posta-logs"}]' "$(of bare 's["containers"][0]["volumeMounts"]')"
equals "... in memory, with a limit" '{"medium": "Memory", "sizeLimit": "20Mi"}' "$(of bare 's["volumes"][0]["emptyDir"]')"
equals "... monitors find it" '"true"' "$(of bare 'p["metadata"]["labels"]["posta-sidecar"]')"
equals "... and it has time to end" 60 "$(of bare 's["terminationGracePeriodSeconds"]')"
sed -i '/^status:/d' "$DIR/bare.out.yaml"
check "... it is a right pod" manifests validate 1.36 "$CRDS" "$DIR/bare.out.yaml"
check "... with nothing twice" manifests unique "$DIR/bare.out.yaml"

pod full <<'POD'
terminationGracePeriodSeconds: 300
securityContext: {runAsUser: 101, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
initContainers:
  - {name: mesh, image: mesh, restartPolicy: Always}
containers:
  - name: nginx
    image: nginx
    volumeMounts: [{name: html, mountPath: /html}]
  - {name: other, image: other}
volumes: [{name: html, emptyDir: {}}]
POD
check "a pod with all" inject full
equals "... posta is behind the mesh's proxy, and so ends before it" '["mesh", "posta"]' "$(of full '[c["name"] for c in s["initContainers"]]')"
equals "... what was there is there" '["/html", "/var/log/nginx"]' "$(of full '[m["mountPath"] for m in s["containers"][0]["volumeMounts"]]')"
equals "... other containers are as they were" false "$(of full '"volumeMounts" in s["containers"][1]')"
equals "... other volumes, too" '"html"' "$(of full 's["volumes"][0]["name"]')"
equals "... a longer time stays" 300 "$(of full 's["terminationGracePeriodSeconds"]')"

pod has <<'POD'
initContainers: [{name: posta, image: posta, restartPolicy: Always}]
containers: [{name: nginx, image: nginx}]
POD
inject has
equals "a pod that has posta is left alone" 3 "$?"
pod ordinary <<<'containers: [{name: nginx, image: nginx}, {name: posta, image: posta}]'
inject ordinary
equals "... as an ordinary container too" 3 "$?"
pod volume <<<'{containers: [{name: nginx, image: nginx}], volumes: [{name: posta-spool, emptyDir: {}}]}'
inject volume
equals "a pod with a volume of that name is left alone: the API server would refuse two" 3 "$?"
pod logs <<<'{containers: [{name: nginx, image: nginx, volumeMounts: [{name: mine, mountPath: /var/log/nginx}]}], volumes: [{name: mine, emptyDir: {}}]}'
inject logs
equals "a pod that has something in place of the logs is left alone" 3 "$?"
equals "it fails open" 1 "$(grep -c 'failurePolicy: Ignore' "$DIR/policy.yaml")"
sed -i 's/(has(object.spec.containers\[0\]/(has(object.spec.container[0]/' "$DIR/policy.yaml"
inject bare
check "a wrong expression would be seen" grep -q "undefined field\|no such key" "$DIR/err"
