"""Bare Debian roots from this machine's mirror, and the packages of the host that making them takes."""
import contextlib
import json
import os
import shutil
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
CERTIFICATES_THERE = "/etc/stand-in-certificates.crt"
# As those who sit behind a proxy that signs TLS anew have it in their base image: npm there trusts whom this machine trusts.
TRUST_OPTION = f"--customize-hook=upload {CERTIFICATES} {CERTIFICATES_THERE}"
TRUST_VARIABLE = f"NODE_EXTRA_CA_CERTS={CERTIFICATES_THERE}"


class Failure(Exception):
    """Says what cannot be had here, and why."""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout.strip()


def install(packages):
    """Installs those that this machine does not have."""
    missing = [p for p in packages if subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", p],
                                                     capture_output=True, text=True).stdout != "installed"]
    if not missing:
        return
    if os.geteuid() != 0:
        raise Failure(f"{', '.join(missing)} not installed, and this is not root")
    if shutil.which("apt-get") is None:
        raise Failure(f"{', '.join(missing)} not installed, and there is no apt here")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if subprocess.run(command, env=env, capture_output=True).returncode != 0:
        subprocess.run(["apt-get", "update"], capture_output=True)
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"apt could not install {', '.join(missing)}: {done.stderr.strip()[-500:]}")


def mirror():
    """This machine's Debian mirror."""
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian")
    if not uris:
        raise Failure("this machine's apt knows no Debian mirror to make a bare Debian from")
    return uris.splitlines()[0]


def proxy_options():
    """apt's own way out of this machine, where it has one."""
    found = run("apt-config", "dump", "--format", "%f \"%v\";%n")
    return [f"--aptopt={line}" for line in found.splitlines() if line.startswith("Acquire::http") and "proxy" in line.lower()]


def bootstrap(release, tar, *options, under=(), **how):
    """Makes the tar of a bare root. `under` is a command that mmdebstrap runs under."""
    run(*under, "mmdebstrap", "--variant=minbase", "--format=tar", *proxy_options(), *options, release, tar,
        f"deb [signed-by={KEYRING}] {mirror()} {release} main" if os.path.exists(KEYRING) else f"deb {mirror()} {release} main", **how)


def machine_mtu():
    """The smallest of the machine's ways out: what containers and other roots send must pass there."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        routes = json.loads(subprocess.run(["ip", "-j", "route", "show", "default"], capture_output=True).stdout or "[]")
        sizes = []
        for route in routes:
            with open(f"/sys/class/net/{route['dev']}/mtu") as f:
                sizes.append(int(f.read()))
        return min(sizes)
    return 1500
