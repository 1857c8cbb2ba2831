#!/usr/bin/env python3
"""`age -r RECIPIENT...` and `age -d -i FILE` from standard input to standard output, where only Souk's Python is there."""

import argparse
import sys
from pathlib import Path

import pyrage


def main() -> int:
    """Exit status 1 with one sentence when the key does not fit or what is read is damaged."""
    parser = argparse.ArgumentParser(prog="age.py", description=__doc__)
    parser.add_argument(
        "-r", dest="recipients", action="append", default=[], help="whom to encrypt for: age1..."
    )
    parser.add_argument("-d", dest="decrypts", action="store_true", help="decrypt")
    parser.add_argument("-i", dest="identities", type=Path, help="file with AGE-SECRET-KEY-1...")
    options = parser.parse_args()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    try:
        if options.decrypts:
            lines = options.identities.read_text(encoding="ascii").split()
            keys = [
                pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")
            ]
            pyrage.decrypt_io(source, target, keys)
        else:
            keys = [pyrage.x25519.Recipient.from_str(text) for text in options.recipients]
            pyrage.encrypt_io(source, target, keys)
        target.flush()
    except (
        pyrage.DecryptError,
        pyrage.EncryptError,
        pyrage.IdentityError,
        pyrage.RecipientError,
        OSError,
    ) as error:
        sys.stderr.write(f"age: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
