"""Base images that cannot be pulled are replaced by ones made of Debian packages, under the same names. And Compose v2."""
import glob
import os
import shutil
import subprocess
import tempfile

from runner.debian import CERTIFICATES_THERE, KEYRING, TRUST_OPTION, TRUST_VARIABLE, bootstrap, install, mirror, run

HERE = os.path.dirname(os.path.abspath(__file__))
LABEL = "net.stratslab.stand-in"
DEBIAN = "debian:trixie-slim"
POSTGRES = "postgres:15-alpine"


def make_debian(scratch):
    tar = os.path.join(scratch, "debian.tar")
    bootstrap("trixie", tar, "--dpkgopt=force-unsafe-io", TRUST_OPTION)
    run("docker", "import", "--change", 'CMD ["bash"]', "--change", f"LABEL {LABEL}=1",
        "--change", f"ENV {TRUST_VARIABLE}", tar, DEBIAN)


def make_postgres(scratch):
    """Debian 12's PostgreSQL 15, behind the official image's environment variables."""
    tar = os.path.join(scratch, "postgres.tar")
    no_cluster = 'mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"'
    bootstrap("bookworm", tar, "--include=postgresql-15", f"--essential-hook={no_cluster}")
    run("docker", "import", tar, "stratslab-stand-in:postgres-base")
    context = os.path.join(scratch, "postgres")
    os.mkdir(context)
    for name in ("Dockerfile", "postgres-entrypoint"):
        shutil.copy(os.path.join(HERE, "..", "standins", name), context)
    run("docker", "build", "-t", POSTGRES, context, env={**os.environ, "DOCKER_BUILDKIT": "0"})


def present(image):
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def is_standin(image):
    return run("docker", "image", "inspect", "-f", f'{{{{index .Config.Labels "{LABEL}"}}}}', image) == "1"


def is_outdated(image):
    """A stand-in that an engine has kept from before it was made as it is now."""
    return image == DEBIAN and is_standin(image) and CERTIFICATES_THERE not in run("docker", "image", "inspect", "-f", "{{.Config.Env}}", image)


def provide():
    """Each base image, pulled or made; returns a line for each that says which."""
    lines = []
    for image, make in ((DEBIAN, make_debian), (POSTGRES, make_postgres)):
        if (not present(image) or is_outdated(image)) and subprocess.run(["docker", "pull", "-q", image], capture_output=True).returncode != 0:
            install(["mmdebstrap"])
            scratch = tempfile.mkdtemp(prefix="stratslab-stand-in.", dir="/var/tmp")
            try:
                make(scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        lines.append(f"{image}: {'a STAND-IN of Debian packages' if is_standin(image) else 'the official image'}")
    return lines


def provide_compose_v2(folder):
    """Makes `docker compose` work for this run where it does not: Debian 13's plugin runs anywhere."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return
    plugins = os.path.join(folder, "config", "cli-plugins")
    os.makedirs(plugins)
    os.environ["DOCKER_CONFIG"] = os.path.join(folder, "config")
    apt = os.path.join(folder, "apt")
    for name in ("lists/partial", "cache/archives/partial", "sources.d", "debs"):
        os.makedirs(os.path.join(apt, name))
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)  # for the user _apt
    with open(f"{apt}/sources.d/debian13.sources", "w") as f:
        f.write(f"Types: deb\nURIs: {mirror()}\nSuites: trixie\nComponents: main\nSigned-By: {KEYRING}\n")
    with open(f"{apt}/apt.conf", "w") as f:
        f.write(f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{apt}/sources.d";\nDir::State::lists "{apt}/lists";\n'
                f'Dir::Cache "{apt}/cache";\nAcquire::Languages "none";\n')
    env = {**os.environ, "APT_CONFIG": f"{apt}/apt.conf"}
    run("apt-get", "-q", "update", env=env)
    run("apt-get", "-q", "download", "docker-compose", env=env, cwd=f"{apt}/debs")
    run("dpkg-deb", "-x", *glob.glob(f"{apt}/debs/*.deb"), f"{apt}/x")
    shutil.copy(f"{apt}/x/usr/libexec/docker/cli-plugins/docker-compose", plugins)
    run("docker", "compose", "version")
