"""The stack as its users start it: up, down, data, settings, ports."""
import json
import os
import re
import socket

import pytest
from runner.checkout import TOP, copy_checkout
from support.stack import Stack, docker, inspect, wait_until

MIGRATIONS = sorted(re.match(r"\d+", name).group() for name in os.listdir(os.path.join(TOP, "sql/migrations"))
                    if name.endswith(".sql"))


def assert_docs(stack):
    """/docs with Swagger UI, and the page for people: each, and the files that it names."""
    for path, folder, named in (("/docs", "/docs/", "swagger-ui-bundle.js?v="), ("/", "/ui/", "/lightweight-charts.js")):
        page = stack.request("GET", path, headers={"Accept": "text/html"}).text
        files = re.findall(rf'(?:src|href)="({folder}[^"]+)"', page)
        assert any(named in address for address in files), page
        for address in files:
            assert stack.get(address).status == 200


TEXT = "Größe 漢字 😀"  # beyond ASCII, of two to four bytes a character


def assert_keeps_text(stack, token=None):
    """Text beyond ASCII comes back as it went, raw and escaped: what judges it is the image's own libraries."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    for is_escaped in (False, True):
        text = {"name": f"{TEXT} {is_escaped}", "description": TEXT, "parameters": {TEXT: [TEXT]}}
        body = json.dumps({"kind": "sma", **text}, ensure_ascii=is_escaped).encode()
        made = stack.request("POST", "/api/v1/strategies", body, headers)
        assert made.status == 201, made.text
        read = stack.request("GET", made.headers["Location"], headers=headers)
        assert read.status == 200 and {key: read.json()[key] for key in text} == text, read.text


def test_compose_files_are_valid(stack):
    stack.run("config", "-q")
    stack.run("-f", "docker-compose.prod.yml", "config", "-q")
    stack.run("--env-file", ".env.docker.example", "config", "-q")


def test_example_environment_is_the_default(stack):
    """What .env.docker.example shows are the defaults, and it names every variable that the compose files ask for."""
    stack.settings = {}
    bare = stack.run("config").stdout
    os.rename(os.path.join(stack.folder, ".env.docker.example"), os.path.join(stack.folder, ".env"))
    example = stack.run("config").stdout
    folder = os.path.basename(stack.folder)  # Compose 2 takes the folder for the project's name where none is given
    assert re.sub(r"\bstratslab_", f"{folder}_", example).replace("name: stratslab\n", f"name: {folder}\n") == \
        re.sub(r"\bstratslab_", f"{folder}_", bare)
    with open(os.path.join(stack.folder, ".env")) as f:
        documented = set(re.findall(r"^([A-Z_]+)=", f.read(), re.MULTILINE))
    used = set()
    for name in ("docker-compose.yml", "docker-compose.prod.yml"):
        with open(os.path.join(stack.folder, name)) as f:
            used |= set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", f.read()))
    assert used - documented == set()
    assert documented - used == {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}


def test_up_from_nothing(stack):
    """No .env, no volume: both services get healthy, the schema is there, and everybody finds everybody."""
    stack.start()
    answer = stack.get("/health")
    assert answer.status == 200 and '"status":"ok"' in answer.text
    # Migrations ran.
    assert stack.run("exec", "-T", "api", "stratslabd", "migrate", "current").stdout.strip() == MIGRATIONS[-1]
    assert stack.sql("SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations") == " ".join(MIGRATIONS)
    # The names of networks and volumes come from the project's.
    assert docker("network", "inspect", f"{stack.project}_default").returncode == 0
    assert docker("volume", "inspect", f"{stack.project}_postgres_data").returncode == 0
    # The api reaches postgres by its name, and itself.
    assert "postgres" in stack.exec("getent", "hosts", "postgres").stdout
    stack.exec("pg_isready", "-h", "postgres")
    assert '"status":"ok"' in stack.run("exec", "-T", "api", "curl", "-s", "http://localhost:8000/health").stdout
    stack.run("exec", "-T", "postgres", "pg_isready")
    assert "serving" in stack.run("logs", "--tail=50", "api").stdout
    assert stack.exec("stratslabd", "health").returncode == 0
    assert_keeps_text(stack)
    assert_docs(stack)
    # Published for this machine only.
    for service in ("api", "postgres"):
        bindings = json.loads(inspect(stack.container(service), "{{json .HostConfig.PortBindings}}"))
        assert {b["HostIp"] for each in bindings.values() for b in each} == {"127.0.0.1"}
    with socket.create_connection(("127.0.0.1", stack.db_port), timeout=5):
        pass
    # Locked down.
    api = stack.container()
    assert inspect(api, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}") == "true [ALL] [no-new-privileges:true]"
    caps = stack.exec("cat", "/proc/1/status").stdout
    assert re.search(r"CapEff:\s+0+\n", caps) and re.search(r"NoNewPrivs:\s+1\n", caps)
    assert stack.exec("touch", "/src/left", check=False).returncode != 0


def test_data_survives_down_but_not_down_v(stack):
    stack.start()
    assert stack.create(TEXT).status == 201
    stack.down()
    stack.up()
    stack.wait_healthy()
    assert [item["name"] for item in stack.get("/api/v1/strategies").json()["items"]] == [TEXT]
    stack.down("-v")
    assert docker("volume", "inspect", f"{stack.project}_postgres_data", check=False).returncode != 0
    stack.start()
    assert stack.get("/api/v1/strategies").json()["items"] == []


def test_env_file_overrides(stack):
    with open(os.path.join(stack.folder, ".env"), "w") as f:
        f.write("POSTGRES_PASSWORD=p@ss:w/rd %41#x\nPOSTGRES_DB=other\nSTRATSLAB_LOG_FORMAT=json\nSTRATSLAB_WORKERS=1\n")
    stack.start()
    assert stack.get("/health").status == 200
    status = json.loads(stack.exec("stratslabd", "status", "--json").stdout)
    assert len(status["workers"]) == 1
    assert '"msg":"serving"' in stack.logs()
    assert "p@ss" not in stack.logs()


@pytest.mark.parametrize("settings, words", [
    ({"STRATSLAB_WORKERS": "many"}, ["STRATSLAB_WORKERS", "many"]),
    ({"STACK_DATABASE_URL": "mysql://nobody@nowhere/x"}, ["DATABASE_URL"]),
    ({"STRATSLAB_LOG_FORMAT": "xml", "STRATSLAB_LOG_LEVEL": "loud"}, ["STRATSLAB_LOG_FORMAT", "STRATSLAB_LOG_LEVEL"]),
], ids=["workers", "url", "two"])
def test_invalid_variables_are_named(one_stack, settings, words):
    one_stack.up(**settings)
    api = one_stack.container()
    wait_until(lambda: inspect(api, "{{.State.Status}}") == "exited", 180, "the service to end")
    assert inspect(api, "{{.State.ExitCode}}") == "78"
    log = one_stack.logs()
    for word in words:
        assert word in log


def test_missing_password_of_production_is_said(one_stack):
    """The production file has no default for its secret: the run says which file it wants."""
    done = one_stack.run("-f", "docker-compose.prod.yml", "up", "-d", "--no-build", check=False, API_IMAGE="stratslab-api:test")
    assert done.returncode != 0
    assert "postgres_password" in done.stdout + done.stderr


def test_port_in_use_is_named(stack):
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", stack.port))
        holder.listen()
        done = stack.up(check=False)
    assert done.returncode != 0
    assert str(stack.port) in done.stdout + done.stderr


def test_wrong_password_on_a_kept_volume_gets_a_hint(one_stack):
    one_stack.start()
    one_stack.down()
    done = one_stack.up(check=False, POSTGRES_PASSWORD="another")
    assert done.returncode != 0
    assert inspect(one_stack.container("roles"), "{{.State.ExitCode}}") == "69"
    assert re.search(r"volume[^.]*password", one_stack.logs("roles").replace("\n", " "))


# What a shell may hold for other programs, so that they find their database; and what would open the API.
HOSTILE = {"DATABASE_URL": "postgresql://shop:shop@shop.example/shop", "POSTGRES_HOST": "shop.example", "POSTGRES_PORT": "1",
           "MIGRATE_DATABASE_URL": "postgresql://shop:shop@shop.example/shop", "POSTGRES_PASSWORD_FILE": "/shop", "STRATSLAB_LISTEN": "*:1",
           "STRATSLAB_MIGRATIONS_DIR": "/shop", "PGHOST": "shop.example", "PGUSER": "shop", "PGPASSWORD": "shop", "PGDATABASE": "shop"}
PINNED = {"STRATSLAB_AUTH": "off", "STRATSLAB_ENVIRONMENT": "development"}  # in the production file


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.prod.yml"])
@pytest.mark.parametrize("place", ["shell", ".env"])
def test_other_programs_variables_stay_out(stack, file, place):
    """With the shell of another project, or its .env, the stack is the same as without."""
    plain = stack.run("-f", file, "config").stdout
    hostile = HOSTILE | (PINNED if "prod" in file else {})
    if place == ".env":
        with open(os.path.join(stack.folder, ".env"), "w") as f:
            f.writelines(f"{name}={value}\n" for name, value in hostile.items())
        assert stack.run("-f", file, "config").stdout == plain
    else:
        assert stack.run("-f", file, "config", **hostile).stdout == plain
    assert "shop" not in plain


def own_tables(stack):
    return stack.sql("SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ' ') FROM pg_class "
                     "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')")


def assert_three_roles(stack):
    """The API's sessions are of a role that is neither superuser nor owner, and has no way to the passwords of those."""
    wait_until(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stratslabd%'") != "0", 60,
               "the API's sessions")
    assert stack.sql("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE application_name LIKE 'stratslabd%'") == \
        "stratslab_api"
    assert own_tables(stack) == "stratslab_owner"
    assert stack.sql("SELECT string_agg(DISTINCT pg_get_userbyid(proowner), ' ') FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace "
                     "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')") == "stratslab_owner"
    assert stack.sql("SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname LIKE 'stratslab%' "
                     "AND rolname <> 'stratslab' AND (rolsuper OR rolcreaterole OR rolcreatedb)") == ""
    check = stack.exec("stratslabd", "check").stdout
    assert "requests are served as stratslab_api, which may neither change tables nor make tokens" in check, check
    assert "rights: ok" in check, check
    assert "may change everything" not in stack.logs()


def test_three_roles(one_stack):
    one_stack.start()
    assert_three_roles(one_stack)


def test_a_volume_of_one_role_gets_three(one_stack):
    """In a stack of earlier versions the superuser was everything. Its volume is taken over as it is, with its data."""
    with open(os.path.join(one_stack.folder, "docker-compose.yml")) as f:
        new = f.read()
    old = new.replace("POSTGRES_USER: stratslab_api", "POSTGRES_USER: stratslab").replace(
        "POSTGRES_PASSWORD_FILE: /run/stratslab/api_password", "POSTGRES_PASSWORD: stratslab")
    old = re.sub(r"(?m)^      MIGRATE_.*\n", "", old)
    old = old.replace("      roles:\n        condition: service_completed_successfully\n", "").replace(
        '    entrypoint: ["sh", "/stratslab/roles"]', '    entrypoint: ["true"]')
    with open(os.path.join(one_stack.folder, "docker-compose.yml"), "w") as f:
        f.write(old)
    one_stack.start()
    assert own_tables(one_stack) == "stratslab"
    assert one_stack.create("kept").status == 201
    # It works on as it did, and says what is wrong with it.
    assert "requests are served as stratslab, which is a superuser" in one_stack.logs()
    with open(os.path.join(one_stack.folder, "docker-compose.yml"), "w") as f:
        f.write(new)
    one_stack.up()
    one_stack.wait_healthy()
    assert_three_roles(one_stack)
    assert [item["name"] for item in one_stack.get("/api/v1/strategies").json()["items"]] == ["kept"]
    assert one_stack.create("new").status == 201


def test_three_at_once_migrate_once(one_stack):
    first = one_stack.port
    one_stack.settings["API_PORT"] = f"{first}-{first + 2}"
    one_stack.up("--scale", "api=3")
    containers = one_stack.containers()
    assert len(containers) == 3
    for container in containers:
        wait_until(lambda c=container: inspect(c, "{{.State.Health.Status}}") == "healthy", 180, "all to be healthy")
    for port in range(first, first + 3):
        assert one_stack.get("/health", port=port).status == 200
    log = one_stack.logs()
    for version in MIGRATIONS:
        assert len(re.findall(rf'what="applied [^"]*{version}', log)) == 1


@pytest.mark.parametrize("end", ["\r\n", "\r\n\r\n", "\n\n", ""], ids=["windows", "windows-two", "two", "none"])
def test_line_ends_of_the_password_file(one_stack, images, end):
    """Whatever the file ends with, the database and all that log in to it read the same."""
    write_secret(one_stack, f"s3cret{end}")
    one_stack.settings.update(COMPOSE_FILE="docker-compose.prod.yml", API_IMAGE=images["runtime"])
    one_stack.up("--no-build")
    one_stack.wait_healthy()
    assert '"status":"ok"' in one_stack.get("/health").text
    assert_three_roles(one_stack)
    # Over the network, where the password is asked for.
    asked = one_stack.exec("sh", "-c", 'PGPASSWORD=s3cret psql -XAtqw -h "$(hostname)" -U stratslab -d stratslab -c "SELECT 6 * 7"',
                           service="postgres")
    assert asked.stdout.strip() == "42"


def write_secret(stack, text):
    folder = os.path.join(stack.folder, "secrets")
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, "postgres_password"), "w", newline="") as f:
        f.write(text)
    os.chmod(f.name, 0o644)


def test_production_file(stack, images):
    """The runtime image: secrets from files, limits, no mounts of the source, no published database, tokens asked for."""
    write_secret(stack, "s3cret\n")
    stack.settings.update(COMPOSE_FILE="docker-compose.prod.yml", API_IMAGE=images["runtime"])
    stack.up("--no-build")
    stack.wait_healthy()
    assert '"status":"ok"' in stack.get("/health").text
    api, postgres = stack.container("api"), stack.container("postgres")
    assert inspect(postgres, "{{json .HostConfig.PortBindings}}") in ("{}", "null")
    mounts = json.loads(inspect(api, "{{json .Mounts}}"))
    assert [m["Destination"] for m in mounts if m["Type"] == "bind"] == []
    assert stack.exec("ls", "/run/secrets", check=False).returncode != 0, "the API can see the superuser's password"
    assert int(inspect(api, "{{.HostConfig.Memory}}")) == 256 * 1024 * 1024
    assert inspect(api, "{{.HostConfig.RestartPolicy.Name}}") == "unless-stopped"
    assert inspect(api, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}") == "true [ALL]"
    for container in (api, postgres):
        assert "s3cret" not in inspect(container, "{{json .Config.Env}}")
    assert stack.create("in production").status == 401
    token = stack.exec("stratslabd", "token", "create", "tests", "--scope=read", "--scope=write").stdout.strip()
    wait_until(lambda: stack.create("in production", token=token).status == 201, 20, "the token to be known")
    assert_keeps_text(stack, token)
    assert_docs(stack)
    stack.run("restart", "postgres")
    stack.wait_status(200)
