"""What a measurement needs: a control plane, warehouses, operators. Ends all that it starts."""

import atexit
import base64
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from datetime import datetime

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHART = "charts/redshift-integration-operator"
ACCOUNT = "operator-redshift-integration-operator"
RESOURCES = "/apis/redshift-governance.dev/v1alpha1/namespaces/{}/redshiftintegrations"
PATIENCE = 120


def say(words):
    print(f"==> {words}", file=sys.stderr, flush=True)


def run(*command, text=None):
    return subprocess.run(command, input=text, text=True, check=True, capture_output=True, cwd=ROOT).stdout


class Processes:
    """Whatever is started here ends here, the last one first, also when this program is asked to end."""

    def __init__(self):
        self.running = []
        atexit.register(self.end_all)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def start(self, *command, log, env=None):
        # setpriv: they end with us even if we get no chance to say so.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "--", *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}, cwd=ROOT,
        )
        self.running.append(process)
        return process

    def end(self, process):
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def end_all(self):
        for process in reversed(list(self.running)):
            self.end(process)


def until(what, answer, patience=PATIENCE, between=0.01):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = answer()
        if found:
            return found
        time.sleep(between)
    raise TimeoutError(f"waited in vain until {what}")


class Api:
    """The API server, asked as an administrator: without kubectl, whose own start takes a tenth of a second."""

    def __init__(self):
        config = json.loads(run("kubectl", "config", "view", "--raw", "-o", "json"))
        cluster = config["clusters"][0]["cluster"]
        self.address = urllib.parse.urlsplit(cluster["server"]).netloc
        self.token = config["users"][0]["user"]["token"]
        self.context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self.connection, self.used = self.connect(), time.monotonic()

    def connect(self):
        return http.client.HTTPSConnection(self.address, context=self.context, timeout=PATIENCE)

    def send(self, connection, method, path, body=None, kind="application/json"):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.read().decode()}")
        return answer

    def ask(self, method, path, body=None, kind="application/json"):
        # One that was idle for long the server may have closed.
        if time.monotonic() - self.used > 30:
            self.connection.close()
        answer = json.loads(self.send(self.connection, method, path, body, kind).read())
        self.used = time.monotonic()
        return answer

    def merge(self, path, body):
        return self.ask("PATCH", path, body, "application/merge-patch+json")

    def watch(self, path):
        """The events from now on, each as soon as it is there."""
        version = self.ask("GET", path)["metadata"]["resourceVersion"]
        answer = self.send(self.connect(), "GET", f"{path}?watch=true&resourceVersion={version}")
        while line := answer.readline():
            yield json.loads(line)["object"]


class StandIn:
    """A warehouse as new, or many of them."""

    def __init__(self, processes, folder, *options):
        self.processes = processes
        ready = folder / "stand-in.json"
        ready.unlink(missing_ok=True)
        with open(folder / "stand-in.log", "w") as log:
            self.process = processes.start(ROOT / "target/debug/redshift-stand-in", "--ready-file", ready, *options, log=log)
        until("the stand-in is ready", ready.exists)
        self.facts = json.loads(ready.read_text())
        self.ca = folder / "ca.crt"
        self.ca.write_text(self.facts["ca"])

    def mark(self):
        """Where its journal ends now."""
        entries = self.get("journal?since=0")
        return entries[-1]["sequence"] if entries else 0

    def since(self, mark):
        return self.get(f"journal?since={mark}")

    def get(self, path):
        with urllib.request.urlopen(f"{self.facts['control']}/{path}") as answer:
            return json.load(answer)

    def break_on_order(self, fault):
        request = urllib.request.Request(f"{self.facts['control']}/faults", json.dumps(fault).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()

    def end(self):
        self.processes.end(self.process)


# Runs what comes behind a folder with a service account as in a pod that has it, and nothing else of the machine's under /run.
IN_POD = """mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io &&
ln -s "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@\""""


class Operator:
    """The operator as it is released, with the rights and the arguments that the chart gives it, and as in a pod: it finds the
    API server by its service account, without a kubeconfig."""

    # Set before the first one is started.
    program = None

    def __init__(self, processes, folder, namespace, others=()):
        self.processes = processes
        self.log = folder / "operator.log"
        self.log.unlink(missing_ok=True)
        cluster = json.loads(run("kubectl", "config", "view", "--raw", "-o", "json"))["clusters"][0]["cluster"]
        token = run("kubectl", "-n", namespace, "create", "token", ACCOUNT, "--duration=4h").strip()
        account = folder / "serviceaccount"
        account.mkdir(exist_ok=True)
        for name, content in [("token", token), ("namespace", namespace), ("ca.crt", pathlib.Path(cluster["certificate-authority"]).read_text())]:
            (account / name).write_text(content)
        server = urllib.parse.urlsplit(cluster["server"])
        environment = {"KUBECONFIG": "", "HOME": str(account), "KUBERNETES_SERVICE_HOST": server.hostname,
                       "KUBERNETES_SERVICE_PORT": str(server.port)}
        with open(self.log, "w") as log:
            self.started = time.time()
            self.process = processes.start(
                "unshare", "--mount", "--", "sh", "-c", IN_POD, account, self.program, "run", "--http-address=127.0.0.1:0",
                "--allowed-hosts=localhost", f"--watch-namespaces={','.join([namespace, *others])}", "--leader-elect",
                f"--lease-namespace={namespace}", f"--lease-name={ACCOUNT}", "--log-format=json",
                log=log, env=environment,
            )

    def metrics(self):
        line = self.log.read_text().split("\n", 1)[0]
        address = json.loads(line)["fields"]["address"]
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            return answer.read().decode().splitlines()

    def metric(self, name, /, **labels):
        """The sum of all that have these labels; 0 as long as it doesn't answer."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        try:
            lines = self.metrics()
        except (OSError, ValueError):
            return 0
        found = (line for line in lines if line.startswith(name) and all(label in line for label in wanted))
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def passes(self):
        """On integrations; those on views are another controller's."""
        return int(self.metric("controller_runtime_reconcile_total", controller="redshiftintegration"))

    def memory(self):
        """In MB, once it has been idle for a while: all that is resident; of that what isn't the program's own file."""
        time.sleep(5)
        return self.megabytes("VmRSS"), self.megabytes("RssAnon")

    def megabytes(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * 1024 / 1e6

    def resident(self):
        return self.memory()[0]

    def processor_time(self):
        """Seconds that it has computed, for itself and in the kernel."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.processes.end(self.process)


def sessions(journal):
    """The statements of each connection: user, database, texts."""
    found = {}
    for entry in journal:
        if entry["event"]["kind"] == "statement":
            key = entry["session"], entry["user"], entry["database"]
            found.setdefault(key, []).append(entry["event"]["text"])
    return [(user, database, texts) for (_, user, database), texts in found.items()]


def psql(stand_in, script, session, password, port=None, stops=True):
    """Has psql run what was said on one connection: seconds, and how many statements were refused."""
    user, database, texts = session
    script.write_text("".join(f"{text};\n" for text in texts))
    environment = {**os.environ, "PGPASSWORD": password, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(stand_in.ca)}
    command = ["psql", "-X", "-q", "-v", f"ON_ERROR_STOP={int(stops)}", "-h", "localhost", "-p", str(port or stand_in.facts["port"]),
               "-U", user, "-d", database, "-o", "/dev/null", "-f", str(script)]
    started = time.monotonic()
    ended = subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.monotonic() - started, ended.stderr.count(b"ERROR:")


def replay(stand_in, folder, statements, passwords, refused=0):
    """Seconds that psql takes for the same statements on the same connections, of which so many are refused."""
    elapsed = errors = 0
    for session in statements:
        took, failed = psql(stand_in, folder / "replay.sql", session, passwords[session[0]], stops=not refused)
        elapsed, errors = elapsed + took, errors + failed
    if errors != refused:
        raise RuntimeError(f"{errors} statements were refused, and {refused} when the operator sent them")
    return elapsed


def servers_time(journal):
    """Seconds that the warehouse itself took for all statements."""
    return sum(entry["event"]["microseconds"] for entry in journal if entry["event"]["kind"] == "statement") / 1e6


class Audit:
    """What the operator asked of the API server, in the server's own words."""

    def __init__(self, path, namespace):
        self.path, self.user = path, f"system:serviceaccount:{namespace}:{ACCOUNT}"

    def entries(self):
        with open(self.path) as log:
            entries = [json.loads(line) for line in log if self.user in line and line.endswith("\n")]
        return [entry for entry in entries if "objectRef" in entry]

    def writes(self):
        return [
            entry for entry in self.entries()
            if entry["verb"] not in ("get", "list", "watch") and entry["objectRef"]["resource"] not in ("leases", "events")
        ]

    def first_pass(self):
        for entry in self.entries():
            if entry["verb"] == "get" and entry["objectRef"]["resource"] == "redshiftintegrations":
                return datetime.fromisoformat(entry["requestReceivedTimestamp"].replace("Z", "+00:00")).timestamp()
        return None


def manifest(namespace, stand_in, name="analytics", suspend=False, port=None, interval="1h"):
    return {
        "apiVersion": "redshift-governance.dev/v1alpha1",
        "kind": "RedshiftIntegration",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"suspend": suspend, "validationInterval": interval, "config": {
            "host": "localhost", "port": port or stand_in.facts["port"], "database": "immuta", "initialDatabase": "dev",
            "authenticationType": "userPassword", "credentialsSecretRef": {"name": "redshift-admin"},
            "tls": {"caBundleRef": {"kind": "ConfigMap", "name": "redshift-ca"}},
        }},
    }


def new_namespace(api):
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "measure-"}}
    return api.ask("POST", "/api/v1/namespaces", body)["metadata"]["name"]


def prepare(api, stand_in, others=()):
    """A namespace with the chart's rights, also in others, and what the resource refers to."""
    namespace = new_namespace(api)
    rights = run("helm", "template", "operator", CHART, "--namespace", namespace, "--set",
                 f"crds.enabled=false,deployment.enabled=false,watchNamespaces={{{','.join([namespace, *others])}}}")
    run("kubectl", "apply", "-f", "-", text=rights)
    for each in (namespace, *others):
        refer(api, each, stand_in)
    return namespace


def refer(api, namespace, stand_in):
    """What a resource refers to."""
    core = f"/api/v1/namespaces/{namespace}"
    api.ask("POST", f"{core}/secrets", {
        "metadata": {"name": "redshift-admin"},
        "stringData": {"username": stand_in.facts["adminUser"], "password": stand_in.facts["adminPassword"]},
    })
    api.ask("POST", f"{core}/configmaps", {"metadata": {"name": "redshift-ca"}, "data": {"ca.crt": stand_in.facts["ca"]}})


def account(api, namespace, name="analytics"):
    """Name and password of an integration's system account."""
    secret = api.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}-system-account")
    return tuple(base64.b64decode(secret["data"][key]).decode() for key in ("username", "password"))


def create(api, namespace, stand_in, **differently):
    """Seconds from the request that creates the resource to the news that it is enabled."""
    wanted = manifest(namespace, stand_in, **differently)
    path = RESOURCES.format(namespace)
    watch = api.watch(path)
    connection = api.connect()
    connection.connect()
    started = time.monotonic()
    api.send(connection, "POST", path, wanted).read()
    for news in watch:
        if news["metadata"]["name"] != wanted["metadata"]["name"]:
            continue
        if news.get("status", {}).get("phase") == "enabled":
            return time.monotonic() - started
        if news.get("status", {}).get("phase") == "createError":
            raise RuntimeError(news["status"]["conditions"][0]["message"])
    raise RuntimeError("the watch ended")
