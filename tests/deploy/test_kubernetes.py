"""The manifests hold to the published schemas, and to what csidecar itself says of its settings."""

import copy
import http.client
import subprocess

import kubernetes_validate
import pytest
import yaml

from deployed import ROOT, free_port, wait_for
from registries.kubernetes import NEEDED

MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
VERSIONS = ["1.30", "1.34"]


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def of_kind(path, kind):
    return next(d for d in documents(path) if d["kind"] == kind)


def pod(path):
    return of_kind(path, "Deployment")["spec"]["template"]["spec"]


def container(path, name):
    spec = pod(path)
    return next(c for c in spec.get("initContainers", []) + spec["containers"] if c["name"] == name)


def name_of(path):
    return path.name


@pytest.fixture(params=MANIFESTS, ids=name_of)
def manifest(request):
    return request.param


@pytest.mark.parametrize("version", VERSIONS)
def test_it_holds_to_the_schema(manifest, version):
    for document in documents(manifest):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_roles_hold_to_the_schema(version):
    for document in documents(ROOT / "deploy/kubernetes/roles/registry.yaml"):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_registrys_role_is_what_its_tests_are_allowed():
    role = of_kind(ROOT / "deploy/kubernetes/roles/registry.yaml", "Role")
    given = [[verb, resource] for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]]
    assert sorted(given) == sorted(NEEDED["may"])


def test_the_schema_refuses_a_field_that_does_not_exist(manifest):
    broken = copy.deepcopy(of_kind(manifest, "Deployment"))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_csidecar_takes_its_settings(manifest, binary, tmp_path):
    settings = tmp_path / "csidecar.yaml"
    settings.write_text(of_kind(manifest, "ConfigMap")["data"]["csidecar.yaml"])
    check = subprocess.run([binary, "check", settings], text=True, capture_output=True)
    assert check.returncode == 0, check.stdout + check.stderr


def status(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_csidecar_answers_the_probes_and_drains_by_the_hook(manifest, binary, tmp_path):
    probes, endpoint, admin, app = (free_port() for _ in range(4))
    settings = tmp_path / "csidecar.yaml"
    settings.write_text(of_kind(manifest, "ConfigMap")["data"]["csidecar.yaml"]
                        .replace("0.0.0.0:8084", f"127.0.0.1:{probes}").replace("5s", "0s"))
    sidecar = container(manifest, "csidecar")
    paths = [sidecar[p]["httpGet"]["path"]
             for p in ("startupProbe", "livenessProbe", "readinessProbe")]
    hook = sidecar["lifecycle"]["preStop"]["exec"]["command"]
    process = subprocess.Popen([binary, "--config", settings, "--port", str(endpoint), "--admin",
                                f"127.0.0.1:{admin}", "--app-port", str(app)])
    try:
        wait_for(lambda: status(probes, paths[0]) == 200, process)
        # No app yet: alive and started, not ready.
        assert [status(probes, path) for path in paths] == [200, 200, 503]
        subprocess.run([binary, *hook[1:], "--admin", f"127.0.0.1:{admin}"], check=True, timeout=20)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_grace_period_covers_the_drain(manifest):
    drain = yaml.safe_load(of_kind(manifest, "ConfigMap")["data"]["csidecar.yaml"])["drain"]
    settle, finish = (int(drain[key].rstrip("s")) for key in ("settle", "finish"))
    assert pod(manifest)["terminationGracePeriodSeconds"] > settle + finish
    stop = container(manifest, "app")["lifecycle"]["preStop"]
    waits = stop["sleep"]["seconds"] if "sleep" in stop else int(stop["exec"]["command"][1])
    assert waits >= settle


def test_the_sidecar_has_no_rights(manifest):
    rights = container(manifest, "csidecar")["securityContext"]
    assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]} and rights["runAsUser"] != 0
    assert pod(manifest)["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod(manifest)["automountServiceAccountToken"] is False


def test_only_the_probes_leave_the_pod(manifest):
    sidecar = container(manifest, "csidecar")
    settings = yaml.safe_load(of_kind(manifest, "ConfigMap")["data"]["csidecar.yaml"])
    port = int(settings["probes"]["listen"].rsplit(":", 1)[1])
    assert [p["containerPort"] for p in sidecar["ports"]] == [port]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert sidecar[probe]["httpGet"]["port"] == sidecar["ports"][0]["name"]
