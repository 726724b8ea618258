#!/usr/bin/env python3
"""What is asked of rendered manifests; prints one line for each thing that is wrong, status 1 then.

  manifests.py validate VERSION CRDS FILE   each object against the schemas of that Kubernetes, custom ones against CRDS (a folder, or "")
  manifests.py restricted FILE              pods against the restricted Pod Security Standard; NAME=privileged objects in --except
  manifests.py openshift FILE               no pod but the DaemonSet's names a user or group, and an SCC allows what that needs
  manifests.py unique FILE                  lists that server-side apply merges by key have each key once
  manifests.py same FILE FILE               the same objects, in the same order
  manifests.py documented CHART             each value is explained above it and is in the schema, and nothing else is in the schema
  manifests.py table CHART                  the values as a table for README.md
  manifests.py rules FILE                   the rule groups of all PrometheusRules, as promtool reads them
  manifests.py data FILE NAME KEY           an entry of a ConfigMap
  manifests.py metrics NAMES FILE...        metrics in rules and dashboards that the program does not have (NAMES: its list)
  manifests.py dashboard FILE               panels with what Grafana needs
"""
import json
import pathlib
import re
import sys

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there


def objects(path):
    return [o for o in yaml.load_all(open(path), Loader=LOADER) if o]


def name_of(obj):
    return f"{obj['kind']} {obj['metadata']['name']}"


def pod_of(obj):
    if obj["kind"] == "Pod":
        return obj["spec"]
    return obj.get("spec", {}).get("template", {}).get("spec") if isinstance(obj.get("spec"), dict) else None


def containers_of(pod):
    return pod.get("initContainers", []) + pod.get("containers", [])


# ---- schemas ----

def closed(schema):
    """A CRD's schema in which unknown fields are errors: the API server would drop them silently."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            closed(value)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema


def custom_schemas(folder, kinds):
    """Of these kinds; a folder of definitions is large, so only files that name one of them are read."""
    found = {}
    for path in pathlib.Path(folder).glob("*.yaml") if folder else []:
        text = path.read_text()
        if not any(f"kind: {kind}\n" in text for kind in kinds):
            continue
        for crd in objects(path):
            if crd.get("kind") != "CustomResourceDefinition":
                continue
            for version in crd["spec"]["versions"]:
                schema = version.get("schema", {}).get("openAPIV3Schema")
                if schema:
                    schema.get("properties", {})["metadata"] = {"type": "object"}
                    found[f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]] = schema
    return found


CUSTOM = re.compile(r"[.](coreos|strimzi)[.]|cert-manager[.]io")
SCC_FIELDS = """apiVersion kind metadata priority allowPrivilegedContainer defaultAddCapabilities requiredDropCapabilities allowedCapabilities
allowHostDirVolumePlugin volumes allowedFlexVolumes allowHostNetwork allowHostPorts allowHostPID allowHostIPC userNamespaceLevel
defaultAllowPrivilegeEscalation allowPrivilegeEscalation seLinuxContext runAsUser supplementalGroups fsGroup readOnlyRootFilesystem users
groups seccompProfiles allowedUnsafeSysctls forbiddenSysctls""".split()


def validate(version, crds, path):
    import jsonschema
    import kubernetes_validate
    found, wrong = objects(path), []
    custom = custom_schemas(crds, {o["kind"] for o in found if CUSTOM.search(o["apiVersion"])})
    for obj in found:
        key = obj["apiVersion"], obj["kind"]
        if obj["kind"] == "SecurityContextConstraints":
            wrong += [f"{name_of(obj)}: unknown field {field}" for field in obj if field not in SCC_FIELDS]
        elif key in custom:
            validator = jsonschema.Draft202012Validator(closed(custom[key]))
            wrong += [f"{name_of(obj)}: {list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(obj)]
        elif CUSTOM.search(obj["apiVersion"]):
            if crds:
                wrong.append(f"{name_of(obj)}: no definition of {key}")
        else:
            try:
                kubernetes_validate.validate(obj, version, strict=True)
            except Exception as error:  # each kind of its errors says what is wrong
                wrong.append(f"{name_of(obj)}: {getattr(error, 'message', error)} at {list(getattr(error, 'path', []))}")
    return wrong


# ---- Pod Security Standard ----

ALLOWED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def restricted_pod(pod):
    wrong, own = [], pod.get("securityContext", {})
    wrong += [f"{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    for volume in pod.get("volumes", []):
        wrong += [f"volume {volume['name']} is a {kind}" for kind in set(volume) - {"name"} - ALLOWED_VOLUMES]
    for container in containers_of(pod):
        context, name = container.get("securityContext", {}), container["name"]
        if context.get("allowPrivilegeEscalation") is not False:
            wrong.append(f"{name}: allowPrivilegeEscalation is not false")
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
            wrong.append(f"{name}: capabilities are not all dropped")
        if context.get("privileged"):
            wrong.append(f"{name}: privileged")
        if context.get("runAsNonRoot", own.get("runAsNonRoot")) is not True:
            wrong.append(f"{name}: runAsNonRoot is not true")
        if context.get("runAsUser", own.get("runAsUser")) == 0:
            wrong.append(f"{name}: runs as root")
        if (context.get("seccompProfile") or own.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
            wrong.append(f"{name}: no seccomp profile")
        # Not of the standard, but of this house:
        if context.get("readOnlyRootFilesystem") is not True:
            wrong.append(f"{name}: its root is not read-only")
        wrong += [f"{name}: hostPort" for port in container.get("ports", []) if port.get("hostPort")]
        wrong += [f"{name}: {mount['mountPath']} is a subPath, which never changes" for mount in container.get("volumeMounts", [])
                  if "subPath" in mount]
    return wrong


def node_pod(pod):
    """A DaemonSet that reads the node's logs cannot be restricted: what it may lack of it is this, and no more."""
    allowed = {"volume logs is a hostPath", "volume spool is a hostPath", "volume hostfs is a hostPath", "posta: runAsNonRoot is not true",
               "posta: runs as root"}
    wrong = [w for w in restricted_pod(pod) if w not in allowed]
    writable = [m["name"] for c in containers_of(pod) for m in c["volumeMounts"] if not m.get("readOnly")]
    paths = {v["name"]: v["hostPath"]["path"] for v in pod["volumes"] if "hostPath" in v}
    return wrong + [f"{paths[name]} of the node is writable" for name in writable if name in paths and name != "spool"]


def restricted(path):
    wrong = []
    for obj in objects(path):
        if pod_of(obj):
            found = node_pod(pod_of(obj)) if obj["kind"] == "DaemonSet" else restricted_pod(pod_of(obj))
            wrong += [f"{name_of(obj)}: {w}" for w in found]
    return wrong


def openshift(path):
    wrong, all_objects = [], objects(path)
    sccs = [o for o in all_objects if o["kind"] == "SecurityContextConstraints"]
    for obj in all_objects:
        pod = pod_of(obj)
        if not pod:
            continue
        if obj["kind"] == "DaemonSet":
            users = [u for scc in sccs for u in scc["users"]]
            account = f"system:serviceaccount:{obj['metadata']['namespace']}:{pod['serviceAccountName']}"
            wrong += [] if account in users else [f"{name_of(obj)}: no SCC is for {account}"]
            # An SCC without a level has that of the namespace, which a pod's own seLinuxOptions would have to name.
            named = [c["name"] for c in containers_of(pod) if "seLinuxOptions" in c.get("securityContext", {})]
            wrong += [f"{name_of(obj)}: {name} sets seLinuxOptions, and no SCC says their level" for name in named
                      if not any(scc["seLinuxContext"].get("seLinuxOptions", {}).get("level") for scc in sccs)]
            continue
        for where, context in [("pod", pod.get("securityContext", {}))] + [(c["name"], c.get("securityContext", {})) for c in containers_of(pod)]:
            wrong += [f"{name_of(obj)}: {where} sets {field}" for field in ("runAsUser", "runAsGroup", "fsGroup", "seLinuxOptions")
                      if field in context]
    return wrong


def unique(path):
    wrong = []

    def once(where, items, *keys):
        seen = set()
        for item in items:
            key = tuple(item.get(k) for k in keys)
            if key in seen:
                wrong.append(f"{where}: {key} twice")
            seen.add(key)

    for obj in objects(path):
        pod = pod_of(obj)
        if pod:
            once(name_of(obj), pod.get("volumes", []), "name")
            once(name_of(obj), containers_of(pod), "name")
            for c in containers_of(pod):
                once(c["name"], c.get("env", []), "name")
                once(c["name"], c.get("volumeMounts", []), "mountPath")
                once(c["name"], c.get("ports", []), "containerPort", "protocol")
            mounted = {m["name"] for c in containers_of(pod) for m in c.get("volumeMounts", [])}
            names = {v["name"] for v in pod.get("volumes", [])}
            wrong += [f"{name_of(obj)}: volume {n} is mounted and not there" for n in mounted - names]
            wrong += [f"{name_of(obj)}: volume {n} is mounted by nobody" for n in names - mounted]
    once("manifests", [{"k": name_of(o), "n": o["metadata"].get("namespace")} for o in objects(path)], "k", "n")
    return wrong


def same(one, other):
    pairs = list(zip(objects(one), objects(other)))
    wrong = [f"{name_of(a)} and {name_of(b)} differ" for a, b in pairs if a != b]
    return wrong + ([] if len(pairs) == len(objects(one)) == len(objects(other)) > 0 else ["not as many objects"])


# ---- values ----

def value_rows(chart):
    """(path, default, sentence) of each value, by its comment; None where there is no comment."""
    rows, stack, comment = [], [], []
    for line in open(f"{chart}/values.yaml"):
        text = line.strip()
        if text.startswith("#"):
            begins = text.startswith("# -- ")
            comment = [text[5:]] if begins else comment + [text[2:]] if comment else []
            continue
        match = re.match(r"^( *)([A-Za-z][\w-]*):(.*)$", line)
        if match:
            depth, key, rest = len(match[1]) // 2, match[2], match[3].strip()
            stack = stack[:depth] + [key]
            rows.append((".".join(stack), rest, " ".join(comment) or None))
        if text:
            comment = []
    return rows


def leaves_of_schema(schema, path=""):
    for key, sub in schema.get("properties", {}).items():
        where = f"{path}.{key}" if path else key
        yield where, sub
        yield from leaves_of_schema(sub, where)


def documented(chart):
    values, schema = yaml.safe_load(open(f"{chart}/values.yaml")), json.load(open(f"{chart}/values.schema.json"))
    known = dict(leaves_of_schema(schema))
    rows = {path: text for path, _, text in value_rows(chart)}
    wrong = []

    def walk(value, path):
        sentence = rows.get(path)
        if path and path not in known and not under_free(path):
            wrong.append(f"{path} is not in the schema")
        if isinstance(value, dict) and value and not sentence:
            for key, sub in value.items():
                walk(sub, f"{path}.{key}" if path else key)
        elif path and not sentence:
            wrong.append(f"{path} is not explained")

    def under_free(path):
        parts = path.split(".")
        return any(known.get(".".join(parts[:n]), {}).get("type") == "object" and "properties" not in known[".".join(parts[:n])]
                   for n in range(1, len(parts)))

    walk(values, "")
    for path in known:
        node = values
        for part in path.split("."):
            node = node.get(part) if isinstance(node, dict) else None
            if node is None:
                break
        explained = any(rows.get(".".join(path.split(".")[:n])) for n in range(1, path.count(".") + 2))
        if node is None and path != "global" and not explained:
            wrong.append(f"{path} of the schema is no value")
    return wrong


def table(chart):
    print("| value | default | |\n|---|---|---|")
    hidden = []
    for path, default, text in value_rows(chart):
        if any(path.startswith(h + ".") for h in hidden):
            continue
        if text:
            values = yaml.safe_load(open(f"{chart}/values.yaml"))
            for part in path.split("."):
                values = values[part]
            hidden.append(path)
            shown = json.dumps(values, ensure_ascii=False)
            print(f"| `{path}` | `{shown}` | {text.replace('|', chr(92) + '|')} |")
    return []


# ---- monitoring ----

def rules(path):
    groups = [g for o in objects(path) if o["kind"] == "PrometheusRule" for g in o["spec"]["groups"]]
    yaml.safe_dump({"groups": groups}, sys.stdout)
    return [] if groups else ["no rules"]


def data(path, name, key):
    found = [o["data"][key] for o in objects(path) if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name]
    print("".join(found), end="")
    return [] if found else [f"no ConfigMap {name} with {key}"]


def metrics(names, *paths):
    known = set(open(names).read().split())
    known |= {f"{n}_{suffix}" for n in known for suffix in ("bucket", "sum", "count")}
    used = {m for p in paths for m in re.findall(r"\b(?:posta|process)_[a-z_]+\b", open(p).read())}
    used -= {"posta_overview"}
    return [f"{m} is no metric of posta" for m in sorted(used - known)] + ([] if used else ["no metric is used"])


def dashboard(path):
    board, wrong, seen = json.load(open(path)), [], set()
    for field in ("uid", "title", "schemaVersion", "panels", "templating"):
        if not board.get(field):
            wrong.append(f"no {field}")
    if not any(v["type"] == "datasource" for v in board["templating"]["list"]):
        wrong.append("no variable for the data source")
    for panel in board["panels"]:
        wrong += [f"two panels have id {panel['id']}"] if panel["id"] in seen else []
        seen.add(panel["id"])
        if panel["type"] != "row" and (not panel["targets"] or panel["datasource"]["uid"] != "${datasource}"):
            wrong.append(f"panel {panel['title']} asks nothing, or a fixed data source")
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            wrong.append(f"panel {panel['title']} is beyond the edge")
    return wrong


if __name__ == "__main__":
    command = {f.__name__: f for f in (validate, restricted, openshift, unique, same, documented, table, rules, data, metrics, dashboard)}
    problems = command[sys.argv[1]](*sys.argv[2:])
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    sys.exit(1 if problems else 0)
