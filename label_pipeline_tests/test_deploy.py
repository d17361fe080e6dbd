"""The Kubernetes example and the image: what the cluster would be given, the pod of a run among it.

Manifests are held against Kubernetes' own schemas, strictly: a field that does not exist is an error. The run's pod is
what Dagster's launcher really sends, to an API server on loopback that only writes it down.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline_tests.serving import serving

kubernetes_validate = pytest.importorskip("kubernetes_validate")
pytest.importorskip("dagster_k8s")

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FOLDER = DEPLOY / "kubernetes"
PROJECT = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
Manifest = dict[str, Any]


def documents(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


MANIFESTS: list[Manifest] = [m for name in documents("kustomization.yaml")[0]["resources"] for m in documents(name)]
SETTINGS: Manifest = yaml.safe_load(
    next(m for m in MANIFESTS if m["metadata"]["name"] == "dagster")["data"]["dagster.yaml"]
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The job that Dagster's launcher asks the cluster for when a night is launched with these settings."""
    asked: list[Manifest] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "body": body})
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    @dg.job(tags={"project": "pets"})
    def nightly() -> None:
        pass

    home = tmp_path_factory.mktemp("home")
    with serving(Api) as url:
        cluster = {"clusters": [{"name": "c", "cluster": {"server": url}}], "current-context": "c"}
        context = {
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        }
        (home / "kubeconfig").write_text(yaml.safe_dump(cluster | context))
        settings = SETTINGS | {"storage": {"sqlite": {"base_dir": str(home)}}}
        here = {"load_incluster_config": False, "kubeconfig_file": str(home / "kubeconfig")}
        settings["run_launcher"] = {**SETTINGS["run_launcher"]}
        settings["run_launcher"]["config"] = SETTINGS["run_launcher"]["config"] | here
        (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            repository = dg.reconstructable(nightly_job).get_python_origin()
            run = instance.create_run_for_job(nightly, job_code_origin=repository)
            instance.run_launcher.launch_run(dg._core.launcher.LaunchRunContext(dagster_run=run, workspace=None))
    [launched] = asked
    assert launched["path"] == "/apis/batch/v1/namespaces/label-pipeline/jobs"
    body: Manifest = launched["body"]
    return body


def nightly_job() -> dg.JobDefinition:
    @dg.job
    def nightly() -> None:
        pass

    return nightly


def pods(job: Manifest) -> dict[str, Manifest]:
    """The pod templates by role: those of the services, and that of a run."""
    templates = [m["spec"]["template"] for m in (*MANIFESTS, job) if m["kind"] in ("Deployment", "Job")]
    return {template["metadata"]["labels"]["label-pipeline/role"]: template for template in templates}


def test_every_manifest_is_listed() -> None:
    """Loss: a manifest that lies there and is never applied."""
    listed = documents("kustomization.yaml")[0]["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_manifests_are_what_kubernetes_knows(version: str, job: Manifest) -> None:
    """Loss: a field that the cluster drops in silence, or a manifest that it refuses on the day of the move."""
    for manifest in (*MANIFESTS, job):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(
    ("place", "value"),
    [("replicas", "one"), ("replica", 1), ("strategy", {"type": "Sometimes", "typo": 1}), ("template", {"spec": {}})],
)
def test_the_check_can_fail(place: str, value: Any) -> None:
    """Loss: a schema that lets everything through."""
    daemon = next(m for m in MANIFESTS if m["kind"] == "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(daemon | {"spec": daemon["spec"] | {place: value}}, NEWEST, strict=True)


def test_pods_may_do_no_more_than_they_need(job: Manifest) -> None:
    """Loss: a weakness in one package is the node's, or one project's night takes all memory of the node."""
    found = pods(job)
    assert found.keys() == {"code", "daemon", "webserver", "run"}
    for role, template in found.items():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"], role
        assert str(spec["securityContext"]["runAsUser"]) == user_of_the_image(), role
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, role
        assert spec["automountServiceAccountToken"] is (spec["serviceAccountName"] == "launcher"), role
        assert (spec["serviceAccountName"] == "launcher") is (role in ("daemon", "webserver"))
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert not any("hostPath" in volume for volume in spec["volumes"]), role
        for container in (*spec["containers"], *spec.get("initContainers", [])):
            closed = container["securityContext"]
            assert closed["readOnlyRootFilesystem"], role
            assert closed["allowPrivilegeEscalation"] is False, role
            assert closed["capabilities"] == {"drop": ["ALL"]}, role
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() == {"cpu", "memory", "ephemeral-storage"}, (role, kind)
            if role != "run":
                assert {"startupProbe", "livenessProbe"} <= container.keys(), role
    assert job["spec"]["backoffLimit"] == 0  # Dagster runs it again, not the cluster besides


def test_only_runs_hold_the_key_and_write_the_data(job: Manifest) -> None:
    """Loss: whoever gets into the UI has everybody's names."""
    for role, template in pods(job).items():
        [container] = template["spec"]["containers"]
        secrets = {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source}
        assert secrets == ({"postgres", "pipeline"} if role == "run" else {"postgres"})
        written = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert written == ({"/tmp", "/data", "/people"} if role == "run" else {"/tmp"}), role


def test_no_secret_stands_in_the_files(job: Manifest) -> None:
    """Loss: a password in the repository, and in everybody's clone."""
    assert not [m for m in MANIFESTS if m["kind"] == "Secret"]
    secret = re.compile("key|password|token|secret", re.IGNORECASE)
    for template in pods(job).values():
        for variable in template["spec"]["containers"][0].get("env", []):
            assert not (secret.search(variable["name"]) and "value" in variable), variable
    for manifest in MANIFESTS:
        if manifest["kind"] == "ConfigMap":
            assert not [name for name in manifest["data"] if secret.search(name)]
    assert SETTINGS["storage"]["postgres"]["postgres_db"]["password"] == {"env": "POSTGRES_PASSWORD"}


def test_the_launcher_may_do_what_it_calls_and_no_more() -> None:
    """Loss: a night that cannot start for want of a right; or a webserver that may read the cluster's secrets."""
    import dagster_k8s.client

    verbs = {"create": "create", "read": "get", "list": "list", "delete": "delete"}
    kinds = {"job": "jobs", "pod": "pods", "event": "events"}
    calls = re.findall(r"_api\.(\w+?)_namespaced_(job|pod|event)(_\w+)?\(", inspect.getsource(dagster_k8s.client))
    called = {(kinds[kind] + part.replace("_", "/"), verbs[verb]) for verb, kind, part in calls}
    assert len(called) > 5
    [role] = [m for m in MANIFESTS if m["kind"] == "Role"]
    allowed = {(r, verb) for rule in role["rules"] for r in rule["resources"] for verb in rule["verbs"]}
    assert called <= allowed
    assert allowed - called <= {("jobs", "get")}


def test_settings_are_those_of_one_machine_and_more() -> None:
    """Loss: run monitoring or the pools forgotten, and a killed pod holds its project for ever."""

    def within(small: Any, large: Any) -> bool:
        if isinstance(small, dict):
            return all(key in large and within(value, large[key]) for key, value in small.items())
        return bool(small == large)

    assert within(yaml.safe_load(DAGSTER_YAML), SETTINGS)


def test_everything_is_closed_but_what_is_named(job: Manifest) -> None:
    """Loss: a UI without a login that the whole cluster reaches, or a run that cannot reach its database."""
    policies = {m["metadata"]["name"]: m["spec"] for m in MANIFESTS if m["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    named = set()
    for spec in policies.values():
        selector = spec["podSelector"]
        named |= set(selector.get("matchLabels", {}).values())
        named |= {value for rule in selector.get("matchExpressions", []) for value in rule["values"]}
    assert named == pods(job).keys()
    [source] = policies["ui-from-ingress"]["ingress"][0]["from"]
    assert "namespaceSelector" in source
    for service in (m for m in MANIFESTS if m["kind"] == "Service"):
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
        assert service["spec"]["selector"]["label-pipeline/role"] in named


def test_all_pods_run_the_image_of_this_version(job: Manifest) -> None:
    """Loss: runs of other code than the UI shows."""
    images = {container["image"] for template in pods(job).values() for container in template["spec"]["containers"]}
    assert images == {f"registry.example.com/label-pipeline:{PROJECT['version']}"}
    assert f" {next(iter(images))} " in (DEPLOY / "Dockerfile").read_text()


def user_of_the_image() -> str:
    """The account that the image's last stage runs as."""
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    return str(users[-1])


def copied_from_here(text: str) -> str:
    """What the image's build takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
    return " ".join(lines)


def test_the_image_is_not_root_and_of_the_lock() -> None:
    """Loss: pods that are root, or packages of the day on which somebody built the image."""
    assert int(user_of_the_image()) > 1000
    text = (DEPLOY / "Dockerfile").read_text()
    assert all(
        re.fullmatch(r"python:3\.11-slim-\w+( AS build)?", image) for image in re.findall(r"^FROM (.+)$", text, re.M)
    )
    given = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert next(line for line in given if not line.startswith("#")) == "*"
    assert {line[1:] for line in given if line.startswith("!")} == set(re.findall(r"[\w.]+", copied_from_here(text)))
    [install] = re.findall(r"^RUN pip install (.+)$", text, re.M)
    assert "-c requirements.lock" in install
    extras = re.findall(r'"\.\[(.+)\]"', install)[0].split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()
