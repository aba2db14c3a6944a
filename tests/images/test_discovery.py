"""Finding and labelling images in folders and zip files."""

import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from fusedlogit.errors import DecompressionBombError, ImageDataError, UnreadableImageError
from fusedlogit.photographs import images
from fusedlogit.photographs.images import FileSource, find_images, open_source


def labelled(path):
    return [(file.name, file.label, file.number) for file in find_images(path).files]


def test_labels_and_numbers_come_from_names(make_folder):
    found = labelled(make_folder(count=3))
    assert found == [
        (f"{label}.{number}.png", label, number) for label in ("cat", "dog") for number in range(3)
    ]


def test_labels_come_from_folders_where_names_carry_none(make_folder):
    found = labelled(make_folder("deep/{label}/IMG_{number}.png", count=3))
    assert found == [
        (f"deep/{label}/IMG_{number}.png", label, number)
        for label in ("cat", "dog")
        for number in range(3)
    ]


def test_folders_label_images_whose_names_all_say_the_same(make_folder):
    found = labelled(make_folder("{label}/img.{number}.png", count=3))
    assert Counter(label for _, label, _ in found) == {"cat": 3, "dog": 3}


def test_names_win_over_the_folder_that_holds_them_all(make_folder):
    found = labelled(make_folder("train/{label}.{number}.png", count=3))
    assert {label for _, label, _ in found} == {"cat", "dog"}


def test_a_label_may_contain_dots(make_folder):
    found = labelled(make_folder(labels=("st.bernard", "cat"), count=3))
    assert {label for _, label, _ in found} == {"st.bernard", "cat"}


def test_an_image_without_a_number_has_none(make_folder):
    folder = make_folder("{label}/x{number}.png", count=3)
    (folder / "cat" / "x0.png").rename(folder / "cat" / "tom.png")
    assert ("cat/tom.png", "cat", None) in labelled(folder)


def test_zip_and_folder_give_the_same_list(folder, zip_file):
    assert labelled(zip_file) == labelled(folder)


def test_other_files_and_macos_shadows_are_passed_over(folder):
    expected = labelled(folder)
    for name in (
        "notes.txt",
        "._cat.1.png",
        "__MACOSX/cat.1.png",
        ".thumbs/cat.1.png",
        "cat.png.py",
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not an image")
    assert labelled(folder) == expected


def test_an_image_without_label_is_left_out_by_name(folder):
    (folder / "cover.png").write_bytes((folder / "cat.1.png").read_bytes())
    catalogue = find_images(folder)
    assert len(catalogue.files) == 24
    assert [file.name for file in catalogue.unlabelled] == ["cover.png"]


def test_two_labels_are_needed(make_folder):
    with pytest.raises(
        ImageDataError, match=r"photos holds 1 label \('cat'\) where two are needed"
    ):
        find_images(make_folder(labels=("cat",), count=3))


@pytest.mark.parametrize("pattern", ["{label}.{number}.png", "{label}/{number}.png"])
def test_more_labels_than_two_are_welcome(make_folder, pattern):
    labels = tuple(str(digit) for digit in range(10))
    found = labelled(make_folder(pattern, labels=labels, count=3))
    assert Counter(label for _, label, _ in found) == dict.fromkeys(labels, 3)


def test_a_label_that_occurs_once_is_named_with_its_file(folder):
    (folder / "dgo.3.png").write_bytes((folder / "dog.3.png").read_bytes())
    with pytest.raises(ImageDataError, match=r"label 'dgo' occurs only once .*dgo\.3\.png"):
        find_images(folder)


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(ImageDataError, match=r"nowhere does not exist: give a zip file or"):
        find_images(tmp_path / "nowhere")


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ImageDataError, match="holds no images"):
        find_images(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_zip(tmp_path, content):
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(ImageDataError, match=r"photos\.zip is neither a folder nor a readable zip"):
        find_images(path)


def test_messages_stay_on_one_line_whatever_the_name(tmp_path):
    with pytest.raises(ImageDataError) as caught:
        find_images(tmp_path / "two\nlines\x1b[31m")
    assert str(caught.value).isprintable()


def test_a_zip_member_with_a_broken_checksum_is_refused_by_name(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat.1.png", b"a recognisable content")
    path.write_bytes(path.read_bytes().replace(b"recognisable", b"unrecognised"))
    with open_source(path) as source, pytest.raises(UnreadableImageError) as caught:
        source.read("cat.1.png")
    assert caught.value.file.name == "cat.1.png"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_file_larger_than_any_photograph_is_refused_unread(folder, zip_file, kind, monkeypatch):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    path = folder if kind == "folder" else zip_file
    with open_source(path) as source, pytest.raises(DecompressionBombError, match=r"dog\.3\.png"):
        source.read("dog.3.png")


def test_single_files_are_named_as_given(folder, tmp_path):
    name = str(folder / "cat.1.png")
    assert FileSource([name]).read(name) == Path(name).read_bytes()
    for bad, reason in ((str(tmp_path), "is a folder"), (str(tmp_path / "no.png"), "not exist")):
        with pytest.raises(UnreadableImageError, match=reason):
            FileSource([bad]).read(bad)


@pytest.mark.parametrize(
    "pattern",
    [
        "C:\\{label}.{number}.jpg",
        "C:{label}.{number}.jpg",
        "photos\\{label}.{number}.jpg",
        "C:\\deep/photos\\{label}\\IMG_{number}.jpg",
    ],
)
def test_names_with_either_separator_and_a_drive(tmp_path, pattern):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for label in ("cat", "dog"):
            for number in range(3):
                archive.writestr(pattern.format(label=label, number=number), b"")
    found = find_images(path).files
    assert [(file.label, file.number) for file in found] == [
        (label, number) for label in ("cat", "dog") for number in range(3)
    ]


@pytest.mark.parametrize("name", ["C:\\.thumbs\\cat.9.jpg", "__MACOSX\\cat.9.jpg"])
def test_shadows_are_passed_over_with_either_separator(folder, name):
    expected = labelled(folder)
    (folder / name).write_bytes(b"not an image")
    assert labelled(folder) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_folders_that_are_links_are_followed_and_loops_are_not(make_folder, tmp_path):
    inside = make_folder("{label}/IMG_{number}.png", count=3)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (inside / "dog").rename(elsewhere / "dog")
    (inside / "dog").symlink_to(elsewhere / "dog")
    (inside / "cat" / "above").symlink_to(inside)
    (elsewhere / "dog" / "again").symlink_to(inside / "cat")
    (inside / "kitten").symlink_to(inside / "cat")
    (inside / "hound").symlink_to(elsewhere / "dog")
    (inside / "back").symlink_to(tmp_path)
    found = Counter(label for _, label, _ in labelled(inside))
    assert found == {"cat": 3, "dog": 3}


def test_folders_of_an_archive_are_no_images(folder, zip_file):
    expected = labelled(zip_file)
    with zipfile.ZipFile(zip_file, "a") as archive:
        archive.writestr("set.1.jpg/", "")
    assert labelled(zip_file) == expected


@pytest.mark.parametrize("digits", [18, 19, 5000])
def test_numbers_of_any_length(tmp_path, digits):
    number = "9" * digits
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in (f"{label}/{i}.jpg" for label in ("cat", "dog") for i in range(3)):
            archive.writestr(name, b"")
        archive.writestr(f"cat/{number}.jpg", b"")
    found = {file.name: file.number for file in find_images(tmp_path / "photos.zip").files}
    assert found[f"cat/{number}.jpg"] == (int(number) if digits == 18 else None)
