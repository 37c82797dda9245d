"""Values and requests made from the schemas of an OpenAPI document (contract.py): fit ones, odd ones, and which is which."""
import re
import string
import uuid
from datetime import datetime, timedelta

from . import contract

try:
    from re import _constants as sre
    from re import _parser as parser
except ImportError:  # before Python 3.11
    import sre_constants as sre
    import sre_parse as parser

TRIES = 200
LETTERS = string.ascii_letters + string.digits + " _-%\\\"'/<>&é漢\u2028\U0001f600"


def type_of(schema):
    kinds = schema.get("type", "object" if "properties" in schema else None)
    return kinds if isinstance(kinds, list) else [kinds]


class Values:
    def __init__(self, random):
        self.r = random
        self.validators = {}

    def chance(self, probability):
        return self.r.random() < probability

    def fits(self, schema, value):
        if id(schema) not in self.validators:
            self.validators[id(schema)] = (schema, contract.validator(schema))
        return self.validators[id(schema)][1].is_valid(value)

    # -- fit ones --

    def fit(self, schema):
        """A value that the schema allows."""
        for _ in range(TRIES):
            value = self._try(schema)
            if self.fits(schema, value):
                return value
        raise AssertionError(f"no value was found for {schema}")

    def _try(self, schema):
        if "enum" in schema:
            return self.r.choice(schema["enum"])
        if "anyOf" in schema:
            return self.fit(self.r.choice(schema["anyOf"]))
        kind = self.r.choice(type_of(schema))
        return {"string": self._text, "integer": self._integer, "number": self._number, "object": self._object,
                "boolean": lambda _: self.chance(0.5), "null": lambda _: None}[kind](schema)

    def _text(self, schema):
        if schema.get("format") == "uuid":
            text = str(uuid.UUID(int=self.r.getrandbits(128)))
            return self.r.choice([text, text, text.upper()])
        if schema.get("format") == "date-time":
            return self.time(1, 9998)
        least, most = schema.get("minLength", 0), schema.get("maxLength", 30)
        if "pattern" in schema:
            return self._match(parser.parse(schema["pattern"]), most)
        length = self.r.choice([least, most, self.r.randint(least, min(most, 40))])
        return "".join(self.r.choice(LETTERS) for _ in range(length))

    def time(self, first, last):
        moment = datetime(self.r.randint(first, last), 1, 2) + timedelta(seconds=self.r.randrange(360 * 86400))
        fraction = self.r.choice(["", "." + "".join(self.r.choice(string.digits) for _ in range(self.r.randint(1, 9)))])
        zone = self.r.choice(["Z", "z", "+00:00", "-00:00", "+05:30", "-11:59"])
        return moment.isoformat(self.r.choice("Tt")) + fraction + zone

    def _match(self, pattern, most):
        """A text that a regular expression matches, but for what it looks ahead to."""
        out = ""
        for kind, what in pattern:
            if kind is sre.LITERAL:
                out += chr(what)
            elif kind is sre.IN:
                out += self._one_of(what)
            elif kind is sre.ANY:
                out += self.r.choice(string.ascii_letters)
            elif kind is sre.BRANCH:
                out += self._match(self.r.choice(what[1]), most)
            elif kind is sre.SUBPATTERN:
                out += self._match(what[3], most)
            elif kind is sre.MAX_REPEAT:
                least, top, inner = what
                room = max(least, min(int(top), most - len(out), self.r.choice([1, 3, 12, most])))
                times = self.r.choice([room, self.r.randint(least, room)])
                out += "".join(self._match(inner, most) for _ in range(times))
            elif kind not in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
                raise AssertionError(f"{kind} in a pattern")
        return out

    def _one_of(self, ranges):
        kind, what = self.r.choice(ranges)
        return chr(what if kind is sre.LITERAL else self.r.randint(*what))

    def _integer(self, schema):
        least, most = schema.get("minimum", -(1 << 63)), schema.get("maximum", (1 << 63) - 1)
        return self.r.choice([least, most, self.r.randint(least, most), self.r.randint(least, min(most, least + 10))])

    def _number(self, schema):
        least, most = schema.get("minimum", schema.get("exclusiveMinimum", -1e9)), schema.get("maximum", 1e9)
        return self.r.choice([least, most, self.r.uniform(least, most), self.r.randint(int(least), int(most)), 0.1, 12.50, 1e-7])

    def _object(self, schema):
        if "properties" not in schema:
            return {self.r.choice("abc"): self._any(2) for _ in range(self.r.randrange(3))}
        required = schema.get("required", [])
        return {name: self.fit(one) for name, one in schema["properties"].items() if name in required or self.chance(0.4)}

    def _any(self, depth):
        plain = [None, True, 0, -7, 1.5, "", "text", "é", 1e300]
        if depth == 0 or self.chance(0.7):
            return self.r.choice(plain)
        return self.r.choice([[self._any(depth - 1)], {"x": self._any(depth - 1)}])

    # -- odd ones --

    def odd(self, schema):
        """A value that is mostly not what the schema allows; fits() says whether."""
        most, least = schema.get("maxLength", 30), schema.get("minLength", 0)
        near = [None, True, 7, -1, 0, 1.5, 1 << 63, "", "x", "A b", "é", [], {}, [{}], "x" * (most + 1), "\U0001f600" * (most + 1),
                "0", "-1", "1e5", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z", "0000-01-01T00:00:00Z",
                "2024-01-01T00:00:00+16:00", str(uuid.UUID(int=0))[:-1], str(uuid.UUID(int=0)) + "0"]
        if least > 0:
            near.append("x" * (least - 1))
        for bound in ("minimum", "exclusiveMinimum"):
            if bound in schema:
                near.append(schema[bound] - 1)
        if "maximum" in schema:
            near.append(schema["maximum"] + 1)
        fit = self.fit(schema)
        if isinstance(fit, str):
            near += [fit + "\n", " " + fit, fit + "!", fit.swapcase()]
        return self.r.choice(near)

    def body(self, schema, members):
        """A body, and the pointers of what the schema has against it. `members` knows better values for some names."""
        if self.chance(0.02):
            return self.r.choice([[], "text", 1, True, None]), {""}
        body, wrong = {}, set()
        for name, one in schema["properties"].items():
            required = name in schema.get("required", [])
            if not self.chance(0.97 if required else 0.4):
                wrong |= {f"/{name}"} if required else set()
                continue
            body[name] = self.value(one, members.get(name))
            if not self.fits(one, body[name]):
                wrong.add(f"/{name}")
        if self.chance(0.05):
            name = self.r.choice(["colour", "id", "Name", "created_at"])
            if name not in schema["properties"]:
                body[name] = 1
                wrong.add(f"/{name}")
        return body, wrong

    def value(self, schema, better):
        if self.chance(0.06):
            return self.odd(schema)
        return better() if better is not None else self.fit(schema)

    def text(self, schema, better):
        """A parameter as it is written, and whether that is what the schema allows."""
        if self.chance(0.06):
            text = self.r.choice(["", "x", "0", "-1", "01", "+1", "1.0", "1e1", "9" * 19, "9" * 30, " 1", "null", "A b", '"', "*x", "W/1",
                                  "x" * (schema.get("maxLength", 30) + 1), "é", str(uuid.UUID(int=7))[1:]])
        else:
            value = better() if better is not None else self.fit(schema)
            text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        return text, self.text_fits(schema, text)

    def text_fits(self, schema, text):
        if "boolean" in type_of(schema):
            return text in ("true", "false")
        if "integer" not in type_of(schema):
            return self.fits(schema, text)
        return re.fullmatch(r"-?(0|[1-9]\d*)", text, re.ASCII) is not None and self.fits(schema, int(text))
