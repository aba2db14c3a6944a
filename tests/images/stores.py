"""What tests of stores of decoded images share."""

import numpy as np
from click.testing import CliRunner

from fusedlogit.command_line import cli
from fusedlogit.photographs import decoding
from fusedlogit.photographs.loading import load_images

RAW = ["--size", "4", "--max-iter", "20", "--features", "raw"]


def load(source, place=None, **options):
    return load_images(source, size=4, store=place, n_threads=1, **options)


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def assert_same(stored, memory):
    np.testing.assert_array_equal(stored.pixels, memory.pixels)
    for field in ("files", "bounds", "skipped", "duplicates", "size"):
        assert getattr(stored, field) == getattr(memory, field)


def counted_decoding(monkeypatch, *, stop_before=None):
    """Let the names of images that are decoded be listed, and Ctrl-C come before one of them."""
    names, decode = [], decoding.decode_into

    def listed(row, content, name, size):
        if len(names) == stop_before:
            raise KeyboardInterrupt
        names.append(name)
        decode(row, content, name, size)

    monkeypatch.setattr(decoding, "decode_into", listed)
    return names
