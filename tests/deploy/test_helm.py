"""The Helm chart makes what Kubernetes, Lychgate and Envoy accept, and refuses bad values."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from helm_python import lint

from lychgate.config import load
from tests.deploy.chart import CHART, EXAMPLE, OWN_PROXY, PEERS, Release, Values, changed
from tests.deploy.compose import environment
from tests.deploy.test_containers import CONTAINERFILE
from tests.docs import pages
from tests.support.envoy import envoy_binary
from tests.support.postgres import PostgresServer

EVERYTHING = {
    "httpCheck": {"enabled": True},
    "zeroHop": {"enabled": True},
    "envoy": {"service": {"annotations": {"a.example/b": "c"}}},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"proxies": PEERS, "monitoring": PEERS},
    "migration": {"secrets": {"LYCHGATE_DB_PASSWORD": {"name": "owner", "key": "password"}}},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gate", "operator": "Exists"}],
    "extraVolumes": [{"name": "countries", "configMap": {"name": "countries"}}],
    "extraVolumeMounts": [{"name": "countries", "mountPath": "/countries", "readOnly": True}],
    "config": {"log": {"level": "warning"}, "zero_hop": {"bound": "3s"}},
}
LEAST = {
    "envoy": {"enabled": False, "tlsSecret": ""},
    "decision": {"enabled": False},
    "migration": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "listen": "[::]",
}
SETS = {"example": {}, "own proxy": OWN_PROXY, "everything": EVERYTHING, "least": LEAST}
RELEASES = {name: Release(changed(EXAMPLE, change)) for name, change in SETS.items()}
SECRETS = dict.fromkeys(EXAMPLE["secrets"], "a secret")
each_release = pytest.mark.parametrize("release", RELEASES.values(), ids=list(RELEASES))


@each_release
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_member(release: Release, version: str) -> None:
    known = [one for one in release.objects if one["kind"] != "ServiceMonitor"]
    for one in known:
        kubernetes_validate.validate(one, version, strict=True)
    assert len(known) >= 3


def test_helm_finds_nothing_to_say() -> None:
    said = lint(CHART, dict(EXAMPLE), strict=True, kube_version="v1.30.0")
    assert (said["errors"], [one["error"] for one in said["messages"]]) == (
        [],
        ["icon is recommended"],
    )


@each_release
def test_the_files_are_configurations(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    folder = release.files(tmp_path)
    companion, servers = load(folder / "lychgate.yaml"), load(folder / "servers.yaml")
    assert companion.settings.http_check.endpoints == ()
    assert companion.settings.companion == servers.settings.companion
    assert companion.settings.store.startswith("postgresql://lychgate:a secret@")


@each_release
def test_ports_are_those_that_the_processes_listen_on(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    settings = load(release.files(tmp_path) / "servers.yaml").settings
    served = {
        "companion": (settings.companion.listen, settings.health.listen),
        "decision": (*settings.extauthz.endpoints, settings.extauthz.metrics),
        "http-check": (*settings.http_check.endpoints, settings.http_check.metrics),
        "xds": (settings.zero_hop.metrics,),
        "envoy": ("0.0.0.0:8080",),
    }
    for _, one in release.containers():
        if "ports" in one:
            ports = [str(port["containerPort"]) for port in one["ports"]]
            assert ports == [at.rpartition(":")[2] for at in served[one["name"]]]
    assert settings.admin.listen == "127.0.0.1:8802"
    assert settings.zero_hop.listen in ("", "127.0.0.1:9003")


def test_the_commands_are_those_of_the_command_line() -> None:
    reference = (pages.REFERENCE / "cli.md").read_text()
    seen = set()
    for _, one in RELEASES["everything"].containers():
        words = one["args"] if "args" in one else one["command"]
        if words[0] == "envoy":
            continue
        name = " ".join(words[: 3 if words[0] == "python" else 2])
        seen.add(name)
        (text,) = re.findall(rf"^#+ `{name}`$(.*?)(?=^##|\Z)", reference, re.M | re.S)
        assert all(word in text for word in words if word.startswith("--")), words
    asked = ("serve", "validate", "migrate", "envoy-config", "xds")
    servers = {"python -m extauthz", "python -m extauthz.http"}
    assert seen == servers | {f"lychgate {one}" for one in asked}


def test_envoy_accepts_the_file_that_its_pod_writes(tmp_path: Path) -> None:
    release = Release(changed(EXAMPLE, {"envoy": {"tlsSecret": ""}, "zeroHop": {"enabled": True}}))
    folder = release.files(tmp_path)
    (writer,) = (one for _, one in release.containers() if one["name"] == "configuration")
    words = [word.replace("/etc/lychgate", str(folder)) for word in writer["args"]]
    given = {one["name"]: one["value"] for one in writer["env"]}
    command = [sys.executable, "-m", *words]
    made = subprocess.run(command, env=environment() | given, capture_output=True, check=True)
    assert set(given.values()) == {"unused"}
    file = tmp_path / "envoy.yaml"
    file.write_bytes(made.stdout)
    subprocess.run([envoy_binary(), "--mode", "validate", "-c", str(file)], check=True)
    asked = set(
        re.findall(r"address: (gate-lychgate-[a-z]+)\n\s+port_value: (\d+)", file.read_text())
    )
    services = release.of("Service").values()
    offered = {
        (one["metadata"]["name"], str(port["port"]))
        for one in services
        if one["spec"].get("clusterIP") == "None"
        for port in one["spec"]["ports"]
    }
    assert len(asked) == 2 and asked <= offered


def test_the_job_makes_the_tables_of_a_real_database(tmp_path: Path) -> None:
    server = PostgresServer()
    server.start()
    try:
        store = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        release = Release(changed(EXAMPLE, {"config": {"store": store}}))
        folder = release.files(tmp_path, "migration")
        job = release.of("Job")["migration"]["spec"]["template"]["spec"]
        for one in [*job["initContainers"], *job["containers"]]:
            words = [word.replace("/etc/lychgate", str(folder)) for word in one["command"]]
            told = environment() | SECRETS
            done = subprocess.run(
                [sys.executable, "-m", *words], env=told, capture_output=True, text=True, check=True
            )
        assert done.stdout.startswith("brought the tables to ")
    finally:
        server.close()


def test_the_job_goes_before_everything_else_and_needs_nothing_of_it() -> None:
    release = RELEASES["example"]
    before = [one for one in release.objects if "migration" in one["metadata"]["name"]]
    assert [one["kind"] for one in before] == ["ConfigMap", "Job"]
    for one in before:
        told = one["metadata"]["annotations"]
        assert told["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert "hook-succeeded" in told["helm.sh/hook-delete-policy"]
    weights = [int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in before]
    assert weights == sorted(weights) and weights[0] < weights[1]
    volumes = release.of("Job")["migration"]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == "gate-lychgate-migration"


@each_release
def test_every_container_is_closed(release: Release) -> None:
    (user,) = re.findall(r"^USER (\d+):\1$", CONTAINERFILE, re.M)
    for name, pod in release.pods():
        spec = pod["spec"]
        closed = spec["securityContext"]
        assert spec["automountServiceAccountToken"] is False, name
        assert closed["runAsNonRoot"] is True and closed["runAsUser"] == int(user)
        assert closed["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for name, one in release.containers():
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert one["resources"]["requests"] and one["resources"]["limits"]["memory"]


@each_release
def test_secrets_stand_in_secrets_only(release: Release) -> None:
    for _, one in release.containers():
        for variable in one.get("env", ()):
            given = variable.get("value") == "unused" or "secretKeyRef" in variable["valueFrom"]
            assert given, variable
    assert not release.of("Secret")


def test_nothing_stops_before_its_checks_are_answered() -> None:
    for name, one in RELEASES["everything"].of("Deployment").items():
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        pod = one["spec"]["template"]["spec"]
        (first,) = pod["containers"]
        pause = first["lifecycle"]["preStop"]["sleep"]["seconds"]
        # What a server takes to stop: extauthz/worker.py and lychgate/processes.py.
        assert pause + 10 <= pod["terminationGracePeriodSeconds"], name
        assert "readinessProbe" in first


@each_release
def test_every_deployment_has_its_budget_policy_and_service(release: Release) -> None:
    for name, one in release.of("Deployment").items():
        labels = one["spec"]["template"]["metadata"]["labels"]
        selects = [release.of("Service")[name]["spec"]["selector"]]
        if release.values.get("podDisruptionBudget", {}).get("enabled", True):
            selects.append(
                release.of("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"]
            )
        if release.values.get("networkPolicy", {}).get("enabled", True):
            selects.append(release.of("NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"])
        assert all(one.items() <= labels.items() and len(one) == 3 for one in selects), name


def test_only_the_proxies_reach_the_gate() -> None:
    for name in ("companion", "decision", "http-check"):
        policy = RELEASES["everything"].of("NetworkPolicy")[name]["spec"]
        asks, reads = policy["ingress"]
        envoy = asks["from"][0]["podSelector"]["matchLabels"]
        assert envoy["app.kubernetes.io/component"] == "envoy"
        assert asks["from"][1:] == PEERS and reads["from"] == PEERS
        assert reads["ports"] == [{"port": "health"}]
    for policy in RELEASES["own proxy"].of("NetworkPolicy").values():
        assert [one["from"] for one in policy["spec"]["ingress"]] == [PEERS]


def _pods(change: Values) -> dict[str, Any]:
    release = Release(changed(EXAMPLE, change))
    return {name: one["spec"]["template"] for name, one in release.of("Deployment").items()}


def test_a_changed_resource_restarts_nothing_and_a_changed_setting_everything() -> None:
    before = _pods({})
    assert _pods({"config": {"resources": {"groups": []}}}) == before
    after = _pods({"config": {"store_outage_grace": "30s"}})
    assert all(after[name] != before[name] for name in before)
