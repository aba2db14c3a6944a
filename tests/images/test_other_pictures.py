"""Two folders of pictures of any names, sizes and formats are trained on as they are."""

import json

import numpy as np
from click.testing import CliRunner
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image

from fusedlogit.command_line import cli

FORMATS = (
    ("RGB", "JPEG", "JPG"),
    ("L", "JPEG", "jpeg"),
    ("RGBA", "PNG", "png"),
    ("P", "GIF", "gif"),
    ("RGB", "WEBP", "webp"),
    ("CMYK", "TIFF", "tif"),
)
COUNT = 36


def crop(number):
    """A piece of a photograph, no two alike."""
    generator = np.random.default_rng([1, number])
    photograph = Image.fromarray(load_sample_image(("china.jpg", "flower.jpg")[number % 2]))
    width, height = (int(side) for side in generator.integers(80, 300, 2))
    left, top = (
        generator.integers(photograph.width - width),
        generator.integers(photograph.height - height),
    )
    return photograph.crop((int(left), int(top), int(left) + width, int(top) + height))


def drawing(number):
    """Lines and shapes in flat colours."""
    generator = np.random.default_rng([2, number])
    width, height = (int(side) for side in generator.integers(80, 300, 2))
    image = Image.new("RGB", (width, height), tuple(generator.integers(150, 256, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for shape in (pen.ellipse, pen.rectangle, pen.line) * 3:
        corners = generator.integers(0, (width, height), (2, 2))
        box = np.sort(corners, axis=0).ravel().tolist()
        shape(box, fill=tuple(generator.integers(0, 256, 3).tolist()))
    return image


def save(image, place, number):
    mode, format, suffix = FORMATS[number % len(FORMATS)]
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"Image ({number}) n°{number * number}.{suffix}"
    image.convert(mode).save(path, format)
    return path


def run(*arguments):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_crops_of_photographs_and_drawings_are_told_apart(tmp_path):
    data = tmp_path / "my pictures"
    for number in range(COUNT):
        save(crop(number), data / "Été à la mer", number)
        save(drawing(number), data / "drawings", number)
    model = tmp_path / "model.npz"
    trained = run("train", data, "--out", model, "--json", "--quiet")
    assert trained["scores"]["test"]["n_images"] == 2 * round(0.2 * COUNT)
    assert trained["scores"]["test"]["accuracy"] > 0.9
    new = [save(crop(number), tmp_path / "new", number) for number in range(100, 106)]
    new += [save(drawing(number), tmp_path / "new", number) for number in range(200, 206)]
    answers = run("predict", model, *new, "--json", "--quiet")
    right = [answer["label"] == "drawings" for answer in answers]
    assert sum(right[6:]) + (6 - sum(right[:6])) >= 11
