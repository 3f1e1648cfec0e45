"""The peers that are no nodes: each one is a chain (chains.py) with its program's own defaults where nothing is said here."""

import os
import subprocess

from chains import Failure, Nodes, free_port, listens, wait_until

KIB = 1024


def write(scene, name, text):
    path = os.path.join(scene.path, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def up(process, port, what):
    def ready():
        if process.poll() is not None:
            with open(process.log, encoding="utf-8", errors="replace") as file:
                raise Failure(f"{what} ended: {file.read()[-300:].strip()}")
        return listens(port)
    wait_until(ready, 10, f"{what} to listen")
    return process.pid


def haproxy(scene, program, targets):
    """One plain TCP hop to each target (one thread per core, no splicing): its pid and its ports."""
    ports = [free_port() for _ in targets]
    text = "global\n  maxconn 9000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
    for port, target in zip(ports, targets):
        text += f"listen p{port}\n  bind 127.0.0.1:{port}\n  server s 127.0.0.1:{target}\n"
    return up(scene.spawn([program, "-db", "-f", write(scene, f"haproxy{ports[0]}.cfg", text)]), ports[-1], "haproxy"), ports


def bare_loop(scene, program, targets, call_kib, crypto=True):
    """The floor under a relay, bare_loop.cc: its pid and its ports."""
    ports = [free_port() for _ in targets]
    words = [program, "--bytes", str(call_kib * KIB), *([] if crypto else ["--no-crypto"])]
    for port, target in zip(ports, targets):
        words += ["--listen", str(port), "--to", str(target)]
    return up(scene.spawn(words), ports[-1], "bare_loop"), ports


class Proxy:
    """A proxy alone, made by `start(targets)`, between the application's ends."""

    def __init__(self, servers, start):
        pid, (self.bulk_port, self.redis_port) = start([servers.iperf_port, servers.redis_port])
        self.roles = {"proxy": pid}


class Between(Nodes):
    """The proxy where a relay would be: between weir's inlet and outlet. What a relay may be compared with fairly, because the
    processes beside it are the same."""

    def __init__(self, scene, servers, start):
        self.scene, self.kind, self.io = scene, "weir", None
        outlet, inlet = self.with_outlets(servers), self.node("app")
        pid, (port,) = start([outlet.port])
        self.finish(inlet, f"/ip4/127.0.0.1/tcp/{port}")
        self.roles = {"inlet": inlet.pid, "relay": pid, "outlet": outlet.pid}


class Echo:
    """bare_loop --echo instead of redis (a request is a legal answer): what the generator and the kernel take by themselves."""

    def __init__(self, scene, program):
        self.redis_port = free_port()
        process = scene.spawn([program, "--listen", str(self.redis_port), "--echo"])
        self.roles = {"server": up(process, self.redis_port, "bare_loop --echo")}


class Stunnel:
    """A TLS 1.3 tunnel between two processes, AES-256-GCM. The certificate is its own; the client does not check it."""

    def __init__(self, scene, servers):
        self.bulk_port, self.redis_port = free_port(), free_port()
        pem = os.path.join(scene.path, "stunnel.pem")
        if not os.path.exists(pem):
            done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                   "-days", "2", "-subj", "/CN=bench", "-keyout", pem, "-out", pem + ".crt"],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failure(f"openssl req: {done.stderr[-200:]}")
            with open(pem, "a", encoding="ascii") as file, open(pem + ".crt", encoding="ascii") as certificate:
                file.write(certificate.read())
        middle = {"bulk": free_port(), "redis": free_port()}
        head = "foreground = yes\npid =\ndebug = 3\nsyslog = no\nsslVersion = TLSv1.3\n" \
               "ciphersuites = TLS_AES_256_GCM_SHA384\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        server, client = head + f"cert = {pem}\n", head + "client = yes\nverifyChain = no\n"
        for name, port, target in (("bulk", self.bulk_port, servers.iperf_port), ("redis", self.redis_port, servers.redis_port)):
            server += f"[{name}]\naccept = 127.0.0.1:{middle[name]}\nconnect = 127.0.0.1:{target}\n"
            client += f"[{name}]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{middle[name]}\n"
        far = scene.spawn(["stunnel", write(scene, "stunnel-server.conf", server)])
        outlet = up(far, middle["redis"], "stunnel (server)")
        near = scene.spawn(["stunnel", write(scene, "stunnel-client.conf", client)])
        self.roles = {"inlet": up(near, self.redis_port, "stunnel (client)"), "outlet": outlet}


class Rathole:
    """What people self-host to reach a service behind NAT: one hop, plain TCP or Noise NK (ChaCha20-Poly1305), two processes.

    Its server, where users connect, is the column inlet; its client beside the service is the outlet.
    """

    def __init__(self, scene, servers, program, noise):
        self.bulk_port, self.redis_port, control = free_port(), free_port(), free_port()
        server = f'[server]\nbind_addr = "127.0.0.1:{control}"\ndefault_token = "bench"\n'
        client = f'[client]\nremote_addr = "127.0.0.1:{control}"\ndefault_token = "bench"\n'
        if noise:
            made = subprocess.run([program, "--genkey"], capture_output=True, text=True, check=False).stdout.split()
            if len(made) < 6:
                raise Failure(f"rathole --genkey printed {' '.join(made)!r}")
            private, public = made[2], made[5]
            server += f'[server.transport]\ntype = "noise"\n[server.transport.noise]\nlocal_private_key = "{private}"\n'
            client += f'[client.transport]\ntype = "noise"\n[client.transport.noise]\nremote_public_key = "{public}"\n'
        for name, port, target in (("bulk", self.bulk_port, servers.iperf_port), ("redis", self.redis_port, servers.redis_port)):
            server += f'[server.services.{name}]\nbind_addr = "127.0.0.1:{port}"\n'
            client += f'[client.services.{name}]\nlocal_addr = "127.0.0.1:{target}"\n'
        kind = "noise" if noise else "plain"
        far = scene.spawn([program, "--server", write(scene, f"rathole-{kind}-server.toml", server)])
        up(far, control, "rathole (server)")
        near = scene.spawn([program, "--client", write(scene, f"rathole-{kind}-client.toml", client)])
        # The server opens the services' ports when its client has come.
        for port in (self.bulk_port, self.redis_port):
            up(far, port, "rathole's service")
        self.roles = {"inlet": far.pid, "outlet": near.pid}
