"""What users of the official Python client do with the sessions of a pod that has a shell.

    sessions.py NAMESPACE POD

POD's container `main` prints "still here" again and again, and serves its /etc on port 8080; nothing is on port 8081.

Prints the name of each check that holds. The client speaks WebSocket without the end of stdin (v4.channel.k8s.io).
"""

import hashlib
import json
import os
import sys
from contextlib import closing

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from kubernetes.stream import portforward, stream

PATIENCE = 60
RESIZE = 4


class Pod:
    def __init__(self, api, namespace, name):
        self.api, self.namespace, self.name = api, namespace, name

    def exec(self, *command, container="main", **options):
        wanted = dict(stdin=False, stdout=True, stderr=True, tty=False) | options
        connect = self.api.connect_get_namespaced_pod_exec
        return stream(connect, self.name, self.namespace, container=container, command=list(command), **wanted)

    def attach(self):
        connect = self.api.connect_get_namespaced_pod_attach
        return stream(connect, self.name, self.namespace, container="main", stdout=True, _preload_content=False)


def the_whole_output(pod):
    assert pod.exec("sh", "-c", "echo out; sleep 0.2; echo err >&2") == "out\nerr\n"


def streams_and_exit_code(pod):
    session = pod.exec("sh", "-c", "read line; echo got $line; echo err >&2; exit 3", stdin=True, _preload_content=False)
    session.write_stdin("a line\n")
    session.run_forever(timeout=PATIENCE)
    assert not session.is_open()
    assert session.read_stdout() == "got a line\n"
    assert session.read_stderr() == "err\n"
    assert session.returncode == 3, session.returncode
    session = pod.exec("true", _preload_content=False)
    session.run_forever(timeout=PATIENCE)
    assert session.returncode == 0, session.returncode


def bytes_in_and_out(pod):
    sent = os.urandom(1 << 20)
    session = pod.exec("head", "-c", str(len(sent)), stdin=True, binary=True, _preload_content=False)
    received = b""
    for start in range(0, len(sent), 1 << 16):
        session.write_stdin(sent[start : start + (1 << 16)])
        received += session.read_stdout(timeout=0) or b""
    while session.is_open():
        session.update(timeout=1)
        received += session.read_stdout(timeout=0) or b""
    received += session.read_stdout(timeout=0) or b""
    assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest(), len(received)
    assert session.returncode == 0, session.returncode


def a_terminal_with_a_size(pod):
    session = pod.exec("sh", stdin=True, tty=True, _preload_content=False)
    session.write_channel(RESIZE, json.dumps({"Width": 101, "Height": 31}))
    printed = ""
    while "31 101" not in printed:
        session.write_stdin("stty size\n")
        printed += session.read_stdout(timeout=1) or ""
        assert session.is_open(), printed
    session.write_stdin("exit 3\n")
    session.run_forever(timeout=PATIENCE)
    assert session.returncode == 3, session.returncode


def attach_hears_the_container(pod):
    session = pod.attach()
    assert session.readline_stdout(timeout=PATIENCE) == "still here"
    session.close()


def logs_are_followed(pod):
    log = pod.api.read_namespaced_pod_log(pod.name, pod.namespace, follow=True, tail_lines=1, _preload_content=False)
    assert log.readline() == b"still here\n"
    log.close()


def an_unknown_container_is_refused(pod):
    try:
        pod.exec("true", container="none")
    except ApiException as refused:
        assert "none" in str(refused), refused
    else:
        raise AssertionError("a command ran in a container that is not there")


def ports_are_forwarded(pod):
    connect = pod.api.connect_get_namespaced_pod_portforward
    for _ in range(3):
        forwarded = portforward(connect, pod.name, pod.namespace, ports="8080,8081")
        with closing(forwarded.socket(8080)) as connection:
            connection.setblocking(True)
            connection.settimeout(PATIENCE)
            connection.sendall(b"GET /passwd HTTP/1.0\r\n\r\n")
            answer = b""
            while part := connection.recv(4096):
                answer += part
        assert b" 200 OK" in answer and b"root:x:0:0" in answer, answer
        assert forwarded.error(8080) is None, forwarded.error(8080)
        with closing(forwarded.socket(8081)) as connection:
            connection.setblocking(True)
            connection.settimeout(PATIENCE)
            assert connection.recv(1) == b""
        assert "8081" in forwarded.error(8081), forwarded.error(8081)


def main():
    config.load_kube_config()
    pod = Pod(client.CoreV1Api(), *sys.argv[1:])
    for check in [
        the_whole_output,
        streams_and_exit_code,
        bytes_in_and_out,
        a_terminal_with_a_size,
        attach_hears_the_container,
        logs_are_followed,
        an_unknown_container_is_refused,
        ports_are_forwarded,
    ]:
        check(pod)
        print(check.__name__, flush=True)


main()
