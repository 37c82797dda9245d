"""The OpenAPI document as a judge: whether an answer is one that it allows for the request.

The document is what `stratslabd openapi` prints. Schemas are read strictly: formats are looked at, and an object of an answer has
no members but those that are described, though a client must be ready for more."""
import copy
import functools
import json
import os
import re
import urllib.parse
from datetime import datetime

from jsonschema import Draft202012Validator, FormatChecker

# Of HTTP itself, of every answer of ours, and of pages: the document need not name them.
COMMON_FIELDS = {"date", "content-type", "content-length", "content-encoding", "connection", "vary", "x-content-type-options",
                 "content-security-policy", "referrer-policy"}
# What can be said before it is known which operation is meant, or that there is none.
EARLY = {400, 401, 403, 408, 413, 414, 417, 421, 431, 501, 503, 505}
DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

formats = FormatChecker(formats=())


@formats.checks("uuid")
def is_uuid(value):
    return not isinstance(value, str) or re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value) is not None


@formats.checks("date-time")
def is_date_time(value):
    if not isinstance(value, str):
        return True
    found = DATE_TIME.fullmatch(value)
    if found is None:
        return False
    try:
        datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return False
    return True


@formats.checks("int64")
def is_int64(value):
    return not isinstance(value, int) or -(1 << 63) <= value < 1 << 63


@formats.checks("uri-reference")
def is_uri_reference(value):
    return not isinstance(value, str) or re.fullmatch(r"[!#-;=?-\[\]_a-z~%]*", value) is not None


def resolve(document, node):
    """The node with every $ref replaced by what it names, and patterns as Python's re has them ("$" is the very end)."""
    if isinstance(node, list):
        return [resolve(document, one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        return resolve(document, target)
    made = {name: resolve(document, one) for name, one in node.items()}
    if isinstance(made.get("pattern"), str):
        made["pattern"] = re.sub(r"\$$", r"\\Z", made["pattern"])
    return made


def close(schema):
    """Objects without members that are not described, all the way down."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
            for one in schema["properties"].values():
                close(one)
        if "items" in schema:
            close(schema["items"])
    return schema


def validator(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=formats)


def described(schema, value):
    """What is wrong with a value, in words; empty where nothing is."""
    return [f"{error.json_path}: {error.message[:300]}" for error in schema.iter_errors(value)]


class Answer:
    """One status of an operation."""

    def __init__(self, declared):
        self.fields = {name.lower(): (one.get("required", False), validator(one["schema"]))
                       for name, one in declared.get("headers", {}).items()}
        self.contents = {kind: validator(close(copy.deepcopy(one["schema"]))) for kind, one in declared.get("content", {}).items()}


class Operation:
    def __init__(self, method, path, declared):
        self.method, self.path, self.declared = method, path, declared
        self.id = declared["operationId"]
        self.parameters = declared.get("parameters", [])
        self.body = declared.get("requestBody")
        self.contents = {kind for one in declared["responses"].values() for kind in one.get("content", {})}
        self.answers = {int(status): Answer(one) for status, one in declared["responses"].items()}


class Contract:
    def __init__(self, document):
        self.document = document
        whole = resolve(document, document["paths"])
        self.paths = {path: {method.upper(): Operation(method.upper(), path, one) for method, one in item.items()}
                      for path, item in whole.items()}
        self.problem = validator(close(resolve(document, document["components"]["schemas"]["Problem"])))

    def operations(self):
        return [operation for item in self.paths.values() for operation in item.values()]

    def operations_at(self, target):
        """Those of the path, by method; None where the document has no such path. What is written out goes before a parameter."""
        path = urllib.parse.urlsplit(target).path if target.startswith("http") else target.partition("?")[0]
        segments = [urllib.parse.unquote(one) for one in path.split("/")]

        def fits(template):
            parts = template.split("/")
            return len(parts) == len(segments) and all(
                segment != "" if part.startswith("{") else part == segment for part, segment in zip(parts, segments, strict=True))

        found = [template for template in self.paths if fits(template)]
        return self.paths[min(found, key=lambda template: template.count("{"))] if found else None

    # -- judging --

    def check(self, method, target, status, fields, body):
        """AssertionError where the document does not allow this answer to this request. `fields` have names in any case."""
        wrong = self.faults(method, target, status, {name.lower(): value for name, value in fields.items()}, body)
        assert not wrong, f"{method} {target} was answered {status}, which the OpenAPI document does not allow: {'; '.join(wrong)}"

    def faults(self, method, target, status, fields, body):
        operations = self.operations_at(target)
        if operations is None or method not in operations and not (method == "HEAD" and "GET" in operations):
            if operations is None and self.leads_on(target, fields):
                return []
            return self.faults_of_none(method, operations, status, fields, body)
        operation = operations.get(method) or operations["GET"]
        if method == "OPTIONS" and status == 204:
            return []
        answer = operation.answers.get(status)
        if answer is None:
            return [f"{operation.id} has no such status"]
        return self.faults_of_fields(answer, fields) + self.faults_of_content(answer, fields, body, method == "HEAD")

    def leads_on(self, target, fields):
        """The page for people, with a slash behind its path: the document does not have that one, and may show where it leads."""
        path = target.partition("?")[0]
        page = self.operations_at(path.removesuffix("/")) if path.endswith("/") else None
        return bool(page) and page.get("GET") is not None and page["GET"].id == "getDocs" and (
            "location" not in fields or fields["location"].partition("?")[0] == path.removesuffix("/"))

    def faults_of_none(self, method, operations, status, fields, body):
        """There is no such operation: 404, or 405 and the answer to OPTIONS with Allow, or what is said before that is known."""
        if operations is None:
            allowed = {404, 400} | EARLY
        elif method == "OPTIONS":
            allowed = {204} | EARLY
        else:
            allowed = {405} | EARLY
        if operations is not None and status in (204, 405):
            has = set(operations) | {"OPTIONS"} | ({"HEAD"} if "GET" in operations else set())
            if set(fields.get("allow", "").split(", ")) != has and "access-control-allow-methods" not in fields:
                return [f"Allow is {fields.get('allow')!r}, but the document has {sorted(has)}"]
        if target_is_star(method, status, operations):
            return []
        if status not in allowed:
            return ["it has no such operation" if operations is not None else "it has no such path"]
        if status >= 400 and method != "HEAD":
            return self.faults_of_problem(fields, body)
        return []

    def faults_of_problem(self, fields, body):
        if fields.get("content-type") != "application/problem+json":
            return [f"the problem's Content-Type is {fields.get('content-type')}"]
        return described(self.problem, json.loads(body))

    def faults_of_fields(self, answer, fields):
        wrong = []
        for name, (required, schema) in answer.fields.items():
            if name not in fields:
                wrong += [f"{name} is missing"] if required else []
            else:
                value = int(fields[name]) if schema.schema.get("type") == "integer" else fields[name]
                wrong += [f"{name} {said}" for said in described(schema, value)]
        for name in fields.keys() - answer.fields.keys() - COMMON_FIELDS:
            if not name.startswith("access-control-"):
                wrong.append(f"{name} is not a field of this answer")
        return wrong

    def faults_of_content(self, answer, fields, body, is_head):
        kind = fields.get("content-type")
        if not answer.contents:
            return [] if kind is None and body == b"" else [f"it has content ({kind})"]
        if kind is None or kind.partition(";")[0] not in answer.contents and "*/*" not in answer.contents:
            return [f"Content-Type is {kind}, not {' or '.join(answer.contents)}"]
        if is_head or not kind.endswith("json") or "content-encoding" in fields:
            return []
        try:
            value = json.loads(body)
        except ValueError as e:
            return [f"the content is not JSON: {e}"]
        return described(answer.contents[kind.partition(";")[0]], value)


def target_is_star(method, status, operations):
    return method == "OPTIONS" and status == 204 and operations is None


# ---- The document of the program under test ----

PATHS = ("openapi_url", "docs_url")  # the settings that change it


@functools.cache
def printed(paths):
    from . import daemon

    program = os.path.abspath(os.environ["STRATSLABD"])
    done = daemon.run(program, "openapi", **{name: value for name, value in paths if value is not None})
    assert done.returncode == 0, done.stderr
    return Contract(json.loads(done.stdout))


def of(settings=None):
    """The contract of a daemon with these settings."""
    settings = settings or {}
    return printed(tuple((name, settings.get(name)) for name in PATHS))
