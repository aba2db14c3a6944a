"""Decode images with Pillow, in parallel, into one uint8 array."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import DecompressionBombError, SkippedFile, UnreadableImageError, printable
from .images import CHANNELS, ImageSource
from .workers import for_each

# Only formats that Pillow decodes by itself: no PostScript, no external program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


@dataclass(frozen=True)
class DecodedImages:
    """The images that could be decoded, in the order asked for.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n_kept, size * size * 3), C order
        Red, green and blue of each pixel, row by row from the top left.
    kept : ndarray of int64, shape (n_kept,)
        Positions, in the list of names asked for, of the images in `pixels`.
    skipped : tuple of SkippedFile
        The others.
    """

    pixels: NDArray[np.uint8]
    kept: NDArray[np.int64]
    skipped: tuple[SkippedFile, ...]


def decode_images(
    source: ImageSource,
    names: Sequence[str],
    size: int,
    *,
    n_threads: int | None = None,
    strict: bool = False,
    on_decoded: Callable[[int], None] | None = None,
) -> DecodedImages:
    """Decode images in threads, each straight into its row of one array.

    Parameters
    ----------
    source : ImageSource
        Where the images lie; see `fusedlogit.photographs.images.open_source`.
    names : sequence of str, length n
        The images to decode, in the order of the rows.
    size : int
        Width and height to resize to, in pixels.
    n_threads : int, optional
        Number of decoding threads; all available cores by default.
    strict : bool
        Raise on the first unreadable image instead of skipping it.
    on_decoded : callable, optional
        Called in this thread with the number of images finished since the last call.

    Returns
    -------
    DecodedImages

    Raises
    ------
    DecompressionBombError
        If an image claims more pixels than Pillow's limit: never skipped, as a file made to
        exhaust memory is not an accident.
    UnreadableImageError
        If `strict` and an image cannot be decoded.
    """
    pixels = np.empty((len(names), size * size * CHANNELS), dtype=np.uint8)
    skipped: dict[int, SkippedFile] = {}

    def decode(row: int) -> None:
        try:
            decode_into(pixels[row], source.read(names[row]), names[row], size)
        except UnreadableImageError as error:
            if strict:
                raise
            skipped[row] = error.file

    with _quiet_pillow():
        # A block of a store is some hundred images: few, but large.
        chunk = max(1, min(32, len(names) // 64))
        for_each(decode, len(names), n_threads=n_threads, chunk=chunk, on_done=on_decoded)
    kept = np.array([row for row in range(len(names)) if row not in skipped], dtype=np.int64)
    return DecodedImages(
        _compact(pixels, kept), kept, tuple(skipped[row] for row in sorted(skipped))
    )


def decode_into(row: NDArray[np.uint8], content: bytes, name: str, size: int) -> None:
    """Decode one image file as a person would see it, into one row of pixels.

    The image is turned upright, laid on white where it is transparent, brought to 8 bits a
    channel and to red, green and blue, and squeezed to a square.

    Parameters
    ----------
    row : ndarray of uint8, shape (size * size * 3,)
        Where the pixels go.
    content : bytes
        The file's content.
    name : str
        The file's name, for messages.
    size : int
        Width and height in pixels.

    Raises
    ------
    DecompressionBombError, UnreadableImageError
        If the image is too large, or cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_pixels(image)
            # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size at a fraction of the work;
            # twice the wanted size keeps the final resize smooth.
            image.draft(None, (2 * size, 2 * size))
            square = _rgb(_upright(image)).resize(
                (size, size), Image.Resampling.BILINEAR, reducing_gap=2.0
            )
        row[:] = np.frombuffer(square.tobytes(), dtype=np.uint8)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecompressionBombError(
            f"{printable(name)} unpacks to more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels "
            "(a decompression bomb?): shrink or remove it"
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            SkippedFile(name, f"is not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image")
        ) from error
    # Pillow's decoders raise nearly every type of error on damaged bytes.
    except Exception as error:
        raise UnreadableImageError(SkippedFile(name, f"cannot be decoded ({error})")) from error


def _check_pixels(image: Image.Image) -> None:
    # Opening raises at twice Pillow's limit; between once and twice it would only warn.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    # Damaged metadata says nothing about the photograph, which may be whole.
    except Exception:
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # convert("RGB") would clip everything above 255 to white.
        levels = np.asarray(image)
        clear = levels == image.info.get("transparency", -1)
        return _gray(np.where(clear, 255.0, levels / 257.0))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    if image.mode in ("I", "F"):
        return _gray(_stretch(np.asarray(image, dtype=np.float64)))
    return image.convert("RGB")


def _gray(levels: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(levels).astype(np.uint8)).convert("RGB")


def _stretch(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map 32-bit levels, which have no agreed white, from darkest-brightest to 0-255."""
    darkest, brightest = float(levels.min()), float(levels.max())
    if not np.isfinite(brightest - darkest):
        raise ValueError("its pixels are not finite numbers")
    contrast = brightest - darkest or 1.0
    return (levels - darkest) * (255.0 / contrast)


def _compact(pixels: NDArray[np.uint8], kept: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Close the gaps of skipped rows in place: a second array would double the memory."""
    for destination, row in enumerate(kept):
        if destination != row:
            pixels[destination] = pixels[row]
    return pixels[: len(kept)]


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence what Pillow remarks on metadata, and on bombs, which are refused anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
