#!/usr/bin/env python3
"""Makes of a rendered pod what a kubelet would: its volumes as folders, and for each container what it is started with.

  pod.py MANIFESTS WORKLOAD FOLDER      secrets are taken from FOLDER/secrets/NAME/KEY, if they are there

Writes FOLDER/volumes/NAME/ (configMap, secret, projected, downwardAPI: files behind ..data, as kubelet lays them; emptyDir and hostPath: empty),
FOLDER/tmpfs ("NAME BYTES" a line), and of each container FOLDER/NAME/{args,env,mounts,user,memory,image}; mounts: "VOLUME PATH ro|rw".
"""
import pathlib
import sys

import yaml

UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
FACTS = {"metadata.name": "shop-abc12-xyz", "metadata.namespace": "web", "metadata.uid": "7f3c0000-0000-4000-8000-000000000001",
         "status.podIP": "10.0.0.9", "spec.nodeName": "node-1"}


def size_of(text):
    return int(text[:-2]) * UNITS[text[-2:]]


def lay(folder, files):
    """As kubelet does: a dated folder, ..data to it, and a link for each file, so that all of them change at once."""
    dated = folder / "..2026_11_28_00_00_00.1"
    dated.mkdir(parents=True)
    (folder / "..data").symlink_to(dated.name)
    for name, (content, mode) in files.items():
        (dated / name).write_bytes(content)
        (dated / name).chmod(mode)
        (folder / name).symlink_to(f"..data/{name}")


def secret_files(source, mode, secrets):
    found = {}
    for item in source["items"]:
        path = secrets / source["name"] / item["key"]
        if path.exists():
            found[item["path"]] = (path.read_bytes(), mode)
        elif not source.get("optional"):
            sys.exit(f"secret {source['name']} has no {item['key']}")
    return found


def lines_of(mapping):
    return "".join(f'{k}="{v}"\n' for k, v in sorted((mapping or {}).items())).encode()


def fill(volume, folder, objects, template, secrets):
    if "configMap" in volume:
        source = volume["configMap"]
        data = next(o["data"] for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == source["name"])
        lay(folder, {k: (v.encode(), source.get("defaultMode", 0o644)) for k, v in data.items()})
    elif "projected" in volume:
        files = {}
        for source in volume["projected"]["sources"]:
            files.update(secret_files(source["secret"], volume["projected"]["defaultMode"], secrets))
        lay(folder, files)
    elif "downwardAPI" in volume:
        meta, source = template["metadata"], volume["downwardAPI"]
        lay(folder, {i["path"]: (lines_of(meta.get(i["fieldRef"]["fieldPath"].split(".")[1])), source["defaultMode"]) for i in source["items"]})
    elif "hostPath" in volume:
        folder.mkdir(parents=True)
    else:
        folder.mkdir(parents=True)
        return size_of(volume["emptyDir"]["sizeLimit"])
    return None


def value_of(variable):
    return variable["value"] if "value" in variable else FACTS[variable["valueFrom"]["fieldRef"]["fieldPath"]]


def write_container(container, pod, folder):
    folder.mkdir()
    context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
    (folder / "args").write_text("".join(f"{a}\n" for a in container.get("args", [])))
    (folder / "env").write_text("".join(f"{v['name']}={value_of(v)}\n" for v in container.get("env", [])))
    (folder / "mounts").write_text("".join(f"{m['name']} {m['mountPath']} {'ro' if m.get('readOnly') else 'rw'}\n"
                                           for m in container["volumeMounts"]))
    (folder / "user").write_text(f"{context['runAsUser']}\n")
    (folder / "memory").write_text(f"{size_of(container['resources']['limits']['memory'])}\n")


def main(manifests, workload, target):
    objects = [o for o in yaml.safe_load_all(open(manifests)) if o]
    target = pathlib.Path(target)
    template = next(o for o in objects if o["kind"] in ("Deployment", "DaemonSet") and o["metadata"]["name"] == workload)["spec"]["template"]
    pod, sizes = template["spec"], []
    for volume in pod["volumes"]:
        size = fill(volume, target / "volumes" / volume["name"], objects, template, target / "secrets")
        sizes += [f"{volume['name']} {size}\n"] if size else []
    (target / "tmpfs").write_text("".join(sizes))
    (target / "group").write_text(f"{pod.get('securityContext', {}).get('fsGroup', 0)}\n")
    for container in pod.get("initContainers", []) + pod["containers"]:
        write_container(container, pod, target / container["name"])


main(*sys.argv[1:])
