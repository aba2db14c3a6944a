"""Decoding: what a person sees is what lands in the array."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fusedlogit.errors import DecompressionBombError, UnreadableImageError
from fusedlogit.photographs.decoding import decode_images, decode_into
from fusedlogit.photographs.images import open_source

SIZE = 8


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def decoded(content, size=SIZE):
    row = np.zeros(size * size * 3, dtype=np.uint8)
    decode_into(row, content, "the-image", size)
    return row.reshape(size, size, 3)


def uniform(mode, colour, **attributes):
    image = Image.new(mode, (SIZE, SIZE), colour)
    image.info.update(attributes)
    return image


def palette(colour, **attributes):
    image = uniform("P", 1, **attributes)
    image.putpalette([9, 9, 9, *colour])
    return image


def sixteen_bits(level, **attributes):
    image = Image.fromarray(np.full((SIZE, SIZE), level, dtype=np.uint16))
    image.info.update(attributes)
    return image


def png_of_sixteen_bits(*colour):
    """A PNG file with 16 bits a channel, which Pillow reads but does not write."""
    row = b"\0" + np.array(colour * SIZE, dtype=">u2").tobytes()
    colour_type = {2: 4, 3: 2, 4: 6}[len(colour)]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 16, colour_type, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * SIZE)),
        (b"IEND", b""),
    ]
    content = PngImagePlugin._MAGIC
    for name, data in chunks:
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


def animated(format, **options):
    """Three frames: red, green, blue."""
    frames = [uniform("RGB", colour) for colour in ("red", "lime", "blue")]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (encoded(uniform("RGB", (10, 20, 30))), (10, 20, 30)),
        (encoded(uniform("L", 100)), (100, 100, 100)),
        (encoded(uniform("1", 1)), (255, 255, 255)),
        (encoded(uniform("RGBA", (255, 0, 0, 255))), (255, 0, 0)),
        (encoded(uniform("RGBA", (255, 0, 0, 0))), (255, 255, 255)),
        (encoded(uniform("RGBA", (255, 0, 0, 128))), (255, 127, 127)),
        (encoded(uniform("LA", (0, 0))), (255, 255, 255)),
        (encoded(palette((10, 200, 30))), (10, 200, 30)),
        (encoded(palette((10, 200, 30)), transparency=1), (255, 255, 255)),
        (encoded(palette((10, 200, 30)), transparency=b"\xff\x00"), (255, 255, 255)),
        (encoded(palette((10, 200, 30)), format="GIF"), (10, 200, 30)),
        (encoded(palette((10, 200, 30), transparency=1), format="GIF"), (255, 255, 255)),
        (animated("GIF"), (255, 0, 0)),
        (animated("WEBP", lossless=True), (255, 0, 0)),
        (animated("PNG"), (255, 0, 0)),
        (encoded(uniform("RGB", (10, 200, 30)), "WEBP", lossless=True), (10, 200, 30)),
        (encoded(uniform("RGBA", (10, 200, 30, 0)), "WEBP", lossless=True), (255, 255, 255)),
        (encoded(sixteen_bits(257 * 100)), (100, 100, 100)),
        (encoded(sixteen_bits(65535)), (255, 255, 255)),
        (encoded(sixteen_bits(257 * 100), transparency=257 * 100), (255, 255, 255)),
        (encoded(sixteen_bits(257 * 100), transparency=5), (100, 100, 100)),
        (encoded(sixteen_bits(257 * 100), format="TIFF"), (100, 100, 100)),
        (png_of_sixteen_bits(257 * 200, 257 * 100, 257 * 30), (200, 100, 30)),
        (png_of_sixteen_bits(257 * 200, 257 * 100, 257 * 30, 0), (255, 255, 255)),
        (png_of_sixteen_bits(257 * 100, 65535), (100, 100, 100)),
        (encoded(uniform("RGB", (10, 200, 30)), format="BMP"), (10, 200, 30)),
        (encoded(uniform("CMYK", (0, 255, 255, 0)), format="TIFF"), (255, 0, 0)),
    ],
)
def test_every_kind_of_colour_is_seen_as_it_looks(content, seen):
    assert np.all(decoded(content) == seen)


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_a_jpeg_keeps_its_colours(mode):
    image = uniform("RGB", (200, 40, 90)).convert(mode)
    assert np.abs(decoded(encoded(image, "JPEG", quality=95)).astype(int) - (200, 40, 90)).max() < 6


def test_floating_point_levels_are_stretched_to_black_and_white():
    ramp = np.linspace(-1, 3, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    gray = decoded(encoded(Image.fromarray(ramp), "TIFF"))[:, :, 0]
    assert gray.min() == 0
    assert gray.max() == 255
    assert np.all(np.diff(gray.ravel().astype(int)) >= 0)


def test_not_a_number_in_an_image_is_refused():
    levels = np.full((SIZE, SIZE), np.nan, dtype=np.float32)
    with pytest.raises(UnreadableImageError, match=r"the-image .*not finite"):
        decoded(encoded(Image.fromarray(levels), "TIFF"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(orientation):
    upright = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mirrored = upright[:, ::-1]
    stored = {
        1: upright,
        2: mirrored,
        3: np.rot90(upright, 2),
        4: np.rot90(mirrored, 2),
        5: np.rot90(mirrored, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(mirrored, -1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    np.testing.assert_array_equal(decoded(content), upright)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"])
def test_damaged_metadata_does_not_cost_the_image(exif):
    content = encoded(uniform("RGB", (10, 20, 30)), exif=exif)
    assert np.all(decoded(content) == (10, 20, 30))


def test_a_large_jpeg_looks_the_same_decoded_at_reduced_size():
    x, y = np.meshgrid(np.linspace(0, 255, 640), np.linspace(0, 255, 480))
    image = Image.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))
    content = encoded(image, "JPEG", quality=95)
    with Image.open(io.BytesIO(content)) as full:
        whole = np.asarray(full.resize((16, 16), Image.Resampling.BOX)).astype(int)
    assert np.abs(decoded(content, 16) - whole).max() <= 6


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused_by_name(format, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), format)
    with pytest.raises(UnreadableImageError, match=r"^the-image .*: repair or remove it$"):
        decoded(content[: int(share * len(content))])


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(UnreadableImageError):
        decoded(content)


@pytest.mark.parametrize("side", [12, 100])
def test_a_decompression_bomb_is_refused_by_name(side, monkeypatch, tmp_path):
    # Pillow warns from its limit on, and raises from twice its limit on.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "bomb.png").write_bytes(encoded(Image.new("L", (side, side))))
    with open_source(tmp_path) as source, pytest.raises(DecompressionBombError, match=r"bomb\.png"):
        decode_images(source, ["bomb.png"], SIZE)


def test_a_header_that_claims_a_huge_image_is_refused_before_any_memory_is_taken():
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = PngImagePlugin._MAGIC + struct.pack(">I", 13) + chunk
    content += struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(DecompressionBombError, match="the-image"):
        decoded(content + b"\0\0\0\0IDAT")


def test_rows_hold_the_images_in_the_order_asked_for(folder):
    names = ["dog.7.png", "cat.2.png", "dog.0.png"]
    with open_source(folder) as source:
        result = decode_images(source, names, SIZE)
        alone = [decoded(source.read(name)).ravel() for name in names]
    assert result.pixels.dtype == np.uint8
    assert result.pixels.flags.c_contiguous
    np.testing.assert_array_equal(result.pixels, alone)
    assert result.kept.tolist() == [0, 1, 2]
    assert result.skipped == ()


def test_unreadable_images_are_skipped_and_their_rows_closed(folder):
    (folder / "cat.0.png").write_bytes(b"")
    (folder / "cat.4.png").write_bytes(b"hello")
    names = [f"cat.{number}.png" for number in range(12)]
    with open_source(folder) as source:
        result = decode_images(source, names, SIZE)
        good = decode_images(source, names[1:4] + names[5:], SIZE)
    assert [file.name for file in result.skipped] == ["cat.0.png", "cat.4.png"]
    assert result.kept.tolist() == [1, 2, 3, *range(5, 12)]
    np.testing.assert_array_equal(result.pixels, good.pixels)


def test_strict_stops_at_the_first_unreadable_image(folder):
    (folder / "cat.4.png").write_bytes(b"hello")
    names = [f"cat.{number}.png" for number in range(12)]
    with open_source(folder) as source, pytest.raises(UnreadableImageError, match=r"cat\.4\.png"):
        decode_images(source, names, SIZE, strict=True)


@pytest.mark.parametrize("n_threads", [2, 7])
def test_a_zip_file_read_by_many_threads_gives_the_same_pixels(make_folder, n_threads, tmp_path):
    folder = make_folder(count=150)
    names = sorted(path.name for path in folder.iterdir())
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, name)
    with open_source(folder) as source:
        expected = decode_images(source, names, SIZE, n_threads=1)
    with open_source(tmp_path / "photos.zip") as source:
        result = decode_images(source, names, SIZE, n_threads=n_threads)
    np.testing.assert_array_equal(result.pixels, expected.pixels)
    assert result.skipped == ()


def test_progress_counts_every_image_once(make_folder):
    folder = make_folder(count=50)
    counts = []
    with open_source(folder) as source:
        decode_images(source, source.names(), SIZE, on_decoded=counts.append)
    assert sum(counts) == 100
    assert len(counts) > 1


def test_an_interruption_reaches_the_caller(make_folder):
    folder = make_folder(count=100)

    def interrupt(_count):
        raise KeyboardInterrupt

    with open_source(folder) as source, pytest.raises(KeyboardInterrupt):
        decode_images(source, source.names(), SIZE, on_decoded=interrupt)


def test_no_images_make_an_empty_array(folder):
    with open_source(folder) as source:
        assert decode_images(source, [], SIZE).pixels.shape == (0, SIZE * SIZE * 3)


def test_resizing_follows_the_whole_image_not_a_crop():
    image = Image.new("RGB", (40, 10), "red")
    image.paste("blue", (20, 0, 40, 10))
    seen = decoded(encoded(image))
    assert np.all(seen[:, 0] == (255, 0, 0))
    assert np.all(seen[:, -1] == (0, 0, 255))
