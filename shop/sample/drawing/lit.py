"""What stands in or on the pots: flames, wax and dried stems."""

import math
import random
from collections.abc import Sequence

from PIL import ImageChops, ImageDraw

from shop.sample.drawing.studio import (
    SCALE,
    Colour,
    Image,
    cast_shadow,
    darker,
    ellipse,
    lighter,
    mask,
    new_dice,
    paint,
    polygon,
    scaled,
    soften,
)
from shop.sample.drawing.thrown import Form, Glaze, curve, draw_thrown, stroke

WAX: Colour = (243, 230, 200)
BRASS: Colour = (196, 158, 92)


def draw_flame(picture: Image.Image, x: float, y: float, size: float = 1) -> None:
    """A wick that stands at (x, y), its flame and its glow."""
    paint(
        picture, (255, 226, 160), soften(ellipse(x, y - 70 * size, 250 * size, 250 * size), 110 * size), 0.55
    )
    paint(picture, (255, 214, 130), soften(ellipse(x, y - 66 * size, 70 * size, 96 * size), 34 * size), 0.60)
    paint(picture, (58, 44, 36), stroke([(x, y), (x + 2, y - 22 * size)], 5 * size))
    for colour, width, height, blur in (
        ((247, 158, 62), 21, 104, 3),
        ((255, 206, 96), 16, 84, 3),
        ((255, 246, 214), 9, 56, 3),
    ):
        paint(picture, colour, soften(_drop(x, y - 10 * size, width * size, height * size), blur), 0.96)


def _drop(x: float, y: float, width: float, height: float) -> Image.Image:
    points = []
    for step in range(60):
        angle = step / 60 * 2 * math.pi
        share = (1 - math.cos(angle)) / 2
        points.append((x + width * math.sin(angle) * (1 - share) ** 0.55 * 1.2, y - height * share))
    return polygon(points)


def draw_container_candle(picture: Image.Image, glaze: Glaze, *, tone: Colour, seed: str) -> None:
    """A candle in a thrown tumbler."""
    form = Form([(470, 196), (560, 200), (760, 196), (900, 178)], bare_foot=70, fill=WAX, fill_depth=22)
    draw_thrown(picture, form, glaze, tone=tone, seed=seed)
    draw_flame(picture, 600, 496)


def draw_pillar(picture: Image.Image, *, tone: Colour, seed: str, x: float = 600, top: float = 420) -> None:
    """A pillar of wax, its edge a little melted."""
    wax = Glaze(WAX, rim=lighter(WAX, 0.4), inside=lighter(WAX, 0.2), gloss=0.35)
    form = Form(
        [(top, 128), (top + 20, 132), (880, 134), (900, 132)],
        x=x,
        wall=14,
        fill=lighter(WAX, 0.1),
        fill_depth=9,
    )
    draw_thrown(picture, form, wax, tone=tone, seed=seed)
    draw_flame(picture, x, top + 12, 0.95)


def draw_tapers(picture: Image.Image, colour: Colour, *, tone: Colour, seed: str) -> None:
    """Two tapers in brass holders."""
    wax = Glaze(colour, rim=lighter(colour, 0.3), gloss=0.4)
    brass = Glaze(BRASS, rim=lighter(BRASS, 0.3), inside=darker(BRASS, 0.2), gloss=1)
    for x, top, base in ((490, 330, 880), (690, 250, 930)):
        cast_shadow(picture, tone, x, base, 96)
        draw_thrown(
            picture,
            Form([(base - 22, 92), (base - 14, 96), (base, 94)], x=x, is_closed=True),
            brass,
            tone=tone,
            seed=seed,
        )
        foot = Form([(base - 120, 34), (base - 92, 30), (base - 60, 24), (base - 26, 46)], x=x, view=0.2)
        _stand(picture, foot, brass, seed)
        candle = Form([(top, 12), (top + 30, 20), (base - 112, 26)], x=x, view=0.2, is_closed=True)
        _stand(picture, candle, wax, seed)
        draw_flame(picture, x, top + 8, 0.8)


def _stand(picture: Image.Image, form: Form, glaze: Glaze, seed: str) -> None:
    below = picture.copy()
    draw_thrown(picture, form, glaze, tone=(200, 180, 150), seed=seed)
    keep = mask()
    ImageDraw.Draw(keep).rectangle((0, 0, 1200 * SCALE, form.lowest * SCALE), fill=255)
    outline = [(form.x - form.radius(y), y) for y in _steps(form)]
    outline += [(form.x + form.radius(y), y) for y in reversed(_steps(form))]
    shape = polygon(outline)
    mouth = ellipse(form.x, form.top[0], form.top[1], form.top[1] * form.view)
    shape = ImageChops.lighter(shape, mouth)
    picture.paste(Image.composite(picture, below, shape))


def _steps(form: Form) -> list[float]:
    count = round(form.lowest - form.top[0])
    return [form.top[0] + at for at in range(count + 1)]


def draw_tealight(picture: Image.Image, glaze: Glaze, *, tone: Colour, seed: str) -> None:
    """A low holder with a small flame."""
    form = Form([(660, 168), (720, 190), (800, 186), (890, 130)], view=0.24, bare_foot=30)
    draw_thrown(picture, form, glaze, tone=tone, seed=seed)
    paint(picture, lighter(WAX, 0.2), ellipse(600, 676, 74, 17))
    draw_flame(picture, 600, 676, 0.75)


def draw_stems(
    picture: Image.Image,
    x: float,
    y: float,
    *,
    seed: str,
    colour: Colour,
    reach: float = 300,
    count: int = 3,
    kind: str = "leaf",
) -> None:
    """Dried stems out of a mouth at (x, y): eucalyptus leaves or seed heads."""
    dice = new_dice(seed)
    for at in range(count):
        lean = (at - (count - 1) / 2) * 0.42 + dice.uniform(-0.10, 0.10)
        length = reach * dice.uniform(0.8, 1.05)
        tip = (x + math.sin(lean) * length, y - math.cos(lean) * length)
        middle = (x + math.sin(lean * 0.5) * length * 0.5, y - length * 0.52)
        path = curve([(x + lean * 8, y + 4), middle, tip])
        paint(picture, darker(colour, 0.3), stroke(path, 4))
        _dress(picture, path, colour, dice, kind)


def _dress(
    picture: Image.Image, path: Sequence[tuple[float, float]], colour: Colour, dice: random.Random, kind: str
) -> None:
    draw = ImageDraw.Draw(picture)
    first = len(path) // 3
    for at in range(first, len(path), 4 if kind == "leaf" else 2):
        x, y = path[at]
        before = path[at - 1]
        way = math.atan2(y - before[1], x - before[0])
        share = (at - first) / (len(path) - first)
        for side in (-1, 1):
            turn = way + side * dice.uniform(0.75, 1.05)
            size = (46 - 24 * share) if kind == "leaf" else (20 - 8 * share)
            tone = lighter(darker(colour, dice.uniform(0, 0.28)), dice.uniform(0, 0.2))
            leaf = _leaf(x, y, turn, size, 0.62 if kind == "leaf" else 0.5)
            draw.polygon(scaled(leaf), fill=tone)
            draw.polygon(scaled(leaf[: len(leaf) // 2]), fill=darker(tone, 0.10))


def _leaf(x: float, y: float, turn: float, size: float, plump: float) -> list[tuple[float, float]]:
    points = []
    for step in range(33):
        angle = step / 32 * 2 * math.pi
        along = (1 - math.cos(angle)) / 2 * size
        aside = math.sin(angle) * size * plump / 2
        points.append(
            (
                x + along * math.cos(turn) - aside * math.sin(turn),
                y + along * math.sin(turn) + aside * math.cos(turn),
            )
        )
    return points


leaf = _leaf
