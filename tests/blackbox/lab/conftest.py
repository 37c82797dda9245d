"""Fixtures of the tests of what backtestd computes from files. They need no database."""
import csv
import json
import types

import pytest
from support import daemon as daemons
from support.lab import made_up


@pytest.fixture
def run(backtestd):
    """run(words…): the program to its end."""
    return lambda *words, **kwargs: daemons.run(backtestd, *(str(word) for word in words), **kwargs)


@pytest.fixture
def files(tmp_path):
    """files.candles(rows), files.json(name, value), files.text(name, text): each makes a file, and is its path."""
    def text(name, content):
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    def candles(rows, name="candles.csv"):
        lines = ["time,open,high,low,close,volume"]
        lines += [",".join(str(cell) for cell in row) for row in rows]
        return text(name, "\n".join(lines) + "\n")

    return types.SimpleNamespace(text=text, candles=candles, made_up=made_up, folder=tmp_path,
                                 json=lambda name, value: text(name, json.dumps(value)))


@pytest.fixture
def read_csv():
    def read(path):
        with open(path, newline="", encoding="utf-8") as f:
            return list(csv.DictReader(f))

    return read
