"""Writes the manifest of each package anew, as docs/src/format.md describes it, and compares the bytes."""

import decimal
import json
import sys
import zipfile

MAPS = {"metrics", "tolerances"}


def number(value):
    shortest = repr(value)
    if 1e-5 <= abs(value) < 1e-4:
        return format(decimal.Decimal(shortest), "f")
    mantissa, mark, exponent = shortest.partition("e")
    return mantissa + mark + exponent[:1] + exponent[1:].lstrip("0")


def joined(parts, opening, closing, indent):
    if not parts:
        return opening + closing
    line = "\n" + "  " * indent
    return opening + ",".join(line + "  " + part for part in parts) + line + closing


def text(value, indent=0, name=None):
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode()) if name in MAPS else value
        members = [json.dumps(name, ensure_ascii=False) + ": " + text(value[name], indent + 1, name) for name in names]
        return joined(members, "{", "}", indent)
    if isinstance(value, list):
        return joined([text(element, indent + 1) for element in value], "[", "]", indent)
    return number(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


for file in sys.argv[1:]:
    manifest = zipfile.ZipFile(file).read("briq.json")
    assert (text(json.loads(manifest)) + "\n").encode() == manifest, file
    print(file)
