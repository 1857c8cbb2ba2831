"""`make screenshots`: every page, on a phone and at a desk, in the light and the important ones in the dark.

Names of pages as arguments take only those.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser

from screenshots import chromium, pictures
from screenshots.orders import make_orders
from screenshots.pages import BY_NAME, PAGES, Entry
from screenshots.scene import Login, Scene, Who
from screenshots.visitor import NARROW, WIDE, Visitor
from stack.demo import seeded
from stack.processes import ROOT, Stack

FOLDER = ROOT / "docs" / "screenshots"
SLUG = "kiln-and-linen"


def main() -> int:
    """Exit status 1 where there is no Chromium."""
    entries = _wanted()
    executable = chromium.installed()
    if executable is None:
        print("No Chromium was found: install it (Debian: apt-get install chromium).", file=sys.stderr)
        return 1
    with Stack.fresh(fsync=False, funds_after_seconds=0) as stack:
        print("screenshots: starting a fresh stack with the demo", flush=True)
        stack.start()
        stack.wait_ready(90)
        scene = demo(stack)
        with chromium.running(executable) as browser:
            taken = [size for entry in entries for size in show(entry, browser, scene)]
    print(f"screenshots: {len(taken)} in {FOLDER.relative_to(ROOT)}, {sum(taken) / 1024:.0f} kB", flush=True)
    return 0


def demo(stack: Stack) -> Scene:
    """The demo, with one more order in each state."""
    places = seeded(stack.manage("seed_demo", "--samples"))
    logins = {
        Who.OPERATOR: places["operator"],
        Who.BUYER: places["buyer"],
        Who.OWNER: next(shop for shop in places["storefronts"] if SLUG in shop["url"]),
    }
    people = {who: Login(login["email"], login["password"]) for who, login in logins.items()}
    scene = Scene(stack, SLUG, people)
    make_orders(scene)
    return scene


def show(entry: Entry, browser: Browser, scene: Scene) -> list[int]:
    """All pictures of a page; the bytes of each."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sizes = []
    for width in (NARROW, WIDE):
        with Visitor(
            browser, scene, width=width, has_scripts=entry.has_scripts, language=entry.language
        ) as visitor:
            entry.visit(visitor)
            for is_dark in (False, True) if entry.is_important else (False,):
                visitor.look(width=width, is_dark=is_dark)
                sizes.append(pictures.take(visitor.page, _file(entry, width, is_dark)))
    print(f"  {entry.name:<28} {', '.join(f'{size / 1024:.0f} kB' for size in sizes)}", flush=True)
    return sizes


def _file(entry: Entry, width: int, is_dark: bool) -> Path:
    return FOLDER / f"{entry.name}-{width}{'-dark' if is_dark else ''}.webp"


def _wanted() -> list[Entry]:
    """The pages named, or all that look different from the others."""
    parser = argparse.ArgumentParser(prog="python -m screenshots")
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in BY_NAME]:
        parser.error(f"there is no page {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in names] or [entry for entry in PAGES if entry.has_scripts]


if __name__ == "__main__":
    sys.exit(main())
