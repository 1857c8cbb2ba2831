"""The file in which a storefront is taken along: a ZIP that can be read without Souk.

    manifest.json           what this is, what is in it, what it was made from
    README.txt              how to read it without Souk
    SHA256SUMS              of every other member, as `sha256sum -c` reads it
    structure.sql load.sql  for psql: the storefront's tables, and its rows from the CSV files
    csv/TABLE.csv           the rows of the storefront's schema, lossless (RFC 4180; NULL is empty, an empty text is "")
    shared/TABLE.csv        what the marketplace's tables say of it: domains, team, money. To be read; never loaded
    media/...               its pictures

The operator's archives are encrypted for age recipients (age-encryption.org) where some are configured.
"""

import hmac
import json
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pyrage
from django.utils.crypto import salted_hmac

from core.errors import Conflict, Invalid
from services.schema_tables import PIECE, Summed

FORMAT, FORMAT_VERSION = "souk-storefront", 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
AGE = b"age-encryption.org/v1"
LEVEL = 3  # of deflate: twice as fast as the usual 6, a tenth larger


class BadArchive(Conflict):
    """The file is no archive of a storefront, is damaged, or was changed."""

    code = "bad_archive"
    title = "This is no sound archive of a storefront"
    detail = "{reason}"


@dataclass
class Member:
    """A file of the archive."""

    name: str
    size: int
    sha256: str


@dataclass
class ArchiveWriter:
    """Writes members one after the other, and their checksums in the end."""

    zip: ZipFile
    members: list[Member] = field(default_factory=list)

    @contextmanager
    def member(self, name: str, *, is_packed: bool = False) -> Iterator[BinaryIO]:
        """A file to write into. `is_packed`: it would not get smaller."""
        info = ZipInfo(name)
        info.compress_type = ZIP_STORED if is_packed else ZIP_DEFLATED
        info._compresslevel = LEVEL  # type: ignore[attr-defined]  # public from Python 3.13 on
        info.external_attr = 0o600 << 16
        with self.zip.open(info, "w", force_zip64=True) as stream:
            sums = Summed(stream)
            yield sums  # type: ignore[misc]
        self.members.append(Member(name, sums.size, sums.sha256))

    def text(self, name: str, text: str) -> None:
        """A file of text."""
        with self.member(name) as stream:
            stream.write(text.encode())

    def close(self, manifest: dict[str, Any]) -> None:
        """The manifest, signed, and the checksums of all."""
        self.text(
            MANIFEST, json.dumps({**manifest, "signature": signature_of(manifest, self.members)}, indent=1)
        )
        lines = "".join(f"{member.sha256}  {member.name}\n" for member in self.members)
        with self.zip.open(ZipInfo(SUMS), "w") as stream:
            stream.write(lines.encode())


def signature_of(manifest: dict[str, Any], members: Sequence[Member]) -> str:
    """Says that this installation (SECRET_KEY) wrote the archive and nobody has changed it since.

    What it holds is then shown as it is; another's HTML could not be.
    """
    facts = {name: value for name, value in manifest.items() if name != "signature"}
    sums = sorted((member.name, member.sha256) for member in members if member.name != MANIFEST)
    text = json.dumps([facts, sums], sort_keys=True, ensure_ascii=True)
    return salted_hmac("souk.archive", text, algorithm="sha256").hexdigest()


@contextmanager
def new_archive(place: Path, *, recipients: Sequence[str] = ()) -> Iterator[ArchiveWriter]:
    """Write an archive to `place`: it appears there when it is whole, or not at all. Private to our user.

    `recipients` are age public keys; with them nothing is ever on the disk in the clear. Raises Invalid for one that
    is none.
    """
    keys = [recipient_of(text) for text in recipients]
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            with _encrypted(file, keys) if keys else _plain(file) as stream, ZipFile(stream, "w") as packed:
                yield ArchiveWriter(packed)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def recipient_of(text: str) -> Any:
    """An age public key. Raises Invalid."""
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise Invalid(field="recipient", reason=f"{text!r} is not an age public key (age1...)") from error


@contextmanager
def _plain(file: BinaryIO) -> Iterator[BinaryIO]:
    yield file


@contextmanager
def _encrypted(file: BinaryIO, keys: Sequence[Any]) -> Iterator[BinaryIO]:
    """What is written goes through age into the file, in a thread of its own."""
    inward, outward = os.pipe()
    failure: list[BaseException] = []

    def encrypt() -> None:
        with os.fdopen(inward, "rb") as reader:
            try:
                pyrage.encrypt_io(reader, file, list(keys))
            except BaseException as error:
                failure.append(error)
                while reader.read(PIECE):  # so that the writer does not wait for ever
                    pass

    thread = threading.Thread(target=encrypt, name="age")
    thread.start()
    try:
        with os.fdopen(outward, "wb", buffering=PIECE) as stream:
            yield stream
    finally:
        thread.join()
    if failure:
        raise failure[0]


# Reading -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenArchive:
    """An archive whose checksums hold. `is_ours`: this installation wrote it and nobody has changed it since."""

    zip: ZipFile
    manifest: dict[str, Any]
    members: dict[str, Member]
    is_ours: bool

    def media(self) -> Iterator[tuple[str, str]]:
        """Each picture: the member's name, and its path in the storefront's media."""
        for name in self.members:
            if name.startswith("media/"):
                yield name, name.removeprefix("media/")


@contextmanager
def open_archive(place: Path, *, identities: Sequence[str] = ()) -> Iterator[OpenArchive]:
    """Read an archive, after checking every byte of it against its checksums.

    `identities` are age secret keys, for one that is encrypted. Raises BadArchive, Invalid (identities).
    """
    if not place.is_file():
        raise Invalid(field="file", reason=f"there is no file {place}")
    with place.open("rb") as file:
        is_encrypted = file.read(len(AGE)) == AGE
    with _decrypted(place, identities) if is_encrypted else _as_it_is(place) as readable:
        try:
            with ZipFile(readable) as packed:
                yield _checked(packed)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise BadArchive(reason=f"The file cannot be read: {error}") from error


@contextmanager
def _as_it_is(place: Path) -> Iterator[Path]:
    yield place


@contextmanager
def _decrypted(place: Path, identities: Sequence[str]) -> Iterator[Path]:
    """The archive in the clear, in a private folder beside it, for as long as it is read."""
    if not identities:
        raise Invalid(
            field="identity", reason="the archive is encrypted; give an age secret key that opens it"
        )
    try:
        keys = [pyrage.x25519.Identity.from_str(text.strip()) for text in identities]
    except pyrage.IdentityError as error:
        raise Invalid(
            field="identity", reason="this is not an age secret key (AGE-SECRET-KEY-1...)"
        ) from error
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as folder:
        readable = Path(folder) / "archive.zip"
        try:
            with place.open("rb") as source, readable.open("wb") as target:
                pyrage.decrypt_io(source, target, keys)
        except pyrage.DecryptError as error:
            raise BadArchive(reason="No key given opens this archive, or it is damaged.") from error
        yield readable


def _checked(packed: ZipFile) -> OpenArchive:
    names = [info.filename for info in packed.infolist()]
    for name in (MANIFEST, SUMS):
        if names.count(name) != 1:
            raise BadArchive(reason=f"There is no {name} in it.")
    members = _summed(packed, names)
    try:
        manifest = json.loads(packed.read(MANIFEST))
        kind = (manifest["format"], manifest["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadArchive(reason="Its manifest cannot be read.") from error
    if kind[0] != FORMAT or kind[1] != FORMAT_VERSION:
        raise BadArchive(reason=f"It is of the form {kind}, which this release does not read.")
    signature = signature_of(manifest, list(members.values()))
    is_ours = hmac.compare_digest(signature, str(manifest.get("signature", "")))
    return OpenArchive(packed, manifest, members, is_ours)


def _summed(packed: ZipFile, names: list[str]) -> dict[str, Member]:
    wanted = {}
    for line in packed.read(SUMS).decode("utf-8", "replace").splitlines():
        sha256, _, name = line.partition("  ")
        wanted[name] = sha256
    if sorted([*wanted, SUMS]) != sorted(names):
        odd = sorted(set(names) ^ {*wanted, SUMS})
        raise BadArchive(reason=f"Its files are not those that its checksums name: {', '.join(odd[:5])}")
    found = {}
    for name, sha256 in wanted.items():
        if not _is_safe(name):
            raise BadArchive(reason=f"It has a file of a strange name: {name!r}")
        sums = Summed()
        with packed.open(name) as stream:
            while piece := stream.read(PIECE):
                sums.write(piece)
        if sums.sha256 != sha256:
            raise BadArchive(reason=f"{name} is not what it was when the archive was made.")
        found[name] = Member(name, sums.size, sums.sha256)
    return found


def _is_safe(name: str) -> bool:
    """Stays inside of the folder it is unpacked to."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and "\0" not in name
    )
